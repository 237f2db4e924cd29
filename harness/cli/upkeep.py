"""`harness doctor`, `harness verify`, `harness site`: is the tool, the store, the page in order?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from harness.cli import options
from harness.errors import HarnessError, ProofError, VerifyError


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)
    app.command("verify")(verify)
    app.command("site")(site)


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


def verify(db: options.Db = options.DB, as_json: options.Json = False) -> None:
    """Recompute every stored score from its stored outcomes (to 1e-6; mteb's own main_score for mteb tasks)."""
    from harness.cli.screen import err, print_json
    from harness.store import Store

    checks = list(Store(db, read_only=True).verify())
    wrong = [check for check in checks if not check.ok]
    if as_json:
        print_json([asdict(check) | {"ok": check.ok} for check in checks])
    else:
        for check in wrong:
            err.print(f"{check.base} × {check.variant}, {check.key.task}, run {check.run_id}: {check.problem}")
        gaps = [abs(check.stored - check.recomputed) for check in checks if check.recomputed is not None]
        print(
            f"{len(checks) - len(wrong)} of {len(checks)} stored scores equal what their outcomes give "
            f"(largest difference {max(gaps, default=0.0):.1e})"
        )
    if not checks:
        raise HarnessError(f"{db} holds no result to verify; make some with `harness run`")
    if wrong:
        raise VerifyError(
            f"{len(wrong)} stored scores are not what their outcomes give; run those tasks again with --force"
        )


def site(
    db: options.Db = options.DB,
    out: options.Site = options.SITE,
    serve: Annotated[
        bool, typer.Option("--serve", help="Then serve it on this machine until Ctrl-C; it opens without, too.")
    ] = False,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port of --serve (0: any free one).")
    ] = 8321,
) -> None:
    """Write the page: static files that open in a browser without a server."""
    from harness.cli.screen import CountScreen
    from harness.store import Store
    from leaderboard.build import build_site
    from leaderboard.serve import make_server

    with CountScreen() as screen:
        page = build_site(Store(db, read_only=True), out, progress=screen.count)
    print(page)
    if serve:
        with make_server(page.parent, port=port) as server:
            print(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)", flush=True)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print()
