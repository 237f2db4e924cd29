"""From stored outcomes to claims: pairing, refusals, verdicts, words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.cards import load_cards
from harness.compare import current_entries
from harness.compare.analysis import Analysis, analyse, compare, compare_each
from harness.compare.contrasts import declared_contrasts, parse_contrasts
from harness.compare.results import Comparison
from harness.compare.wording import scope, scope_of, sentence, task_label
from harness.errors import HarnessError
from harness.outcomes import TaskPart
from harness.records import Run
from harness.store import Store
from tests.factory import TASKS, FakeTask, add_system, ladder_store, result_of
from tests.test_cards import write_card

FEW = 300


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("compare") / "results.duckdb"
    return ladder_store(path)


@pytest.mark.slow
def test_numbers_are_the_stores(store: Store) -> None:
    """Score, difference and n of every task equal what the store holds, for every metric."""
    found = compare(store, base="mini", variant="bidir-supcon", against="bidir-mntp", resamples=FEW)
    means = store.scores().groupby(["variant", "task"])["score"].mean()
    assert {t.key.task for t in found.tasks} == {t.name for t in TASKS}
    for task in found.tasks:
        assert task.score == pytest.approx(means["bidir-supcon", task.key.task], abs=1e-12)
        assert task.difference == pytest.approx(task.score - task.score_against, abs=1e-9)
        assert task.n_examples == next(t.n for t in TASKS if t.name == task.key.task)
        assert (task.seeds, task.seeds_against) == ((0, 1), (0, 1))
        if task.key.metric == "v_measure":
            assert (task.verdict, task.p, task.interval, task.mde) == ("descriptive", None, None, None)
        else:
            assert task.interval is not None
            assert task.interval.low < task.difference < task.interval.high
            assert task.mde is not None
            assert task.p_adjusted is not None
            assert task.p is not None
            assert task.p_adjusted >= task.p
            assert task.p_holm is not None


@pytest.mark.slow
def test_probe_units_are_target_words(store: Store) -> None:
    found = compare(store, base="mini", variant="bidir", against="causal", tasks=["MiniContext"], resamples=FEW)
    assert (found.tasks[0].n_examples, found.tasks[0].n_units) == (120, 60)


@pytest.mark.slow
def test_direction_and_self(store: Store) -> None:
    up = compare(store, base="mini", variant="bidir-supcon", against="causal", resamples=FEW)
    down = compare(store, base="mini", variant="causal", against="bidir-supcon", resamples=FEW)
    assert up.count("better") == down.count("worse") == 3
    for a, b in zip(up.tasks, down.tasks, strict=True):
        assert a.difference == pytest.approx(-b.difference, abs=1e-12)
        assert a.p_adjusted == b.p_adjusted
    with pytest.raises(HarnessError, match="itself"):
        compare(store, base="mini", variant="causal", against="causal")


@pytest.mark.slow
def test_seedless_side_is_paired_with_every_seed(store: Store) -> None:
    found = compare(store, base="mini", variant="bidir-mntp", against="bidir", resamples=FEW)
    task = found.tasks[0]
    scores = store.scores().query("task == @task.key.task").set_index(["variant", "seed"])["score"]
    by_seed = scores["bidir-mntp"].to_numpy() - scores["bidir"].to_numpy()
    assert task.seeds_against == (None,)
    assert task.seed_sd == pytest.approx(np.std(by_seed, ddof=1))


@pytest.mark.slow
def test_a_result_does_not_depend_on_what_else_is_analysed(store: Store) -> None:
    entries = current_entries(store)
    by_name = {entry.variant: entry for entry in entries}
    pairs = [(by_name[a], by_name[b]) for a, b in [("bidir", "causal"), ("bidir-supcon", "bidir-mntp")]]
    together = analyse(store, entries=entries, pairs=pairs, resamples=FEW).comparisons[1]
    alone = compare(store, base="mini", variant="bidir-supcon", against="bidir-mntp", resamples=FEW)
    for a, b in zip(together.tasks, alone.tasks, strict=True):
        assert (a.p, a.p_adjusted, a.p_holm, a.verdict) == (b.p, b.p_adjusted, b.p_holm, b.verdict)
        if a.interval is not None and b.interval is not None:
            assert (a.interval.low, a.interval.high) == pytest.approx((b.interval.low, b.interval.high))


@pytest.mark.slow
def test_an_analysis_made_a_moment_ago_stands_in(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal and the page share one analysis: same numbers, nothing read again."""
    known = analyse_all(store)

    def shown(known: Analysis | None) -> list[Comparison]:
        names, tasks = ["bidir-supcon", "bidir"], ["MiniSTS", "MiniContext"]
        return compare_each(
            store, base="mini", variants=names, against="causal", tasks=tasks, resamples=FEW, known=known
        )

    own = shown(None)
    monkeypatch.setattr(Store, "outcomes", lambda *_, **__: pytest.fail("outcomes were read again"))
    for a, b in zip(shown(known), own, strict=True):
        assert sentence(a) == sentence(b)
        assert {t.key.task for t in a.tasks} == {"MiniSTS", "MiniContext"}
        assert a.across is not None
        assert b.across is not None
        assert a.across.raw.value == pytest.approx(b.across.raw.value, abs=1e-12)
        for x, y in zip(a.tasks, b.tasks, strict=True):
            assert (x.score, x.p_adjusted, x.verdict, x.family) == (y.score, y.p_adjusted, y.verdict, y.family)
            assert x.interval is not None
            assert y.interval is not None
            assert (x.interval.low, x.interval.high) == pytest.approx((y.interval.low, y.interval.high), abs=1e-12)


