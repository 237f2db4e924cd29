"""What the encoder benchmarks read: real texts in equal shares of several sources, or generated ones."""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoTokenizer

from harness.mini import checkpoint_folder
from harness.mini.corpus import pretraining_documents
from harness.rows import TEXT, read_rows

# Generated texts, in tokens: log-normal, median 26, 90th percentile 164, as captions, questions and paragraphs have it.
MEDIAN, P90 = 26, 164
_SIGMA = np.log(P90 / MEDIAN) / 1.2816
_COLUMNS = ("sentence1", "sentence2", "text", "sentences")


def generated_texts(n: int, tokenizer: Any, *, limit: int, seed: int = 0) -> list[str]:
    """`n` texts of the embedded English, cut out of its documents at the lengths above (in tokens, below `limit`)."""
    draw = np.random.default_rng(seed)
    lengths = np.clip(np.round(np.exp(draw.normal(np.log(MEDIAN), _SIGMA, n))), 2, limit - 1).astype(int)
    whole = " ".join(pretraining_documents(seed, 4_000))
    offsets = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
    starts = random.Random(seed)
    texts = []
    for length in lengths:
        first = starts.randrange(len(offsets) - length)
        texts.append(whole[offsets[first][0] : offsets[first + length - 1][1]].strip())
    return texts


def real_texts(
    n: int, *, tasks: Sequence[str], languages: Sequence[str], documents: Path | None, seed: int = 0
) -> list[str]:
    """`n` distinct texts, the same number of each source: every mteb task, in `languages`, and the documents' file."""
    sources = [task_texts(name, languages) for name in tasks]
    if documents:
        sources.append(sorted({text for (text,) in read_rows(documents, TEXT)}))
    draw = random.Random(seed)
    share, left = divmod(n, len(sources))
    drawn = [text for row, source in enumerate(sources) for text in draw.sample(source, share + (row < left))]
    draw.shuffle(drawn)
    return list(dict.fromkeys(drawn))


def task_texts(name: str, languages: Sequence[str]) -> list[str]:
    """The distinct texts of an mteb task on text, of all its splits, sorted."""
    import mteb

    task = mteb.get_task(name, languages=list(languages))
    task.load_data()
    splits = [
        split for part in task.dataset.values() for split in (part.values() if isinstance(part, dict) else [part])
    ]
    cells = [cell for split in splits for column in _COLUMNS if column in split.column_names for cell in split[column]]
    return sorted({text for cell in cells for text in ([cell] if isinstance(cell, str) else cell) if text.strip()})


def add_tokenizer_options(parser: argparse.ArgumentParser) -> None:
    """How a benchmark is told which tokenizer its checkpoint has."""
    parser.add_argument("--tokenizer", type=Path, help="a folder with a tokenizer in place of the embedded base's")
    parser.add_argument("--documents", type=Path, help="a .txt, .jsonl or .parquet with a column text")
    parser.add_argument("--vocabulary", type=int, help="learn a tokenizer of so many tokens from the documents")


def chosen_tokenizer(asked: argparse.Namespace, folder: Path) -> Path | None:
    """The folder of the tokenizer that was asked for, made in `folder` where it is to be learnt; None: the embedded."""
    if not asked.vocabulary:
        tokenizer: Path | None = asked.tokenizer
        return tokenizer
    if not asked.documents:
        sys.exit("--vocabulary needs --documents to learn from")
    return write_tokenizer(folder, asked.documents, asked.vocabulary)


def write_tokenizer(folder: Path, documents: Path, size: int) -> Path:
    """A byte-level BPE of `size` tokens, learnt from the documents, with the settings of the embedded base's."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    texts = (text for (text,) in read_rows(documents, TEXT))
    embedded = AutoTokenizer.from_pretrained(checkpoint_folder())
    embedded.train_new_from_iterator(texts, size, show_progress=False).save_pretrained(folder)
    return folder


def padding_factor(texts: Sequence[str], lengths: np.ndarray, *, batch_size: int = 32) -> float:
    """Tokens that batches of texts sorted by characters hold, padding included, for every token that is text."""
    order = np.argsort([-len(text) for text in texts], kind="stable")
    batches = [lengths[order[first : first + batch_size]] for first in range(0, len(order), batch_size)]
    return float(sum(batch.max() * len(batch) for batch in batches) / lengths.sum())
