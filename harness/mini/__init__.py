"""The embedded English and its base: a small language written by this project, and a small Llama trained on it."""

from __future__ import annotations

from pathlib import Path

BLANK_TOKEN = "_"


def checkpoint_folder() -> Path:
    """The Hugging Face folder of the shipped base: config, fp16 safetensors, tokenizer."""
    return Path(__file__).with_name("checkpoint")
