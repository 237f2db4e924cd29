"""`harness train`: train a variant without measuring it."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


def train(
    variant: Annotated[str, typer.Option("--variant", help="A variant. `harness ls variants` lists all.")],
    base: options.BaseName = "mini",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Training seed.")] = 0,
    data: options.Data = None,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Train a variant without measuring it, and print the folder of its last stage.

    The folder is in the cache. To get an encoder with a model card, measure the variant and use `harness export`.
    """
    from harness.bases import resolve_base
    from harness.cli.screen import RunScreen, prepare
    from harness.encoder.placement import Placement
    from harness.paths import cache_folder
    from harness.run.open import train_variant
    from harness.training.processes import Processes

    prepare(quiet=quiet)
    place = Placement.choose(device, "float32")
    with RunScreen(0, quiet=quiet) as screen:
        folder = train_variant(
            variant,
            resolve_base(base),
            seed=seed,
            place=place,
            cache=cache_folder(),
            listener=screen,
            data=options.stage_data(data),
        )
    if Processes.here().first:
        print(folder)
