"""The gate's three errands: judge what the code does now, renew the reference, make a database of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.bases import resolve_base
from harness.cards import get_card, load_cards
from harness.errors import HarnessError, near_names
from harness.gate.declared import Gate, declared_gate, gate_of
from harness.gate.judge import Judgement, judge
from harness.gate.measure import BASE, SUITE, ask, measure_one_by_one, measure_variants
from harness.gate.pairs import check_references, find_references, pair_results, pair_store
from harness.reference.files import Reference, read_references, write_references
from harness.reference.questions import is_study, read_questions
from harness.reference.rebuild import rebuild as put_back
from harness.reference.take import take_references
from harness.run.open import Screen
from harness.run.plan import EVALUATION_VERSION
from harness.store import Store
from harness.suites.catalog import get_suite
from harness.suites.task import TaskInfo


def regress(
    folder: Path,
    *,
    screen: Screen,
    variants: Sequence[str] = (),
    everything: bool = False,
    tasks: Sequence[str] = (),
    source: Path | None = None,
    cache: Path | None = None,
    suite: str = SUITE,
    base: str = BASE,
) -> Judgement:
    """Judge `variants` (default: those declared; or all with a reference) by the references in `folder`.

    They are trained and measured now, in a database and a cache that go away: a stage trained by yesterday's code is
    not what today's code makes. `cache` is a folder to take trained stages from, `source` a database to take results
    from. On another `suite` all variants with a reference are judged, on `base`. Raises HarnessError where there is
    nothing to compare with: no reference, another revision of a task, base, metric or protocol, other examples.
    """
    own = suite != SUITE
    known = read_references(folder)
    if not own and is_study(folder):
        return _judge_study(known, declared_gate(), variants=variants, tasks=tasks, source=source)
    infos = _infos(tasks, suite=suite)
    declared = gate_of(suite, infos) if own else declared_gate()
    if own:
        _check_base(known, base)
    every = tuple(dict.fromkeys(each.system.variant for each in known))
    names = tuple(variants) or (every if everything or own else declared.variants)
    references = find_references(known, names)
    check_references(references, infos, evaluation=EVALUATION_VERSION)
    chosen = [info.name for info in infos]
    if source is not None:
        return judge(pair_store(Store(source, read_only=True), references, chosen), declared)
    singles = [single for single in declared.one_by_one if single.variant in names]
    count = len(names) * len(chosen) + sum(len(set(single.tasks) & set(chosen)) for single in singles)
    by_variant = {each.system.variant: each for each in references}
    with TemporaryDirectory() as scratch, screen(count) as listener:
        store, cache = Store(Path(scratch) / "gate.duckdb"), cache or Path(scratch)
        measure_variants(names, chosen, store, listener, cache=cache, base=base, suite=suite)
        pairs = pair_store(store, references, chosen)
        for single in singles:
            results = [(r.key, r.outcomes) for r in measure_one_by_one(single, chosen, listener, cache=cache)]
            pairs += pair_results(f"{single.variant}, one by one", by_variant[single.variant], results)
    return judge(pairs, declared)


def renew(
    folder: Path,
    *,
    screen: Screen,
    variants: Sequence[str] = (),
    everything: bool = False,
    source: Path | None = None,
    cache: Path | None = None,
    suite: str = SUITE,
    base: str = BASE,
) -> tuple[list[Reference], list[Reference]]:
    """Make new references of `variants` (default: those in `folder`; with none there, or `everything`, all cards).

    On another `suite` the first variants have to be named. Arguments as in `regress`. Returns what was in `folder`
    before and what is there now.
    """
    cards = load_cards()
    before = read_references(folder)
    names = tuple(get_card(name, cards).variant for name in variants)
    names = names or (tuple(cards) if everything or not before else tuple(each.system.variant for each in before))
    infos = _infos((), suite=suite)
    if suite != SUITE:
        if not (before or variants or everything):
            raise HarnessError(f"the suite {suite} has no golden results yet; name the first variants with --variant")
        gate = gate_of(suite, infos)
        for info in infos:  # what could not be judged is not kept
            gate.margin(info.metric, info.name)
    tasks = [info.name for info in infos]
    with TemporaryDirectory() as scratch:
        if source is None:
            store = Store(Path(scratch) / "gate.duckdb")
            with screen(len(names) * len(tasks)) as listener:
                measure_variants(names, tasks, store, listener, cache=cache or Path(scratch), base=base, suite=suite)
        else:
            store = Store(source, read_only=True)
        fresh = take_references(store, base=resolve_base(base).name, variants=names, tasks=tasks)
    kept = [each for each in before if each.system.variant not in names]
    after = sorted([*kept, *fresh], key=lambda each: each.name)
    write_references(folder, after)
    return before, after


def rebuild(folder: Path, target: Path, *, screen: Screen) -> int:
    """Make the database `target` of the references in `folder`, whole or not at all; return how many results."""
    references = read_references(folder)
    if not references:
        raise HarnessError(f"{folder} has no golden results; make them with `harness regress --update`")
    Store(target)  # refuses a name that is no file's
    if target.exists():
        raise HarnessError(f"{target} already exists; name a new database")
    if not target.parent.is_dir():
        raise HarnessError(f"the folder {target.parent} does not exist; make it, or name another database")
    building = target.with_name(f".{target.name}.building")
    building.unlink(missing_ok=True)
    try:
        store = Store(building)
        questions = read_questions(folder)
        with screen(len(_infos((), suite=SUITE))) as listener:
            if not questions:
                listener.note("the suite writes its questions; the bag of words answers them first")
                questions = ask(store, listener)
            count = put_back(store, references, questions, note=listener.note)
        building.rename(target)
    finally:
        building.unlink(missing_ok=True)
    return count


def _judge_study(
    known: Sequence[Reference], declared: Gate, *, variants: Sequence[str], tasks: Sequence[str], source: Path | None
) -> Judgement:
    """Judge the results of a database by those of a study, which only `harness run` can measure again."""
    if source is None:
        bases = ", ".join(sorted({each.system.base for each in known} - {""}))
        raise HarnessError(
            f"these are the results of a study on {bases}; measure it again with `harness run`, then name the database "
            "with --from"
        )
    references = find_references(known, variants or [each.system.variant for each in known])
    names = sorted({result.key.task for each in references for result in each.results})
    for name in tasks:
        if name not in names:
            raise HarnessError(f"the references have no task {name!r}; {near_names(name, names)}")
    return judge(pair_store(Store(source, read_only=True), references, tasks or names), declared)


def _infos(tasks: Sequence[str], *, suite: str) -> list[TaskInfo]:
    whole = get_suite(suite)
    for name in tasks:
        if name not in whole.names:
            raise HarnessError(f"the gate has no task {name!r}; {near_names(name, whole.names)}")
    return [task.info for task in whole.tasks if not tasks or task.name in tasks]


def _check_base(known: Sequence[Reference], name: str) -> None:
    """Raise HarnessError for references of another base than the one called `name`, or of another state of it."""
    base = resolve_base(name)
    for each in known:
        if (each.system.base, each.system.base_revision) != (base.name, base.revision):
            raise HarnessError(
                f"the golden results of {each.system.variant} are of base {each.system.base} "
                f"({each.system.base_revision[:12]}), not of {base.name} ({base.revision[:12]}); name that base with "
                "--base, or renew them with --update"
            )
