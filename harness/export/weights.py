"""A system of the store ─▶ its encoder in float32, from the cache or drawn and built again from the base."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from harness.bases import EMBEDDED, Base, named_bases, resolve_base
from harness.encoder.model import Encoder
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.export.choose import label_of
from harness.gguf.sources import is_at_hub
from harness.recipes import Recipe
from harness.records import Run, System
from harness.run.open import open_weights
from harness.training import parse_recipe
from harness.training.manifests import MANIFEST, read_stage, stage_at
from harness.training.merging import WeightChain, is_whole
from harness.training.stored import check_stage
from harness.training.trained import TrainedStage

_COMMIT_DIGITS = 40


def open_stored(system: System, runs: Sequence[Run], *, base: str | None, cache: Path) -> Encoder:
    """Open `system` on the CPU in float32 and prove its mask. Trained weights are taken from `cache`.

    `base` names the base if it no longer lies where it was measured. Raises HarnessError if the trained weights are
    gone from the cache or are not those that `runs` measured, and if the base is not the one that was measured;
    ProofError if the mask is not what the card says.
    """
    recipe = _recipe(system)
    if recipe.not_plain:
        raise HarnessError(f"{label_of(system)} {recipe.not_plain}")
    last = _stage(system, runs, recipe, cache) if system.stage_digests else None
    encoder, _ = open_weights(
        recipe,
        base=None if WeightChain.ending(last, share=recipe.trained_share).root else _base(system, runs, base).folder,
        last=last,
        seed=system.seed,
        place=Placement.choose("cpu", "float32"),
        name=f"{system.base}-{system.variant}",
        revision=system.system_id,
    )
    return encoder


def _recipe(system: System) -> Recipe:
    try:
        return parse_recipe(system.recipe.fields)
    except ValidationError:
        raise HarnessError(
            f"the recipe of {label_of(system)} was stored by another version of harness, and this one cannot read it; "
            "measure the variant again with `harness run`"
        ) from None


def _stage(system: System, runs: Sequence[Run], recipe: Recipe, cache: Path) -> Path:
    """The folder of the last stage, whose name is the beginning of the stage's address."""
    stored = Path(system.folder or "")
    in_cache = cache / "stages" / stored.name
    folder = next((each for each in (in_cache, stored) if (each / MANIFEST).is_file()), None)
    again = _train_command(system, runs, recipe)
    if folder is None:
        raise HarnessError(f"the weights of {label_of(system)} are no longer in the cache; `{again}` trains them again")
    here = read_stage(folder).weights_sha256
    measured = {run.provenance.weights_sha256 or here for run in runs}
    if measured != {here}:
        raise HarnessError(
            f"the weights of {label_of(system)} in {folder} are not those that were measured (the stage was trained "
            "again with another result); measure them with `harness run --force`"
        )
    digest: str | None = next((each for each in system.stage_digests if each.startswith(stored.name)), stored.name)
    each = folder
    while digest is not None:  # the stages under one that holds its adapter alone
        if not (each / MANIFEST).is_file():
            raise HarnessError(f"{each}, a stage of {label_of(system)}, is no longer there; `{again}` trains it again")
        check_stage(each, digest, whole=True)
        digest = None if is_whole(each) and recipe.trained_share is None else read_stage(each).parent
        each = stage_at(folder.parent, digest or "")
    return folder


def _base(system: System, runs: Sequence[Run], given: str | None) -> Base:
    name = given or _where(system, runs)
    base = resolve_base(name)
    if base.revision != system.base_revision:
        raise HarnessError(
            f"the base {name!r} is not what {label_of(system)} was measured on (its revision is {base.revision[:12]}, "
            f"not {system.base_revision[:12]}); give the right one with --base"
        )
    return base


def _where(system: System, runs: Sequence[Run]) -> str:
    """What names the base of `system` to `resolve_base`: the folder of a trained one is that of its last stage."""
    if system.base in named_bases() or is_at_hub(system.base):
        return system.base
    if len(system.base_revision) == _COMMIT_DIGITS:
        return f"{system.base}@{system.base_revision}"
    folder = _named_base(runs) if system.stage_digests else system.folder
    if folder and ("/" not in folder or Path(folder).expanduser().exists()):
        return folder
    raise HarnessError(f"the base of {label_of(system)} is no longer at {folder}; give its new folder with --base")


def _named_base(runs: Sequence[Run]) -> str | None:
    """The base as the newest command named it."""
    for run in reversed(runs):
        words = shlex.split(run.provenance.command or "")
        if "--base" in words[:-1]:
            return words[words.index("--base") + 1]
    return None


def _train_command(system: System, runs: Sequence[Run], recipe: Recipe) -> str:
    """The command that fills the cache with the system's stages again."""
    base = f"{system.base}@{system.base_revision}" if len(system.base_revision) == _COMMIT_DIGITS else system.base
    if not base.endswith(system.base_revision):
        base = _named_base(runs) or base
    words = ["harness", "train", "--variant", system.variant, "--base", base]
    words += [] if system.seed is None else ["--seed", str(system.seed)]
    for kind, source in stage_data(recipe):
        words += ["--data", f"{kind}={source}"]
    return shlex.join(words)


def stage_data(recipe: Recipe) -> list[tuple[str, str]]:
    """Stage kinds with the data they were given by name; the embedded English needs no naming."""
    trained = [stage for stage in recipe.stages if isinstance(stage, TrainedStage)]
    return [(stage.kind, stage.data) for stage in trained if stage.data != EMBEDDED]
