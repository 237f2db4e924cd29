"""`harness calibrate`: do the statistics keep what they promise?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options

if TYPE_CHECKING:
    from harness.calibration.report import CalibrationCell, CalibrationReport, Rate


def calibrate(
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Simulate a representative part of the cells, with the same number of replicates."
        ),
    ] = False,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Simulate comparisons with and without a true effect, and report each method's errors.

    The report gives type-I error, coverage and power. The simulations use synthetic outcomes and the outcomes in the
    database. The report is stored there for the pages.

    The exit code is 1 if a method is out of bounds where it claims to be valid: type-I error 3.5 to 6.5 %, coverage 93
    to 97 %.
    """
    from harness.calibration.run import run_calibration
    from harness.cli.screen import CountScreen, err, out, print_json
    from harness.store import Store

    with CountScreen() as screen:
        report = run_calibration(
            Store(db, on_wait=lambda message: err.print(message)), quick=quick, progress=screen.count
        )
    if as_json:
        print_json(report.to_json() | {"broken": len(report.broken)})
    else:
        out.print(_table(report))
        out.print()
        print(_sentence(report))
    if report.broken:
        raise typer.Exit(1)


def _table(report: CalibrationReport) -> object:
    from harness.cli.tables import table

    headers = ("method", "design", "type I", "coverage", "power", "effect", "claimed")
    rows = [
        (
            cell.method,
            cell.design,
            _rate(cell.type_one),
            _rate(cell.coverage),
            _rate(cell.power),
            "–" if cell.effect is None else f"{cell.effect:.3f}",
            _claim(cell),
        )
        for cell in report.cells
    ]
    return table(headers, rows, right=(2, 3, 4, 5))


def _rate(rate: Rate | None) -> str:
    return "–" if rate is None else f"{100 * rate.value:.1f} ± {100 * rate.se:.1f}"


def _claim(cell: CalibrationCell) -> str:
    if not cell.claimed:
        return f"no: {cell.why}"
    return "yes" if cell.kept else "yes, and OUT OF BOUNDS"


def _sentence(report: CalibrationReport) -> str:
    claimed = [cell for cell in report.cells if cell.claimed]
    kept = len(claimed) - len(report.broken)
    return (
        f"{kept} of {len(claimed)} cells in which a method claims validity are within bounds (type-I error 3.5 to "
        f"6.5 %, coverage 93 to 97 %); {len(report.cells) - len(claimed)} make no claim. {report.replicates} "
        f"replicates a cell, percent ± Monte-Carlo error; {report.seconds / 60:.0f} minutes."
    )
