"""The mini base's tokenizer: byte-level BPE, a BOS in front of every text, a blank for masking."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.mini import BLANK_TOKEN

VOCABULARY_SIZE = 2048
BOS, EOS, PAD = "<s>", "</s>", "<pad>"


def train_tokenizer(texts: Iterable[str], *, max_length: int) -> Any:
    """A `PreTrainedTokenizerFast` of at most `VOCABULARY_SIZE` entries, learnt from `texts`.

    The post-processor adds BOS, nothing is added at the end. `_` is one token and the mask token, as in LLM2Vec.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    # The space before the first word makes it the same token as inside a sentence.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        # the blank takes the space before it along, as every word does
        special_tokens=[BOS, EOS, PAD, AddedToken(BLANK_TOKEN, lstrip=True)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        mask_token=BLANK_TOKEN,
        padding_side="right",
        model_max_length=max_length,
    )
