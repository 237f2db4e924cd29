"""`harness export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options

FORMATS = ("model", "mteb", "parquet")


def export(
    system: Annotated[
        str | None,
        typer.Argument(
            help="A system's id of `harness ls systems` or its beginning, BASE/VARIANT, or VARIANT; results: all."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="New folder.")] = None,
    kind: Annotated[
        str, typer.Option("--format", help="model: the encoder; mteb: results as mteb writes them; parquet: results.")
    ] = "model",
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="The training seed, where a variant was measured with several.")
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", help="Where the base lies now, if an untrained variant's base has moved.")
    ] = None,
    db: options.Db = options.DB,
) -> None:
    """Write a measured system, or results, to a new folder; print the folder.

    As a model: a sentence-transformers folder that plain SentenceTransformer(DIR) opens, with its model card: what made
    the system, its data, what that data shares with the tasks, the mask proof and the results. A system without a
    passed mask proof is refused. As mteb: a results cache of mteb, DIR/results/MODEL/REVISION/TASK.json, ready for its
    leaderboard. As parquet: scores.parquet and outcomes.parquet, joined by the column result.
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
        from harness.export import export_system

        if system is None:
            raise HarnessError(
                "name a system to export (`harness ls systems`), or results with --format mteb or parquet"
            )
        print(export_system(store, system, out=out, seed=seed, base=base))
        return
    from harness.interchange import choose, write_mteb, write_parquet

    write = write_mteb if kind == "mteb" else write_parquet
    print(write(store, choose(store, system, seed=seed), out=out))
