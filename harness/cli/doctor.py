"""`harness doctor`: check this machine and installation."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from harness.cli import options
from harness.errors import ProofError


def doctor(
    base: options.BaseName = "mini",
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    kernels: Annotated[
        str | None,
        typer.Option("--kernels", help="Attention kernels to prove, comma-separated (default: all available)."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Check this machine: mask proofs for every kernel, library versions, determinism, free disk.

    The proof runs every available attention kernel × batch 1 and 8 × left, right, no padding × before and after
    merging an adapter, causal and bidirectional. Compiling flex attention takes about a minute on CPU.
    """
    from harness.cli.screen import err, out, prepare, print_json, table
    from harness.doctor import examine

    prepare()
    chosen = tuple(name.strip() for name in kernels.split(",") if name.strip()) if kernels is not None else None
    findings = examine(
        base, device=device, dtype=dtype, kernels=chosen, note=lambda text: err.print(f"[dim]{text} …[/dim]")
    )
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        marks = {"ok": "ok", "warning": "note", "failed": "FAILED"}
        out.print(table(("", "what", "found"), [(marks[each.state], each.what, each.found) for each in findings]))
    failed = [finding.what for finding in findings if finding.state == "failed"]
    if failed:
        raise ProofError(f"{len(failed)} checks failed: {', '.join(failed)}")
