"""Is this installation fit to make numbers? Each question gives one Finding."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from harness.bases import Base, resolve_base, size_of
from harness.encoder.attention import available_kernels
from harness.encoder.mask_proof import MaskProof
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.packing import PACKED_KERNELS, VARLEN
from harness.encoder.placement import Placement
from harness.errors import HarnessError, near_names
from harness.provenance import TESTED, versions
from harness.recipes import Recipe
from harness.records import proof_words
from harness.text_to_vector import Attention
from harness.training.lora import Lora, add_lora, merge_lora

ATTENTIONS: tuple[Attention, ...] = ("causal", "bidirectional")
LITTLE_DISK_GB = 2.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One checked thing. `warning`: works, but worth knowing. `failed`: do not trust numbers made here."""

    what: str
    found: str
    state: Literal["ok", "warning", "failed"]


def examine(
    base: str, *, device: str, dtype: str, kernels: Sequence[str] | None, cache: Path, note: Callable[[str], None]
) -> list[Finding]:
    """Run every check on `base`; `cache` is where stages would be trained, `note` hears what is being done."""
    place = Placement.choose(device, dtype)
    checkpoint = resolve_base(base)
    return [
        *_versions(),
        _disk(cache),
        *_proofs(checkpoint, place, kernels, note),
        _determinism(checkpoint, place),
    ]


def _versions() -> Iterator[Finding]:
    for name, found in versions().items():
        same = found.split("+")[0] == TESTED[name]
        said = found if same else f"{found}; the project's tests ran with {TESTED[name]}"
        yield Finding(what=name, found=said, state="ok" if same else "warning")


def _disk(folder: Path) -> Finding:
    existing = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    free = shutil.disk_usage(existing).free / 1e9
    enough = free >= LITTLE_DISK_GB
    return Finding(what="free disk", found=f"{free:.1f} GB for {folder}", state="ok" if enough else "warning")


def _proofs(
    base: Base, place: Placement, kernels: Sequence[str] | None, note: Callable[[str], None]
) -> Iterator[Finding]:
    yield Finding(what="size", found=str(size_of(base.folder)), state="ok")
    if base.origin:
        yield Finding(what="base", found=base.origin, state="ok")
    opened = _encoder(base, "causal", place)
    if opened.opening is not None:
        for what, found in opened.opening.describe().items():
            yield Finding(what=what, found=found, state="ok")
    for attention in ATTENTIONS:
        yield from _first_token(opened if attention == "causal" else _encoder(base, attention, place))
    available = available_kernels(opened.backbone)
    for kernel in kernels if kernels is not None else available:
        if kernel not in available:
            raise HarnessError(
                f"no attention kernel {kernel!r} is available here for {base.name}; {near_names(kernel, available)}"
            )
        for attention in ATTENTIONS:
            note(f"proving {attention} attention with {kernel}")
            before = _encoder(base, attention, place)
            because = _why_not_packed(before, kernel) if kernel in PACKED_KERNELS else ""
            if because:
                yield Finding(what=f"{kernel}, {attention}", found=f"not used here: {because}", state="ok")
                continue
            yield _finding(kernel, "", before.prove(kernels=(kernel,)))
            yield _finding(kernel, ", adapter merged", _with_merged_adapter(before).prove(kernels=(kernel,)))
    if kernels is None and "flex_attention" not in available:
        yield Finding(what="flex_attention", found="not run: needs CUDA or a C++ compiler", state="warning")


def _first_token(encoder: Encoder) -> Iterator[Finding]:
    attention = encoder.recipe.attention
    first = encoder.first_token()
    if first is None:
        yield Finding(what=f"first token, {attention}", found="not measured: no state to compare", state="warning")
        return
    for name, ratios in first.lines:
        yield Finding(what=f"{name}, {attention}", found=f"norm ÷ median of the others: {ratios}", state="ok")
    if first.sentence:
        yield Finding(what=f"attention sink, {attention}", found=first.sentence, state="warning")


def _why_not_packed(encoder: Encoder, kernel: str) -> str:
    reader = encoder.reader
    needs_half = kernel == VARLEN and reader.kernel != VARLEN
    return reader.padded_because or ("it needs half precision" if needs_half else "")


def _encoder(base: Base, attention: Attention, place: Placement) -> Encoder:
    return build_encoder(
        base.folder, Recipe(attention=attention), seed=None, place=place, name=base.name, revision=base.revision
    )


def _with_merged_adapter(encoder: Encoder) -> Encoder:
    """Put an adapter that does something into the model and merge it, as a training stage does."""
    torch.manual_seed(0)
    add_lora(encoder.backbone, Lora())
    for name, weight in encoder.backbone.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    merge_lora(encoder.backbone)
    encoder.backbone.eval()
    return encoder


def _finding(kernel: str, when: str, proof: MaskProof) -> Finding:
    failed = [check for check in proof.checks if not check.ok]
    if failed:
        found = f"{len(failed)} of {len(proof.checks)} checks fail: {failed[0].reason}"
    else:
        found = f"{len(proof.checks)} checks; {proof_words(proof.to_dict())}"
    return Finding(what=f"{kernel}, {proof.attention}{when}", found=found, state="failed" if failed else "ok")


def _determinism(base: Base, place: Placement) -> Finding:
    """The same texts twice, and a second time from a newly loaded model: bit for bit the same?"""
    texts = [
        f"The {word} stood beside the {other}." for word in ("cook", "ship", "judge") for other in ("table", "road")
    ]
    first: Any = _encoder(base, "bidirectional", place).encode(texts)
    again: Any = _encoder(base, "bidirectional", place).encode(texts)
    gap = float(np.abs(first - again).max())
    if gap == 0:
        return Finding(what="determinism", found="two loads give the same bits", state="ok")
    return Finding(what="determinism", found=f"two loads differ by up to {gap:.1e}", state="warning")
