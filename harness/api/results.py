"""Store outcomes that were made elsewhere, compare, describe, rank, write the site: what needs results only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.arguments import as_names
from harness.compare import compare, current_entries, rank
from harness.compare.axis.analysis import analyse_axis
from harness.compare.axis.declared import BaseAxis, axis_of, measured_axis
from harness.compare.axis.results import AxisAnalysis
from harness.compare.conditions import NOT_RECORDED, check_measured
from harness.compare.contrasts import declared_contrasts
from harness.compare.looks import at_look
from harness.compare.ranking import Ranks
from harness.compare.results import Comparison
from harness.compare.wording import cautions, family_of, leave_one_out, left_out, look_of, overall, scope, sentence
from harness.errors import HarnessError, near_names
from harness.metrics import get_metric, score_outcomes
from harness.outcomes import TaskKey, TaskResult, read_outcomes
from harness.records import MADE_ELSEWHERE, Provenance, Run, StoredRecipe, System
from harness.run.plan import EVALUATION_VERSION
from harness.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from harness.compare.analysis import AnalysisProgress

_SAID = (sentence, left_out, look_of, overall, leave_one_out, scope, family_of, cautions)


def add_outcomes(
    store: Store,
    outcomes: pd.DataFrame,
    *,
    system: str,
    task: str,
    metric: str,
    base: str = "",
    seed: int | None = None,
    version: str = "1",
    split: str = "test",
    subset: str = "default",
    revision: str = "1",
    task_type: str = "Own",
) -> TaskResult:
    """Store outcomes that were made elsewhere, a row an example, as the newest result of `system` on `task`.

    `outcomes` needs the column example_id, and gold_label with predicted_label, or gold_score with predicted_score.
    It may have unit (examples that share it are resampled together), trial, layer and position. The score is computed
    from them by `metric`. Two systems can be compared on a task if task, split, subset, `revision`, metric, examples
    and gold answers are the same; `store.scores()` shows those of stored results.

    Without `base` the system is shown as a reference model. With `base` it is a variant of that base; variants
    without a mask proof are compared, but not ranked. `version` counts the versions of the system: the newest counts.

    Raises HarnessError for an unknown metric or column, a missing or repeated example, an answer that is missing or
    not finite, a score that is not defined, and the name of a system that this project measured. Nothing is stored
    then.

    >>> import tempfile
    >>> import pandas as pd
    >>> from harness import Store
    >>> store = Store(tempfile.mkdtemp() + "/results.duckdb")
    >>> mine = pd.DataFrame({"example_id": ["a", "b"], "gold_label": [1, 0], "predicted_label": [1, 1]})
    >>> add_outcomes(store, mine, system="my-model", task="MyTask", metric="accuracy").score
    0.5
    """
    rows = read_outcomes(outcomes)
    wanted = "score" if get_metric(metric).answers == "score" else "label"
    if rows[f"gold_{wanted}"].isna().any():
        raise HarnessError(f"{metric} needs the columns gold_{wanted} and predicted_{wanted}")
    key = TaskKey(task=task, split=split, subset=subset, revision=revision, metric=metric)
    score = score_outcomes(metric, rows)
    result = TaskResult(key=key, task_type=task_type, score=score, outcomes=rows, seconds=0.0)
    store.ready()
    before = [each for each in store.systems() if each.base == base]
    if any(each.variant == system and not each.made_elsewhere for each in before):
        raise HarnessError(f"the store holds a measured system {system!r}; give yours another name")
    # The revision that was stored last, so that they can be compared with what was measured on it.
    revisions = [each.base_revision for each in before if not each.made_elsewhere]
    made = System(
        base=base,
        base_revision=(revisions or [NOT_RECORDED])[-1] if base else version,
        variant=system,
        seed=seed,
        kind="variant" if base else "reference",
        card_hash=version,
        recipe=StoredRecipe(version=1, title=MADE_ELSEWHERE),
    )
    run = Run(
        system_id=store.add_system(made),
        suite="own",
        dtype=NOT_RECORDED,
        device=NOT_RECORDED,
        evaluation=EVALUATION_VERSION,
        provenance=Provenance(version=1, command="harness.add_outcomes", contrasts=declared_contrasts().sha256),
    )
    store.add_result(store.add_run(run), result)
    store.finish_run(run.run_id)
    return result


def compare_variants(
    store: Store,
    variant: str,
    against: str,
    *,
    base: str = "mini",
    tasks: str | Sequence[str] | None = None,
    dtype: str | None = None,
    device: str | None = None,
    looks: Sequence[int] = (),
) -> Comparison:
    """Compare two measured variants, or reference models, on the tasks that both have: `variant` minus `against`.

    `tasks` of the comparison has a row a task: `difference` and its 95 % `interval` in the metric's own unit, `p`,
    `p_adjusted` for all declared comparisons of the base, and `verdict`. `across` is the mean over tasks. `tasks` as
    an argument selects rows and does not change a verdict. `dtype` and `device` choose among the results of systems
    that were measured in several (None: those that most systems of the base share).

    `looks` are the numbers of training seeds at which the comparison is made, all declared before the first. The
    verdicts are then those of the look that the measured seeds make, with the alpha that is spent on it.

    Raises HarnessError for a name without results, where the two were not asked the same, and for seeds that are no
    declared look.

    Example: `pd.DataFrame(compare_variants(store, "bidir-supcon", "causal").tasks)` is the table.
    """
    found = compare(
        store, base=base, variant=variant, against=against, tasks=as_names(tasks), dtype=dtype, device=device
    )
    return at_look(found, looks) if looks else found


def describe(comparison: Comparison) -> str:
    """Say what a comparison found in sentences, a line each: the verdicts, the mean over tasks, and what it holds for.

    Example: `print(describe(compare_variants(store, "bidir-supcon", "causal")))`.
    """
    said = (each(comparison) for each in _SAID)
    lines = (*said, *comparison.problems)
    return "\n".join(line for line in lines if line)


def compare_bases(
    store: Store,
    axis: str | BaseAxis | None = None,
    *,
    bases: Sequence[str] = (),
    width: int | None = None,
    tasks: str | Sequence[str] | None = None,
    dtype: str | None = None,
    device: str | None = None,
) -> AxisAnalysis:
    """Compare what each step of the ladder does on several bases: the levels of `axis`, or `bases` in this order.

    `effects` has a row for each step, level and task: `value` with its 95 % `interval`. `interactions` has the effect
    on a level less that on the first level, with `p_adjusted` over all interactions and tasks, and `verdict`. `means`
    are those over tasks. `axis` is the name of a declared axis, or one of `read_axes`. `width` compares the systems
    that were read at that width (`causal@width=64`) in place of the plain ones.

    Raises HarnessError for an unknown axis, fewer than two bases, a base without results, a width at which nothing was
    read, and an axis that claims equal sizes of bases that have others.

    Example: `pd.DataFrame(compare_bases(store, bases=["mini", "SmolLM2-135M"]).interactions)` is the table.
    """
    check_measured(store, dtype=dtype, device=device)
    scores = store.scores(dtype=dtype, device=device)
    entries = current_entries(store, scores=scores)
    chosen = measured_axis(_chosen_axis(axis, bases), entries)
    return analyse_axis(store, chosen, entries=entries, scores=scores, width=width, tasks=as_names(tasks))


def _chosen_axis(axis: str | BaseAxis | None, bases: Sequence[str]) -> BaseAxis:
    if isinstance(axis, BaseAxis):
        return axis
    declared = {each.name: each for each in declared_contrasts().axes}
    if (axis is None) == (not bases):
        known = f" ({', '.join(declared)})" if declared else ""
        raise HarnessError(f"give either the name of a declared axis{known} or two bases or more (--base A --base B)")
    if axis is None:
        return axis_of(tuple(bases))
    if axis not in declared:
        raise HarnessError(f"no axis {axis!r} is declared; {near_names(axis, declared)}")
    return declared[axis]


def rank_variants(
    store: Store,
    *,
    base: str = "mini",
    suite: str | None = None,
    tasks: str | Sequence[str] | None = None,
    dtype: str | None = None,
    device: str | None = None,
) -> Ranks:
    """Rank the measured variants of a base, and reference models, on each task and on the mean over tasks.

    `tasks` has a ranking a task and `overall` is the mean; `places` of a ranking have the variant, its `score`, the
    range of `ranks` that the tests leave open (together at 95 % confidence) and its `letters`: variants with a common
    letter were not shown to differ. `unranked` says why a variant has no rank. `dtype` and `device` as in
    `compare_variants`.

    Raises HarnessError for a base, suite or task without results.

    Example: `pd.DataFrame(rank_variants(store).overall.places)` is the table of the mean.
    """
    return rank(store, base=base, suite=suite, tasks=as_names(tasks), dtype=dtype, device=device)


def write_site(
    store: Store, out: str | Path, *, progress: AnalysisProgress | None = None, beside: bool = False, url: str = ""
) -> Path:
    """Write the pages of `store` to the folder `out` and return index.html, which opens without a server.

    The folder is replaced when it is complete. `progress(done, total, next)` hears of each step. Raises HarnessError
    if the store has no scores, and without `beside` also if the folder holds anything but such pages. `url` is the
    address at which the folder will be published: previews of links show a picture only with it.

    Example: `write_site(store, "site")`.
    """
    from leaderboard.build import build_site

    return build_site(store, Path(out), progress=progress, beside=beside, url=url)
