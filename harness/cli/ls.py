"""`harness ls`: list variants, bases, models, suites, tasks, runs or systems."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.errors import HarnessError, near_names

KINDS = ("variants", "bases", "models", "suites", "tasks", "runs", "systems")


def ls(
    what: Annotated[str, typer.Argument(help=" | ".join(KINDS), metavar="KIND")],
    suite: options.SuiteName = "mini",
    base: Annotated[
        list[str] | None,
        typer.Option("--base", help="Of bases: only this one, a name, folder, GGUF file or hub id. Repeatable."),
    ] = None,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """List variants, bases, reference models, suites, tasks, or the runs and systems of the database.

    Of bases on this machine, layers, width and the numbers of parameters are listed: `harness ls bases --base FOLDER`.
    """
    from harness.cli.screen import out, print_json
    from harness.cli.tables import table

    if what not in KINDS:
        raise HarnessError(f"cannot list {what!r}; {near_names(what, KINDS)}")
    if base and what != "bases":
        raise HarnessError(f"--base lists bases and no {what}; write `harness ls bases --base {base[0]}`")
    listers = {"variants": _variants, "bases": lambda: _bases(base or ()), "models": _models, "suites": _suites}
    listers |= {"tasks": lambda: _tasks(suite), "runs": lambda: _runs(db), "systems": lambda: _systems(db)}
    headers, rows = listers[what]()
    if as_json:
        print_json([dict(zip(headers, row, strict=True)) for row in rows])
    else:
        numbers = [place for place, header in enumerate(headers) if header.startswith("parameters")]
        said = [[f"{cell:,}" if i in numbers and cell else cell for i, cell in enumerate(row)] for row in rows]
        out.print(table(headers, said, right=numbers))


Listing = tuple[tuple[str, ...], list[tuple[object, ...]]]


def _variants() -> Listing:
    from harness.cards import load_cards

    rows: list[tuple[object, ...]] = []
    for card in load_cards().values():
        training = " + ".join(stage.kind for stage in card.recipe.stages) or "none"
        rows.append((card.variant, card.recipe.attention, training, card.step_from, card.title))
    return ("variant", "attention", "training", "one step from", "what it is"), rows


def _bases(given: Sequence[str]) -> Listing:
    from harness.bases import EMBEDDED, named_bases, resolve_base
    from harness.gguf.convert import folder_of, revision_of
    from harness.gguf.sources import NAMED

    sizes = ("layers × width", "parameters without embedding", "parameters")
    if given:
        found = [resolve_base(name) for name in given]
        return ("base", *sizes, "where"), [(base.name, *_size(base.folder), str(base.folder)) for base in found]
    folders = {name: folder_of(revision_of(named.sha256)) for name, named in NAMED.items()}
    folders[EMBEDDED] = resolve_base(EMBEDDED).folder
    rows: list[tuple[object, ...]] = [
        (name, about, *_size(folders[name]), NAMED[name].found() if name in NAMED else "in this package")
        for name, about in named_bases().items()
    ]
    kinds = "(Llama, Mistral, Qwen or Gemma)"
    for form, meant in (
        ("FOLDER", f"a folder with a Hugging Face checkpoint in safetensors {kinds}, or with one GGUF file"),
        ("FILE.gguf", "a GGUF file of a Llama, Qwen 2, Qwen 3, Gemma 2 or Gemma 3"),
        ("ORG/NAME", "a hub id; ORG/NAME@REVISION selects a commit, ORG/NAME:FILE.gguf a GGUF file"),
    ):
        rows.append((form, meant, None, None, None, ""))
    return ("base", "what it is", *sizes, "where"), rows


def _size(folder: Path) -> tuple[str | None, int | None, int | None]:
    """Layers × width, parameters without the embedding, and with it; None where there is no folder (not converted)."""
    from harness.bases import size_of

    if not folder.is_dir():
        return None, None, None
    size = size_of(folder)
    return size.shape, size.body, size.parameters


def _models() -> Listing:
    from harness.models import NAMED_MODELS

    rows: list[tuple[object, ...]] = [(name, named.about, named.found()) for name, named in NAMED_MODELS.items()]
    rows.append(("FOLDER", "a folder with a sentence-transformers model, or a transformers checkpoint", ""))
    rows.append(("ORG/NAME", "a hub id; ORG/NAME@REVISION selects a commit", ""))
    return ("model", "what it is", "where"), rows


def _suites() -> Listing:
    from harness.suites.catalog import suite_lists, suites

    rows: list[tuple[object, ...]] = [(each.name, len(each.tasks), each.about) for each in suites().values()]
    return ("suite", "tasks", "what it is"), rows + [
        (name, len(each.tasks), each.about) for name, each in suite_lists().items()
    ]


def _tasks(suite: str) -> Listing:
    from harness.suites.catalog import get_suite

    infos = [task.info for task in get_suite(suite).tasks]
    return ("task", "type", "metric", "revision", "what it is"), [
        (info.name, info.task_type, info.metric, info.revision, info.about) for info in infos
    ]


def _runs(db: Path) -> Listing:
    from harness.store import Store

    store = Store(db, read_only=True)
    systems = {system.system_id: system for system in store.systems()}
    results = store.scores(current=False, diagnostics=True)["run_id"].value_counts()
    rows: list[tuple[object, ...]] = []
    for run in store.runs():
        made = systems[run.system_id]
        began, state = f"{run.started_at:%Y-%m-%d %H:%M}", "finished" if run.finished_at else "stopped"
        who, measured = (run.run_id, made.base, made.variant, made.seed), int(results.get(run.run_id, 0))
        rows.append((*who, run.suite, measured, run.device, run.dtype, began, state))
    return ("run", "base", "variant", "seed", "suite", "results", "device", "dtype", "started", "state"), rows


def _systems(db: Path) -> Listing:
    from harness.contamination.wording import summary
    from harness.store import Store

    store = Store(db, read_only=True)
    scores, overlaps = store.scores(), store.overlaps()
    rows: list[tuple[object, ...]] = []
    for each in store.systems():
        own = scores[scores["system_id"] == each.system_id]
        measured = set(zip(own["task"], own["revision"], strict=True))
        seen = [overlap for overlap in overlaps if overlap.stage in each.stage_digests]
        known = each.kind != "reference"
        shared = summary(each.stage_digests, seen, measured) if known else "not known: reference model"
        rows.append((each.system_id, each.base, each.variant, each.seed, each.kind, len(own), shared, each.folder))
    return ("system", "base", "variant", "seed", "kind", "results", "training data overlaps", "folder"), rows
