"""What `harness run` says when all is stored: the comparison, the page, or the command that shows the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from harness.compare.entries import Entry
    from harness.compare.results import Comparison
    from harness.run.plan import RunPlan
    from harness.store import Store


def report(plan: RunPlan, store: Store, site: Path, variants: tuple[str, ...], *, as_json: bool) -> None:
    """Write the pages to `site` and say what was found of `variants` and of the reference models of `plan`.

    Raises HarnessError for pages that cannot be written, after what was found is said.
    """
    from harness.cli.screen import CountScreen, err, print_json
    from harness.compare.analysis import compare_each
    from harness.compare.entries import find_base
    from harness.run.plan import CAUSAL_BASE
    from leaderboard.build import Draft

    draft, known, page = Draft(store, site), None, None
    names = [e.variant for e in draft.entries if {s.system_id for s in e.systems} & set(plan.references)]
    base = find_base(draft.entries, plan.base.name, revision=plan.base.revision) if plan.base else ""
    failed: HarnessError | None = None
    here = plan.place  # of results in several dtypes those that were measured now
    shown_by = _shown_elsewhere(plan)
    # The page first: what the terminal makes of the report must not cost it, nor the other way round.
    try:
        with CountScreen() as screen:
            if plan.base is not None and not shown_by:
                known = draft.analysis(base, progress=screen.count)
            page = None if store.scores().empty else draft.write(screen.count)  # a page is of scores
    except HarnessError as error:
        failed = error
    if shown_by:
        (err.print if as_json else print)(f"All results are stored. {shown_by}")
        if as_json:
            print_json([])
    elif plan.base is None:
        rows = store.scores(dtype=here.dtype, device=here.device)
        _report_references(rows, draft.entries, names=names, tasks=plan.suite.names, as_json=as_json)
    else:
        measured = {entry.variant for entry in draft.entries if entry.base in (base, "")}
        others = [name for name in (*variants, *names) if name != CAUSAL_BASE]
        if plan.failed:
            others = [name for name in others if name in measured]
        tasks = plan.suite.names
        found = compare_each(
            store, base=base, variants=others, against=CAUSAL_BASE, tasks=tasks, dtype=here.dtype, device=here.device,
            known=known,
        )  # fmt: skip
        if found or CAUSAL_BASE in measured:
            _report(found, as_json=as_json)
    if failed:
        raise failed
    if page and not as_json:
        print(f"\nThe page: {page}")


def _shown_elsewhere(plan: RunPlan) -> str:
    """Where results are shown of which none is compared; empty if some are."""
    from harness.outcomes import DIAGNOSTIC_TYPES
    from harness.suites.catalog import layered_tasks
    from harness.suites.distractor import TASK_TYPE as DISTRACTORS
    from harness.suites.words.feng2025 import TASK_TYPE as REPRODUCTION

    if plan.base is None:
        return ""
    types = {task.info.task_type for task in plan.suite.tasks}
    if types == {REPRODUCTION}:
        return "`harness reproduce feng2025` with the same --base compares them with the paper's results."
    if not types <= DIAGNOSTIC_TYPES:
        return ""
    by_layer = [
        f"`harness {task.suite} --base {plan.base.name}`" for task in layered_tasks() if task.task_type in types
    ]
    distractors = [f"`harness distractors --base {plan.base.name}`"] if DISTRACTORS in types else []
    own = [*by_layer, *distractors]
    commands = [*own, f"`harness words --base {plan.base.name}`"] if len(own) < len(types) else own
    return f"{' and '.join(commands)} show{'s' if len(commands) == 1 else ''} these diagnostics."


def _report(comparisons: Sequence[Comparison], *, as_json: bool) -> None:
    """Say what was found: each variant against the causal base, in words and numbers."""
    from harness.cli.comparison import comparison_as_json, overview, print_comparison
    from harness.cli.screen import out, print_json, say

    if as_json:
        print_json([comparison_as_json(comparison) for comparison in comparisons])
        return
    if len(comparisons) == 1:
        print_comparison(comparisons[0])
    elif comparisons:
        from harness.compare.wording import sentence

        out.print(overview(comparisons))
        out.print()
        for comparison in comparisons:
            say(sentence(comparison))
            for problem in comparison.problems:
                say(f"  {problem}")
    else:
        print("The causal base is measured. To compare it, run another variant with --variant.")


def _report_references(
    scores: pd.DataFrame, entries: Sequence[Entry], *, names: Sequence[str], tasks: Sequence[str], as_json: bool
) -> None:
    """Say what reference models score, where no base was measured along."""
    from harness.cli.screen import out, print_json
    from harness.cli.tables import pivot, table
    from harness.compare.wording import task_label
    from harness.metrics import get_metric
    from harness.outcomes import TaskPart

    shown = {system.system_id: e.variant for e in entries if e.variant in names for system in e.systems}
    rows = scores[scores["system_id"].isin(shown) & scores["task"].isin(tasks)]
    rows = rows.assign(variant=rows["system_id"].map(shown))
    if as_json:
        columns = ["variant", "task", "split", "subset", "revision", "metric", "score", "n_examples", "n_trials"]
        print_json(rows[columns].rename(columns={"variant": "model"}).to_dict("records"))
        return
    found = [(TaskPart.of(row), row) for row in rows.to_dict("records")]
    parts = tuple(dict.fromkeys(part for part, _ in found))
    cells = (
        (
            (task_label(part, parts), row["metric"]),
            row["variant"],
            get_metric(row["metric"]).write(row["score"]),
        )
        for part, row in found
    )
    headers = ("task", "metric", *(f"{name} (reference)" for name in names))
    out.print(table(headers, pivot(names, cells), right=range(2, len(headers)), keys=2))
