"""`harness verify`: recompute every stored score."""

from __future__ import annotations

from dataclasses import asdict

from harness.cli import options
from harness.errors import HarnessError, VerifyError


def verify(db: options.Db = options.DB, as_json: options.Json = False) -> None:
    """Recompute every stored score from its stored outcomes, and report differences above 1e-6.

    For mteb tasks the score must equal mteb's main_score.
    """
    from harness.cli.screen import CountScreen, err, print_json
    from harness.store import Store

    with CountScreen() as screen:
        checks = list(Store(db, read_only=True).verify(screen.count))
    wrong = [check for check in checks if not check.ok]
    if as_json:
        print_json([asdict(check) | {"ok": check.ok} for check in checks])
    else:
        for check in wrong:
            err.print(f"{check.base} × {check.variant}, {check.key.task}, run {check.run_id}: {check.problem}")
        gaps = [abs(check.stored - check.recomputed) for check in checks if check.recomputed is not None]
        print(
            f"{len(checks) - len(wrong)} of {len(checks)} stored scores equal those recomputed from their outcomes "
            f"(largest difference {max(gaps, default=0.0):.1e})"
        )
    if not checks:
        raise HarnessError(f"{db} has no results; measure some with `harness run`")
    if wrong:
        raise VerifyError(
            f"{len(wrong)} stored scores differ from those recomputed from their outcomes; "
            "run those tasks again with --force"
        )
