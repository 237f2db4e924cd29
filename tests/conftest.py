"""Fixtures that many tests share. No test reaches the network, the user's cache or the user's database."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the command does for small models
os.environ["TQDM_DISABLE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# Real checkpoints and data sets, where the machine has them: a folder with hub/, models/, train/, probes/.
SHARED_DATA = Path(os.environ.get("HARNESS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
IN_CI = os.environ.get("CI") == "true"


# Files of the slow set that take minutes, the longest first.
LONG = (
    "test_ladder.py",
    "test_real.py",
    "test_benchmarks.py",
    "test_breakages.py",
    "test_kills.py",
    "test_ray.py",
    "test_scale.py",
    "test_fuzz.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest begin first; else a process of the slow set is alone with one of them at the end."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONG)))


def library(name: str) -> Any:
    """The module `name` of the test group, or a skip that says so; in CI its absence is a failure."""
    reason = f"pip install {name} (it is in the test group)"
    return importlib.import_module(name) if IN_CI else pytest.importorskip(name, reason=reason)


@pytest.fixture(autouse=True)
def _own_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test starts in an empty folder with an empty cache."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("HARNESS_DB", raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch has one thread, whatever the environment gives it."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data, or a skip that says so; in CI its absence is a failure."""
    if (SHARED_DATA / "models").is_dir():
        return SHARED_DATA
    message = f"no real data at {SHARED_DATA}; set HARNESS_TEST_DATA to a folder with models/ and hub/"
    if IN_CI:
        pytest.fail(message)
    pytest.skip(message)


TINY_WORDS = [
    "the",
    "a",
    "cat",
    "dog",
    "sat",
    "ran",
    "on",
    "mat",
    "road",
    "big",
    "small",
    "red",
    "old",
    "man",
    "saw",
    "her",
    "his",
    "and",
    "was",
    "is",
    "in",
    "of",
    "to",
    "bird",
    "tree",
]


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of 2 layers × 16 with random weights and a real word-level tokenizer that adds BOS."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bases") / "tiny"
    names = ["<unk>", "<s>", "</s>", "_", *TINY_WORDS, *"abcdefghijklmnopqrstuvwxyz0123456789"]
    raw = Tokenizer(
        models.WordLevel({name: index for index, name in enumerate(dict.fromkeys(names))}, unk_token="<unk>")
    )
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<unk>", bos_token="<s>", eos_token="</s>", model_max_length=64
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