@pytest.mark.slow
def test_an_analysis_of_other_results_stands_in_for_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    for variant in ("causal", "bidir"):
        add_system(store, variant, tasks=TASKS[:1])
    known = analyse_all(store)
    for change in ({"variant": "bidir"}, {"variant": "bidir-supcon", "seed": 0}):
        add_system(store, **change, tasks=TASKS[:1])  # measured again; another member of the families
        found, own = (
            compare_each(store, base="mini", variants=["bidir"], against="causal", resamples=FEW, known=each)
            for each in (known, None)
        )
        assert found == own
        assert analyse_all(store).basis != known.basis
        known = analyse_all(store)


def analyse_all(store: Store) -> Analysis:
    """Every two entries."""
    entries = current_entries(store)
    return analyse(
        store, entries=entries, pairs=[(a, b) for a in entries for b in entries if a is not b], resamples=FEW
    )


@pytest.mark.slow
def test_same_answers_are_undecided_everywhere(tmp_path: Path) -> None:
    """Identical systems: no difference, never a verdict, and no interval of width 0 is claimed."""
    store = Store(tmp_path / "r.duckdb")
    with store.together():
        for variant in ("causal", "bidir"):
            run_id = add_system(store, variant, tasks=[])
            for task in TASKS:
                store.add_result(run_id, result_of(task, skill=0.6, seed="same"))
    found = compare(store, base="mini", variant="bidir", against="causal", resamples=FEW)
    assert {t.verdict for t in found.tasks} == {"undecided", "descriptive"}
    assert all(t.interval is None and t.p_adjusted is None and t.difference == 0 for t in found.tasks)


@pytest.mark.slow
def test_three_seeds_equal_to_the_baseline_are_undecided(tmp_path: Path) -> None:
    """A mean over three seeds is not exactly a third plus a third plus a third."""
    store = Store(tmp_path / "r.duckdb")
    with store.together():
        for variant, seed in (("causal", None), ("bidir-supcon", 0), ("bidir-supcon", 1), ("bidir-supcon", 2)):
            run_id = add_system(store, variant, seed=seed, tasks=[])
            for task in TASKS:
                store.add_result(run_id, result_of(task, skill=0.6, seed="same"))
    found = compare(store, base="mini", variant="bidir-supcon", against="causal", resamples=FEW)
    assert {t.verdict for t in found.tasks} == {"undecided", "descriptive"}
    assert all(t.interval is None for t in found.tasks if t.verdict == "undecided")


