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
        typer.Option(
            "--kernels", help="Attention kernels to check, comma-separated (default: all that are available)."
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Check this machine: mask proofs for every attention kernel, library versions, determinism, free disk space.

    It also says how large the base is, which weights and tokens of it were read, and how long the state of a text's
    first token is. Each mask proof checks causal and bidirectional attention, batch sizes 1 and 8, left, right and no
    padding, before and after merging an adapter. Compiling flex attention takes about a minute on a CPU.
    """
    from harness.cli.screen import err, out, prepare, print_json
    from harness.cli.tables import table
    from harness.paths import cache_folder

    prepare()
    from harness.doctor import examine

    chosen = tuple(name.strip() for name in kernels.split(",") if name.strip()) if kernels is not None else None
    findings = examine(
        base,
        device=device,
        dtype=dtype,
        kernels=chosen,
        cache=cache_folder(),
        note=lambda text: err.print(f"{text} …", style="dim"),
    )
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        marks = {"ok": "ok", "warning": "note", "failed": "FAILED"}
        out.print(table(("", "what", "found"), [(marks[each.state], each.what, each.found) for each in findings]))
    failed = [finding.what for finding in findings if finding.state == "failed"]
    if failed:
        raise ProofError(f"{len(failed)} checks failed: {', '.join(failed)}")
