"""`harness show`: one run, its system, what made it, its mask proof and its scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.records import Cost, FirstToken, System
    from harness.stage_record import StageManifest


def show(
    run: Annotated[str, typer.Argument(help="The id of a run, or its first characters. `harness ls runs` lists all.")],
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Show one run: its system, recipe, training, library versions, mask proof, scores and costs.

    Costs (tokens, memory, energy) are of the run's device: compare them with those of the same kind of device only.
    """
    from dataclasses import asdict

    from harness.cli.screen import out, print_json
    from harness.cli.tables import table
    from harness.contamination.wording import by_task, summary
    from harness.metrics import get_metric
    from harness.store import Store

    store = Store(db, read_only=True)
    found = [each for each in store.runs() if each.run_id.startswith(run)]
    if len(found) != 1:
        problem = "no run" if not found else f"{len(found)} runs"
        raise HarnessError(f"{problem} in {db} with an id that begins with {run!r}; `harness ls runs` lists them")
    (record,) = found
    system = next(each for each in store.systems() if each.system_id == record.system_id)
    scores = store.scores(run_id=record.run_id, diagnostics=True)
    stages = store.stages(system.stage_digests)
    measured = set(zip(scores["task"], scores["revision"], strict=True))
    costs = {task: cost for (run_id, task), cost in store.costs().items() if run_id == record.run_id}
    overlaps = [each for each in store.overlaps(system_id=system.system_id) if (each.task, each.revision) in measured]
    if as_json:
        columns = ["task", "split", "subset", "revision", "metric", "score", "n_examples", "n_trials", "seconds"]
        print_json(
            {
                "run": asdict(record) | {"provenance": record.provenance.plain()},
                "system": asdict(system) | {"recipe": system.recipe.plain()},
                "scores": scores[columns].to_dict("records"),
                "costs": {task: asdict(cost) for task, cost in costs.items()},
                "stages": [{"digest": s.digest, "kind": s.kind, "manifest": s.plain()} for s in stages.values()],
                "overlaps": [asdict(each) | {"share": each.share} for each in overlaps],
            }
        )
        return
    proof = record.mask_proof
    rows: list[tuple[str, object]] = [
        ("run", record.run_id),
        *_named(system),
        *((f"stage {kind}", digest) for kind, digest in system.lineage.items()),
        *((f"training {stage.kind}", _training(stage)) for stage in stages.values()),
        ("folder", system.folder),
        ("suite", record.suite),
        ("started", f"{record.started_at:%Y-%m-%d %H:%M:%S} UTC"),
        (
            "finished",
            f"{record.finished_at:%Y-%m-%d %H:%M:%S} UTC" if record.finished_at else "no: it was stopped",
        ),
        ("mask proof", _NO_PROOF.get(system.kind, "none") if proof is None else _proof(dict(proof))),
        *((record.provenance.opening or {}).items()),
        *_first_token(record.provenance.first_token),
        *(
            (key, "; ".join(f"{name}: {said}" for name, said in value.items()) if isinstance(value, dict) else value)
            for key, value in record.provenance.facts.items()
            if key not in ("version", "versions")
        ),
        *((f"version of {key}", value) for key, value in record.provenance.versions.items()),
    ]
    out.print(table(("", ""), rows))
    out.print()
    cells = [
        (
            row["task"],
            row["metric"],
            get_metric(row["metric"]).write(row["score"], more_digits=1),
            row["n_examples"],
            f"{row['seconds']:.1f}",
            *_cost(costs.get(row["task"])),
        )
        for row in scores.to_dict("records")
    ]
    headers = ("task", "metric", "score", "examples", "seconds", "tokens", "tokens/s", "peak memory", "energy")
    out.print(table(headers, cells, right=range(2, 9)))
    if system.stage_digests:
        out.print()
        out.print(f"Overlap of the training data with tasks: {summary(system.stage_digests, overlaps, measured)}")
    if overlaps:
        out.print(table(("task", "overlap"), [(each.task, each.sentence) for each in by_task(overlaps)]))


def _cost(cost: Cost | None) -> tuple[str | None, ...]:
    """What the task of a result took, as `harness show` prints it; a task with several results took it once."""
    if cost is None:
        return (None,) * 4
    return (
        None if cost.tokens is None else f"{cost.tokens:,}",
        None if cost.tokens_per_s is None else f"{cost.tokens_per_s:,.0f}",
        None if cost.peak_bytes is None else f"{cost.peak_bytes / 1e9:.2f} GB",
        None if cost.energy_j is None else f"{cost.energy_j:,.0f} J",
    )


_NO_PROOF = {
    "baseline": "none (the bag of words has no attention)",
    "reference": "none (a reference model is measured as it is; no claim is made about its attention)",
}


def _first_token(first: FirstToken | None) -> list[tuple[str, object]]:
    if first is None:
        return []
    lines = [(name, f"norm ÷ median of the others: {ratios}") for name, ratios in first.lines]
    return [*lines, *([("attention sink", first.sentence)] if first.sentence else [])]


def _named(system: System) -> list[tuple[str, object]]:
    seed = "" if system.seed is None else f" × seed {system.seed}"
    if system.made_elsewhere:
        name = f"{system.base} × {system.variant}" if system.base else f"{system.variant} (reference)"
        return [("system", name + seed), ("what it is", system.recipe.title), ("version", system.card_hash)]
    if system.kind == "reference":
        commit = system.recipe.hub_commit or "none: a folder"
        return [
            ("system", f"{system.variant} (reference)"),
            ("content, SHA-256", system.base_revision),
            ("hub commit", commit),
        ]
    return [
        ("system", f"{system.base} × {system.variant}{seed}"),
        ("base revision", system.base_revision),
        ("recipe", system.card_hash),
    ]


def _training(stage: StageManifest) -> str:
    from harness.contamination.declared import source_name

    parts = [", ".join(map(source_name, stage.sources))]
    if stage.losses:
        (first, began), (last, ended) = stage.losses[0], stage.losses[-1]
        parts.append(f"loss {began:.4g} at step {first}, {ended:.4g} at step {last}")
    parts += [f"{stage.seconds:.0f} s"] if stage.recipe.steps and stage.seconds is not None else []
    return "; ".join(part for part in parts if part)


def _proof(proof: dict[str, object]) -> str:
    from harness.records import proof_words

    checks = proof.get("checks")
    count = len(checks) if isinstance(checks, list) else 0
    said = f"{proof.get('attention')}: {'passed' if proof.get('passed') else 'FAILED'}, {count} checks"
    return f"{said}; {measured}" if (measured := proof_words(proof)) else said
