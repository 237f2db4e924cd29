"""`harness export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options

if TYPE_CHECKING:
    from harness.interchange.chosen import Chosen
    from harness.store import Store

FORMATS = ("model", "mteb", "parquet", "text")


def export(
    system: Annotated[
        str | None,
        typer.Argument(
            help="VARIANT, BASE/VARIANT, or a system's id (`harness ls systems`) or its first characters. For "
            "results the default is all."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The new folder.")] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--format",
            help="model: the encoder. mteb: results in mteb's format. parquet: results as tables. text: results as "
            "text files.",
        ),
    ] = "model",
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="The training seed, if the variant was measured with several.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", help="The folder of the base, if it has moved (needed for variants without training)."),
    ] = None,
    db: options.Db = options.DB,
) -> None:
    """Write a measured encoder, or results, to a new folder, and print the folder.

    --format model writes a sentence-transformers folder with a model card. SentenceTransformer(DIR) opens it without
    this project. The system must have passed its mask proof.

    --format mteb writes results for mteb's leaderboard: DIR/results/MODEL/REVISION/TASK.json.

    --format parquet writes scores.parquet and outcomes.parquet. Join them on the column result.

    --format text writes results as text, to be kept in version control: a file for each system and one for the
    questions, without texts of examples. `harness regress --rebuild DB --reference DIR` makes a database of them.
    """
    from harness.cli.screen import prepare
    from harness.errors import HarnessError, near_names
    from harness.store import Store

    prepare()
    if kind not in FORMATS:
        raise HarnessError(f"there is no format {kind!r}; {near_names(kind, FORMATS)}")
    if out is None:
        raise HarnessError("name a new folder with --out")
    store = Store(db, read_only=True)
    if kind == "model":
        from harness.api import export_system

        if system is None:
            raise HarnessError(
                "name a system (`harness ls systems` lists all), or export results with --format mteb, parquet or text"
            )
        print(export_system(store, system, out, seed=seed, base=base))
        return
    from harness.interchange.chosen import choose
    from harness.interchange.mteb_files import write_mteb
    from harness.interchange.parquet import write_parquet

    chosen = choose(store, system, seed=seed)
    if kind == "text":
        _write_text(store, chosen, out)
        return
    print((write_mteb if kind == "mteb" else write_parquet)(store, chosen, out=out))


def _write_text(store: Store, chosen: Chosen, out: Path) -> None:
    import sys

    from harness.paths import new_folder
    from harness.reference.files import write_references
    from harness.reference.take import take_study

    study = take_study(store, chosen.systems, chosen.scores)
    write_references(new_folder(out), study.references, study.questions)
    for why, count in study.left_out.items():
        print(f"left out {count} results: {why}", file=sys.stderr)
    print(out)
