"""Word similarity: pairs of words out of context. Lines are `word, word, rating`, parted by white space."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from harness.suites.words.data.examples import WordExample, WordSet
from harness.suites.words.data.sources import DataSet, SourceFile
from harness.suites.words.probe import WordProbe


def parse_similarity(data: DataSet, folder: Path) -> WordSet:
    """Pairs of words with the mean rating of how similar they are; each word is a text of its own."""
    (rows,) = data.rows(folder)
    examples = tuple(
        WordExample(
            example_id=f"{number}:{first}:{second}",
            texts=(first, second),
            spans=((0, len(first)), (0, len(second))),
            word=f"{first}:{second}",
            scores=(float(score),),
        )
        for number, (first, second, score) in enumerate(rows)
    )
    same = sum(example.texts[0] == example.texts[1] for example in examples)
    turned = len(examples) - len({frozenset(example.texts) for example in examples})
    return WordSet(
        examples=examples,
        oddities={"pairs of a word with itself, kept": same, "pairs that stand twice, kept": turned},
    )


def similarity_set(file: str, *, name: str, n_texts: int, source: str, rows_sha256: str) -> DataSet:
    """One of the sets that Faruqui and Dyer 2014 collected; `file` is its name there, without the ending."""
    return DataSet(
        name=name,
        source=source,
        files=(
            SourceFile(
                path=f"word_similarity/{file}.txt",
                repository="mfaruqui/eval-word-vectors",
                commit="94b3dd9fdbac7ed08dbee7179cd5ee464acf0594",
                upstream=f"data/word-sim/{file}.txt",
                rows_sha256=rows_sha256,
                table=f"word_similarity/{file}.tsv",
                separator=None,
            ),
        ),
        n_texts=n_texts,
        parse=parse_similarity,
    )


DATA_SETS = (
    similarity_set(
        "EN-RG-65",
        name="rg65",
        n_texts=130,
        source="RG-65 (Rubenstein and Goodenough 1965)",
        rows_sha256="c243f3a91c3f5d8cf67f21a67f6fb80bde8b6bb060851a6a48e6f2d68ec98c9f",
    ),
    similarity_set(
        "EN-WS-353-ALL",
        name="wordsim353",
        n_texts=706,
        source="WordSim-353 (Finkelstein et al. 2001)",
        rows_sha256="7968d0b0f8851fd1932c0aa998482f12396761774769450b290f142f52942b8c",
    ),
    similarity_set(
        "EN-SIMLEX-999",
        name="simlex999",
        n_texts=1998,
        source="SimLex-999 (Hill et al. 2015)",
        rows_sha256="405394ffb7d25f6d0e3c041f87c9f27d29dc6b047506769953e85c4523b11685",
    ),
    similarity_set(
        "EN-SimVerb-3500",
        name="simverb3500",
        n_texts=7000,
        source="SimVerb-3500 (Gerz et al. 2016)",
        rows_sha256="2464a2b1b9128ca28b482ad438231fc94961b32cc5b75787549f931460b934c9",
    ),
)
_RG65, _WORDSIM353, _SIMLEX999, _SIMVERB3500 = DATA_SETS
# The correlation of the cosines of pairs with their ratings.
_probe = partial(WordProbe, task_type="WordSimilarity", metric="spearman")
TASKS = (
    _probe(name="RG65", data=_RG65, about="similarity of two nouns out of context"),
    _probe(name="WordSim353", data=_WORDSIM353, about="similarity or relatedness of two words out of context"),
    _probe(name="SimLex999", data=_SIMLEX999, about="similarity, not relatedness, of two words out of context"),
    _probe(name="SimVerb3500", data=_SIMVERB3500, about="similarity of two verbs out of context"),
)