def test_a_variant_that_exists_but_was_not_measured(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    for variant in ("causal", "bidir-supcon"):
        add_system(store, variant, tasks=TASKS[:1])
    with pytest.raises(HarnessError, match="'bidir' has not been measured on base mini; measure it with `harness run"):
        compare(store, base="mini", variant="bidir", against="causal")


@pytest.mark.slow
def test_refusals(store: Store, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="did you mean bidir-supcon"):
        compare(store, base="mini", variant="bidir-supcom", against="causal")
    with pytest.raises(HarnessError, match="no results on base 'maxi'"):
        compare(store, base="maxi", variant="bidir", against="causal")
    with pytest.raises(HarnessError, match="no task in common"):
        compare(store, base="mini", variant="bidir", against="causal", tasks=["None"])

    other = Store(tmp_path / "r.duckdb")
    task = TASKS[0]
    add_system(other, "causal", tasks=[task])
    changes = {
        "another revision": ([], result_of(task, skill=0.5, revision="r2"), {}),
        "40 examples only in the second": ([FakeTask(task.name, task.kind, 200)], None, {}),
        "another version of the evaluation": ([], result_of(task, skill=0.5), {"evaluation": "2"}),
        "has not been measured on base mini@feed": ([task], None, {"base_revision": "feed"}),
    }
    for i, (words, (tasks, result, change)) in enumerate(changes.items()):
        made = {key: value for key, value in change.items() if key == "base_revision"}
        run_id = add_system(other, f"v{i}", tasks=tasks, **made)
        if result is not None:
            run = replace(other.runs()[-1], run_id=f"run{i}", **({k: v for k, v in change.items() if k not in made}))
            run_id = other.add_run(run)
            other.add_result(run_id, result)
        with pytest.raises(HarnessError, match=words if i != 1 else "examples only in the"):
            compare(other, base="mini", variant=f"v{i}", against="causal", resamples=FEW)
    # for a page the rest must still be shown
    entries = current_entries(other)
    by_name = {e.variant: e for e in entries}
    pairs = [(by_name[f"v{i}"], by_name["causal"]) for i in range(3)]
    shown = analyse(other, entries=entries, pairs=pairs, resamples=FEW)
    assert len(shown.problems) == 3
    assert all(not c.tasks and c.problems for c in shown.comparisons)
    assert len(shown.scores) == 5


def test_an_entry_is_one_recipe(tmp_path: Path) -> None:
    """After its card changed, a variant is its newest recipe: seeds of the old one are not mixed in."""
    store = Store(tmp_path / "r.duckdb")
    for seed in (0, 1, 2):
        add_system(store, "bidir-mntp", seed=seed, tasks=TASKS[:1], card_hash="old")
    add_system(store, "bidir-mntp", seed=1, tasks=TASKS[:1], card_hash="new")
    [entry] = current_entries(store)
    assert entry.seeds == (1,)
    assert entry.systems[0].card_hash == "new"


def counted(better: int, worse: int, undecided: int, descriptive: int, store: Store) -> Comparison:
    made = compare(store, base="mini", variant="bidir-supcon", against="causal", tasks=["MiniTopic"], resamples=FEW)
    counts = {"better": better, "worse": worse, "undecided": undecided, "descriptive": descriptive}
    tasks = [replace(made.tasks[0], verdict=v) for v, n in counts.items() for _ in range(n)]  # type: ignore[arg-type]
    clusters = replace(made.tasks[0].key, metric="v_measure")
    return replace(made, tasks=tuple(replace(t, key=clusters) if t.verdict == "descriptive" else t for t in tasks))


def test_sentences(store: Store) -> None:
    start = "On base mini, bidir-supcon is better than causal on "
    p = "(family-wise p ≤ .05)"
    assert sentence(counted(9, 1, 3, 0, store)) == f"{start}9 of 13 tasks {p}, worse on 1, undecided on 3."
    assert sentence(counted(0, 0, 1, 2, store)) == (
        f"{start}none of 1 task {p}, undecided on 1; 2 clustering tasks are shown without a test."
    )
    assert sentence(counted(0, 0, 0, 1, store)) == (
        "On base mini, bidir-supcon and causal were not tested against each other: "
        "1 clustering task is shown without a test."
    )
    assert "2 training seeds: the result holds for these 2 checkpoints" in scope(counted(1, 0, 0, 0, store))


def test_scope_claims_the_recipe_from_five_seeds_on() -> None:
    assert scope_of((None,)) == "Nothing was trained: the result holds for this base."
    assert "for this checkpoint. To claim something about the recipe" in scope_of((0,))
    assert "for these 4 checkpoints. To claim something about the recipe, train at least 5" in scope_of((0, 1, 2, 3))
    assert scope_of((0, 1, 2, 3, 4)).endswith("the result holds for the recipe on this base.")


def test_task_labels() -> None:
    names = (TaskPart("A", "test", "en"), TaskPart("A", "test", "de"), TaskPart("B", "test", "en"))
    assert [task_label(n, names) for n in names] == ["A (en)", "A (de)", "B"]


def test_declared_contrasts() -> None:
    """The family of the declared claims is exactly this one, in this order: it was declared before any result."""
    contrasts = declared_contrasts()
    assert [f"{c.variant} - {c.against}: {c.change}" for c in contrasts.declared] == [
        "bidir-supcon - causal: ",
        "bidir - causal: attention made bidirectional, nothing trained",
        "bidir-mntp - bidir: masked next-token prediction (MNTP)",
        "bidir-simcse - bidir-mntp: unsupervised SimCSE",
        "bidir-supcon - bidir-mntp: supervised contrastive training",
        "causal-simcse - causal: SimCSE without the change of attention",
        "causal-supcon - causal: supervised contrastive training without the change of attention",
        "bidir - random: pretrained weights in place of random ones",
        "bidir-simcse - causal-simcse: the mask and MNTP, at equal contrastive training",
        "bidir-supcon - causal-supcon: the mask and MNTP, at equal contrastive training",
        "causal-lasttoken - causal: the last token in place of the mean",
        "causal-prompteol - causal-lasttoken: a prompt that asks for one word",
        "causal-prompteol - bidir-mntp: a prompt in place of the mask and MNTP",
        "causal-metaeol - causal-prompteol: eight prompts in place of one",
        "causal-echo - echo-lead: a second copy of the text",
        "causal-echo - echo-other: the text itself in place of another one, before it",
        "causal-echo - bidir-mntp: a second copy in place of the mask and MNTP",
        "causal-eos - causal: the end token in place of the mean",
        "causal-slots-supcon - causal-eos: four trained slots in place of the end token",
        "causal-slots-supcon - bidir-supcon: four trained vectors in place of the mask, MNTP and LoRA",
        "causal-slots-lora-supcon - bidir-supcon: slots in place of the mask and MNTP",
        "bidir-slots-supcon - causal-slots-lora-supcon: the mask and MNTP, at equal slots and training",
        "bidir-mntp-at-once - bidir-mntp: causal for half of MNTP",
        "bidir-mntp-window - bidir-mntp-at-once: a growing window in place of a switch",
        "bidir-mntp-bernoulli - bidir-mntp-at-once: a growing random share in place of a switch",
        "bidir-mntp-layers - bidir-mntp-at-once: layer by layer in place of a switch",
        "bidir-mntp-long - bidir-mntp: 1,000 steps of MNTP in place of fewer",
        "bidir-mntp-long - causal: the mask and 1,000 steps of MNTP",
        "bidir-supcon-long - bidir-supcon: 1,000 steps of MNTP in place of fewer, before it",
        "causal-extract - causal: each text read as its most central sentences",
        "bidir-extract - bidir: each text read as its most central sentences",
        "bidir-extract - causal-extract: the mask alone, where each text is read as its most central sentences",
        "bidir-supcon-extract - bidir-supcon: each text read as its most central sentences",
    ]
    assert contrasts.rungs == ("causal", "bidir", "bidir-mntp", "bidir-simcse", "bidir-supcon")
    steps = [(c.against, c.variant) for c in contrasts.ladder]
    assert steps[0] == ("causal", "bidir")
    for i, (against, _) in enumerate(steps[1:], 1):
        assert against in {variant for _, variant in steps[:i]}, "each step starts where an earlier one ended"
    assert contrasts.order(["zzz", "random", "bidir", "causal"]) == ["causal", "bidir", "random", "zzz"]
    found = contrasts.headline_among(["causal", "bidir", "bidir-mntp"])
    assert found is not None
    assert (found.variant, found.against) == ("bidir-mntp", "causal")
    assert contrasts.headline_among(["bidir"]) is None
    text = "alpha: 0.05\nheadline: {variant: a, against: b}\ncontrols: []"
    with pytest.raises(HarnessError, match="unknown or missing"):
        parse_contrasts(f"{text}\nfoo: 1", steps=contrasts.ladder)
    with pytest.raises(HarnessError, match="the ladder needs a step"):
        parse_contrasts(text, steps=())
    assert (
        parse_contrasts(text, steps=contrasts.ladder).sha256 != parse_contrasts(text, steps=contrasts.ladder[:1]).sha256
    )


def test_a_card_of_ones_own_declares_nothing() -> None:
    """The family of the others stays as it is: their p values do not depend on the working directory."""
    before = declared_contrasts()
    write_card(Path("model_cards"), "ninth", "step_from: causal\n")
    assert "ninth" in load_cards()
    declared_contrasts.cache_clear()
    assert declared_contrasts() == before


def test_runs_under_way_count(store: Store) -> None:
    """A killed run has no end, but what it committed is compared all the same."""
    run = Run(system_id="x", suite="s", dtype="d", device="c", evaluation="1")
    assert run.finished_at is None
    assert not run.proven
    assert not replace(run, mask_proof={"passed": False}).proven
    assert replace(run, mask_proof={"cases": 3}).proven
