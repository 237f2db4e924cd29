"""Texts ─▶ sentences, by their punctuation."""

from __future__ import annotations

import re

# Up to a mark at the end of a word, with the quotes or brackets that close behind it; or to the end of the text.
_SENTENCE = re.compile(r"\S.*?(?:[.!?]+[\"'”’)\]]*(?=\s)|$)")


def split_sentences(text: str) -> list[str]:
    """The sentences of `text`, spaces folded. An abbreviation ends one too: nothing is known of the language.

    >>> split_sentences("It rained 3.5 mm.  'The dog\\nran!' Who saw it")
    ['It rained 3.5 mm.', "'The dog ran!'", 'Who saw it']
    """
    return _SENTENCE.findall(" ".join(text.split()))
