"""The built site: its bytes, its numbers, its manners towards hostile names."""

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from harness.errors import HarnessError
from harness.records import Overlap, System
from harness.store import Store
from leaderboard import text
from leaderboard.build import Draft, build_site
from leaderboard.pages import PAGES
from tests.factory import SKILL, TASKS, add_system

FEW = 200
SCRIPTS = ("theme", "site", "paper", "takeaway")
METRICS = {task.name: task.metric for task in TASKS}
HOSTILE = '<script>alert("x")</script><img src=x onerror=y>&amp;\'"'


class Page(HTMLParser):
    """Links, ids, tags and table cells of a page; void elements aside, every tag must be closed in order."""

    VOID = frozenset({"meta", "link", "br", "wbr", "img", "input", "hr"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(path.read_text("utf-8"))
        assert not self.open, f"{path}: {self.open} not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        self.links += [v for k, v in found.items() if k in ("href", "src") and v]
        self.ids += [v for k, v in found.items() if k == "id" and v]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"{self.path}: stray </{tag}>"
        assert self.open.pop() == tag, f"{self.path}: </{tag}> closes another"


def digest(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.slow
def test_same_store_same_bytes(store: Store, site: Path) -> None:
    before = digest(site)
    marker = site / "made-by-harness.txt"
    marker.write_text(re.sub(r"[0-9a-f]{64}", "another", marker.read_text()))  # else the site would be left as it is
    build_site(store, site, resamples=FEW)
    assert digest(site) == before
    assert [p.name for p in site.parent.iterdir()] == ["site"]
    assert len([name for name in before if name.startswith("systems/")]) == len(SKILL) + 2


def check_links(site: Path) -> dict[Path, Page]:
    """Every link of every page leads to a file of the site, and to an id that is there."""
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    for path, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), f"{path.name} has an id twice"
        for link in page.links:
            if link == "data:,":
                continue  # an icon that asks for none
            target, _, fragment = link.partition("#")
            assert not re.match(r"(?i)[a-z]+:|//", target), f"{path.name} leaves the site: {link}"
            where = (path.parent / target).resolve() if target else path
            assert where.is_file(), f"{path.name}: {link} leads nowhere"
            assert not fragment or fragment in pages[where].ids, f"{path.name}: {link} has no target"
    return pages


@pytest.mark.slow
def test_pages_are_whole_linked_and_local(site: Path) -> None:
    for path, page in check_links(site).items():
        tags = [tag for tag, _ in page.tags]
        assert tags.count("script") == len(SCRIPTS), "those of this project, and none inline"
        assert [a["src"] for t, a in page.tags if t == "script"] == [
            f"{'../' * (len(path.relative_to(site.resolve()).parts) - 1)}assets/{name}.js" for name in SCRIPTS
        ]
        policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
        assert policy is not None
        assert policy.startswith("default-src 'none'")
        assert "http" not in policy
        assert "unsafe" not in policy
        assert not [a for _, a in page.tags if "style" in a], "the policy forbids inline styles"
        assert all("scope" in a for t, a in page.tags if t == "th")


def test_every_page_is_made_named_and_linked(site: Path) -> None:
    without_results = [page for page in PAGES if not page.many and not (site / page.template).exists()]
    assert [page.name for page in without_results] == ["Distractors"]
    every = [page for page in PAGES if page not in without_results]
    links = [link for page in every for link in page.links]
    assert len({name for name, _ in links}) == len(links)
    for page in every:
        others = {p.template for p in PAGES if not p.many}
        made = [site / page.template] if not page.many else [p for p in site.rglob("*.html") if p.name not in others]
        assert made, page.name
        for path in made:
            text = path.read_text("utf-8")
            head = text[: text.index("</head>")]
            assert re.search(r"<title>.+</title>", head)
            back = "../" * (len(path.relative_to(site).parts) - 1)
            for name, link in links:
                assert re.search(rf'<a href="{back}{link}"[^>]*>{name}</a>', text), f"{path.name} has no link to {name}"
        if not page.many:
            assert f"<title>{page.title}</title>" in head


def test_every_score_is_the_stores(store: Store, site: Path) -> None:
    index = (site / "index.html").read_text("utf-8")
    means = store.scores().groupby(["variant", "task"])["score"].mean()
    rows = dict(
        re.findall(
            r'<th scope="row" class="who" data-v="[^"]*"><a href="systems/[^"]*">([^<]*)</a>(.*?)</tr>', index, re.S
        )
    )
    assert set(rows) == {*SKILL, "bag-of-words", "untested"}
    for (variant, task), mean in means.items():
        shown = re.search(rf'href="tasks/{task}.html#[^"]*">([^<]*)</a>', rows[variant])
        assert shown, (variant, task)
        assert shown[1] == text.score(mean, METRICS[task])


def test_what_the_front_page_says(site: Path) -> None:
    index = (site / "index.html").read_text("utf-8")
    assert re.search(
        r"On base mini, bidir-supcon scores \S+ points higher than causal on average over 4 tasks.*This mean is",
        index,
    )
    assert re.search(r"One by one: better on 3 of 4 tasks.*adjusted over \d+ contrasts × 4 tasks\)", index)
    assert index[index.index("<body>") :].count("On base mini") == 1, "the base is named once"
    assert re.search(r'<meta name="description" content="On base mini, bidir-supcon scores ', index)
    assert "not ranked: 1 of 5 tasks" in index or "not ranked: no mask proof" in index
    assert "2 training seeds: the result holds for these 2 checkpoints. To claim something about the recipe" in index
    assert index.count("1 clustering task is shown without a test.") <= 1
    assert "not ranked: no mask proof" in index
    assert index.count('<svg class="strip" ') == 9
    matrix = index[index.index('<table class="matrix">') :]
    assert len(re.findall(r'href="compare/', matrix)) == 9 * 8 // 2, "every two variants"
    baseline = index.index("Bag of words, not part of the ladder")
    assert index.index(">untested</a>") < baseline < index.index(">bag-of-words</a>", baseline)
    system = (site / "systems" / "mini--bidir-supcon.html").read_text("utf-8")
    assert "Seed 0" in system
    assert "Seed 1" in system
    assert "harness run --variant bidir-supcon" in system
    task = (site / "tasks" / "MiniSTS.html").read_text("utf-8")
    assert "MDE" in task
    assert "bidir-supcon − bidir-mntp" in task


@pytest.mark.slow
def test_contamination_is_marked_where_it_is_and_nowhere_else(tmp_path: Path) -> None:
    store, stage = Store(tmp_path / "r.duckdb"), "a" * 64
    add_system(store, "causal", tasks=TASKS[:2])
    add_system(store, "bidir-mntp", seed=0, tasks=TASKS[:2], lineage={"mntp": stage})
    add_system(store, "bidir-supcon", seed=0, tasks=TASKS[:2], lineage={"mntp": "unknown"})
    first = build_site(store, tmp_path / "site", resamples=FEW)
    assert 'class="seen"' not in first.read_text("utf-8")
    shared = {"stage": stage, "source": "x.txt", "revision": "r1", "how": "measured", "n_texts": 100}
    store.add_overlaps([
        Overlap(task=TASKS[0].name, n_shared=7, **shared), Overlap(task=TASKS[1].name, n_shared=0, **shared),
    ])  # fmt: skip
    index = build_site(store, tmp_path / "site", resamples=FEW).read_text("utf-8")
    assert index.count('class="seen" title=') == 1
    assert 'title="7 of 100 texts (7.0 %) are also in the training texts (x.txt)"' in index

    def said(variant: str) -> str:
        return (tmp_path / "site" / "systems" / f"mini--{variant}.html").read_text("utf-8")

    assert "none of 100 texts is in the training texts" in said("bidir-mntp")
    assert "Not recorded" in said("bidir-supcon")
    assert "Nothing was trained" in said("causal")


@pytest.mark.slow
def test_hostile_names_are_text(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    long = "n" * 10_000
    add_system(store, "causal", base=HOSTILE, tasks=TASKS[:1])
    add_system(store, HOSTILE, base=HOSTILE, tasks=TASKS[:1], recipe={HOSTILE: [HOSTILE]}, proof={"<b>": HOSTILE})
    add_system(store, long, base=HOSTILE, tasks=TASKS[:1])
    add_system(store, "../../escape", base=HOSTILE, tasks=TASKS[:1])
    folder = build_site(store, tmp_path / "site", resamples=FEW).parent
    tops = {p.relative_to(folder).parts[0] for p in folder.rglob("*.html")}
    assert tops == {page.template for page in PAGES if not page.many} - {"distractors.html"} | {
        "systems", "tasks", "compare",
    }  # fmt: skip
    for path in folder.rglob("*.html"):
        page = Page(path)
        assert len(path.name) < 100
        assert [a.get("src") for t, a in page.tags if t == "script"] == [
            f"{'../' * (len(path.relative_to(folder).parts) - 1)}assets/{name}.js" for name in SCRIPTS
        ]
        assert "img" not in {tag for tag, _ in page.tags}
        assert not [k for _, a in page.tags for k in a if k.startswith("on")]
        assert path.read_text("utf-8").lower().count("<script") == len(SCRIPTS)
    for path in folder.rglob("examples/*.js"):
        assert "<" not in path.read_text("utf-8")


def test_slugs_never_meet() -> None:
    found = text.slugs(["a b", "a/b", "A-b", "a-b", "", "..", "a" * 500, "a" * 501, "MiniSTS", "ministS"])
    assert len({slug.lower() for slug in found.values()}) == 10
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,90}", slug) for slug in found.values()), found


@pytest.mark.slow
def test_empty_store_and_other_peoples_folders(store: Store, tmp_path: Path) -> None:
    empty = Store(tmp_path / "r.duckdb")
    empty.add_system(System(base="mini", base_revision="1", variant="causal"))
    with pytest.raises(HarnessError, match="has no scores yet; make some with `harness run"):
        build_site(empty, tmp_path / "site")
    with pytest.raises(HarnessError, match="no database at"):
        build_site(Store(tmp_path / "none.duckdb"), tmp_path / "site")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(HarnessError, match="has files that harness did not write"):
        build_site(store, tmp_path / "mine", resamples=FEW)
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"
    assert not (tmp_path / "site").exists()


@pytest.mark.slow
def test_failure_leaves_the_old_site(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Store(tmp_path / "r.duckdb")
    add_system(small, "causal", tasks=TASKS[:1])
    folder = build_site(small, tmp_path / "site", resamples=FEW).parent
    before = digest(folder)
    real = Path.write_bytes

    def failing(self: Path, *args: object, **kwargs: object) -> int:
        if self.name == "style.css":
            raise OSError(28, "No space left on device")
        return real(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_bytes", failing)
    with pytest.raises(HarnessError, match="No space left"):
        build_site(small, folder, resamples=FEW + 1)
    monkeypatch.undo()
    assert digest(folder) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.duckdb", "site"]


@pytest.mark.slow
def test_an_analysis_taken_from_the_draft_is_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "r.duckdb")
    for variant in ("causal", "bidir"):
        add_system(store, variant, tasks=TASKS[:1])
    plain = digest(build_site(store, tmp_path / "plain", resamples=FEW).parent)
    draft = Draft(store, tmp_path / "site", resamples=FEW)
    assert draft.analysis("mini") is not None
    monkeypatch.setattr("harness.compare.analysis.analyse_task", lambda *_, **__: pytest.fail("analysed twice"))
    assert digest(draft.write().parent) == plain


@pytest.mark.slow
def test_a_site_is_made_again_only_when_the_store_changed(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    add_system(store, "causal", tasks=TASKS[:1])
    index = build_site(store, tmp_path / "site", resamples=FEW)
    made = index.stat().st_mtime_ns
    assert build_site(store, tmp_path / "site", resamples=FEW).stat().st_mtime_ns == made
    assert Draft(store, tmp_path / "site", resamples=FEW).analysis("mini") is None
    add_system(store, "bidir", tasks=TASKS[:1])
    assert build_site(store, tmp_path / "site", resamples=FEW).stat().st_mtime_ns != made
    assert "bidir" in index.read_text("utf-8")


@pytest.mark.slow
def test_one_system_and_two_bases(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    add_system(store, "causal", tasks=TASKS[:2])
    add_system(store, "bidir", base="other", tasks=TASKS[1:3])
    add_system(store, "bag-of-words", base="", kind="baseline", tasks=TASKS[:2], proof=None)
    index = build_site(store, tmp_path / "site", resamples=FEW)
    assert "nothing to compare" in index.read_text("utf-8")
    for base in ("mini", "other"):
        page = (index.parent / "bases" / f"{base}.html").read_text("utf-8")
        assert f"On base {base} there is nothing to compare yet" in page
        assert len(re.findall(r'<table class="board sortable"', page)) == 1
        linked = re.findall(r'class="score" href="../(tasks/[^"#]*)#([^"]*)"', page)
        assert len(linked) == {"mini": 4, "other": 3}[base]
        for path, row in linked:
            assert f'<tr id="{row}">' in (index.parent / path).read_text("utf-8")
    assert len(list(index.parent.glob("systems/bag-of-words--on--*.html"))) == 2, "a page for each base"
    check_links(index.parent)


@pytest.mark.slow
def test_a_store_of_an_older_schema_is_shown_as_it_is_and_of_a_newer_one_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    add_system(store, "causal", tasks=TASKS[:1])
    with duckdb.connect(str(store.path)) as connection:
        for table in ("stage", "overlap", "noise_floor", "calibration", "reported", "example_text", "cost"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM schema_version WHERE version > 1")
    before = store.path.read_bytes()
    index = build_site(Store(store.path, read_only=True), tmp_path / "site", resamples=FEW)
    assert ">causal</a>" in index.read_text("utf-8")
    assert store.path.read_bytes() == before
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (9999, 'of tomorrow')")
    with pytest.raises(HarnessError, match="has schema 9999"):
        build_site(Store(store.path, read_only=True), tmp_path / "other", resamples=FEW)


@pytest.mark.parametrize(("value", "shown"), [(0.6904, "69.0"), (-0.0304, "−3.0"), (1.0, "100.0"), (None, "–")])
def test_points(value: float | None, shown: str) -> None:
    assert text.score(value, "accuracy") == shown
