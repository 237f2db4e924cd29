"""`harness export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options


def register(app: typer.Typer) -> None:
    app.command("export")(export)


def export(
    system: Annotated[
        str, typer.Argument(help="A system's id of `harness ls systems` or its beginning, BASE/VARIANT, or VARIANT.")
    ],
    out: Annotated[Path, typer.Option("--out", help="New folder; plain SentenceTransformer(DIR) opens it.")],
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="The training seed, where a variant was measured with several.")
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", help="Where the base lies now, if an untrained variant's base has moved.")
    ] = None,
    db: options.Db = options.DB,
) -> None:
    """Write a measured system as a sentence-transformers folder with its model card; print the folder.

    The folder needs none of this project's code. Its README.md holds what made the system, its data, what that data
    shares with the tasks, the mask proof and the results. A system without a passed mask proof is refused.
    """
    from harness.cli.screen import prepare

    prepare()
    from harness.export import export_system
    from harness.store import Store

    print(export_system(Store(db, read_only=True), system, out=out, seed=seed, base=base))
