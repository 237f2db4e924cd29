"""The word-level data: parsed as published, oddities counted, every file checked before a row of it is used."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.suites.words import DATA_SETS, get_data_set
from harness.suites.words.data.examples import WordExample, blank_spans
from harness.suites.words.data.fetch import fetch

ALL = tuple(each.name for each in DATA_SETS)
# The same rows as the data's own tables give them: our reading of the original files must agree.
TABLES = {
    "subject_animacy": ("task1_context_probes/subject_animacy_train", "task1_context_probes/subject_animacy_test"),
    "object_animacy": ("task1_context_probes/object_animacy_train", "task1_context_probes/object_animacy_test"),
    "verb_causative": ("task1_context_probes/verb_causative_train", "task1_context_probes/verb_causative_test"),
    "verb_dynamic": ("task1_context_probes/verb_dynamic_train", "task1_context_probes/verb_dynamic_test"),
    "telicity": ("task2_lexical_aspect/telicity_train",),
    "duration": ("task2_lexical_aspect/duration_train",),
    "concretext": ("task3_concretext/concretext_en",),
    "sensorimotor": ("task4_sensorimotor/contextualized_sensorimotor_norms",),
    "wic_full": ("task5_wic/wic_train", "task5_wic/wic_dev", "task5_wic/wic_test"),
}


@pytest.fixture(scope="session")
def probes(shared_data: Path) -> Path:
    """The folder as it was collected: originals, and tables of full WiC and of word similarity."""
    return shared_data / "probes"


@pytest.mark.parametrize("name", TABLES)
def test_originals_are_read_as_their_tables(probes: Path, name: str) -> None:
    rows: list[dict[str, str]] = []
    for path in TABLES[name]:
        with (probes / f"{path}.tsv").open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file, delimiter="\t")
    found = get_data_set(name).words(probes).examples
    pair = name == "wic_full"
    places = [
        tuple(
            (int(row[f"char_start{which}"]), int(row[f"char_end{which}"])) for which in (("1", "2") if pair else ("",))
        )
        for row in rows
    ]
    apart = [e for e, place in zip(found, places, strict=True) if e.spans != place]
    # One sentence of CONcreTEXT is quoted as CSV is; the table keeps the outer quotation marks.
    assert [e.example_id for e in apart] == (["9"] if name == "concretext" else [])
    assert all(e.texts[0][slice(*e.spans[0])] == "disappoint" for e in apart)
    if name in ("concretext", "sensorimotor"):
        column = "concreteness" if name == "concretext" else "Vision.M"
        assert [e.scores[0] for e in found] == [float(row[column]) for row in rows]
    else:
        labels = {(row["label"], e.label) for row, e in zip(rows, found, strict=True)}
        assert len(labels) == 2


def test_counts_and_oddities(probes: Path) -> None:
    sizes = {name: len(get_data_set(name).words(probes).examples) for name in ALL}
    assert sizes == {
        **dict.fromkeys(TABLES, 5000),
        "telicity": 4940,
        "duration": 3267,
        "concretext": 434,
        "sensorimotor": 448,
        "wic": 1400,
        "wic_full": 7466,
        "rg65": 65,
        "wordsim353": 353,
        "simlex999": 999,
        "simverb3500": 3500,
    }
    assert {data.name: sum(len(e.texts) for e in data.words(probes).examples) for data in DATA_SETS} == {
        data.name: data.n_texts for data in DATA_SETS
    }
    odd = {name: sum(get_data_set(name).words(probes).oddities.values()) for name in ALL}
    assert odd["subject_animacy"] == 12
    assert odd["object_animacy"] == 16
    assert odd["verb_dynamic"] == 2  # one repeat, one word in both parts
    assert [c for what, c in get_data_set("telicity").words(probes).oddities.items() if "nearest" in what] == [17]
    assert [c for what, c in get_data_set("duration").words(probes).oddities.items() if "nearest" in what] == [24]
    assert odd["sensorimotor"] == 124
    assert "124 words that are inflected" in get_data_set("sensorimotor").words(probes).note
    parts = Counter(e.part for e in get_data_set("wic_full").words(probes).examples)
    assert parts == {"train": 5428, "dev": 638, "test": 1400}
    assert Counter(e.label for e in get_data_set("wic").words(probes).examples) == {"same": 700, "different": 700}


@pytest.fixture
def server(probes: Path) -> str:
    """A file: server that holds every file where it is fetched from; tables are turned back into the original form."""
    root = Path("server").absolute()
    for each in DATA_SETS:
        for file in each.files:
            path = root / file.repository / file.commit / file.upstream
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.sha256:
                shutil.copyfile(probes / file.path, path)
            else:
                rows = each.rows(probes)[[f for f in each.files if f.rows_sha256].index(file)]
                path.write_text("".join("\t".join(row) + "\r\n" for row in rows), encoding="utf-8", newline="")
    return root.as_uri()


@pytest.mark.slow
def test_fetched_data_are_the_same_and_are_not_fetched_twice(probes: Path, server: str) -> None:
    said: list[str] = []
    fetch(Path("got"), server=server, note=said.append)
    assert len(said) == len({file.path for each in DATA_SETS for file in each.files}) == 22
    assert [data.words(Path("got")) for data in DATA_SETS] == [data.words(probes) for data in DATA_SETS]
    fetch(Path("got"), server=server, note=said.append)
    assert len(said) == 22
    (damaged,) = Path("got").rglob("CONcreTEXT_test_EN.txt")
    damaged.write_text("cut short")
    with pytest.raises(HarnessError, match=r"CONcreTEXT_test_EN.txt has another SHA-256 than expected \("):
        get_data_set("concretext").check(Path("got"))
    fetch(Path("got"), server=server, note=said.append)
    assert len(said) == 23


def test_a_server_with_other_files_leaves_nothing_behind(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = get_data_set("telicity").files
    path = Path("server") / file.repository / file.commit / file.upstream
    path.write_text("something else")
    with pytest.raises(HarnessError, match=r"has another SHA-256 than expected; it was not stored"):
        fetch(Path("got"), server=server, note=lambda _: None)
    assert not (Path("got") / file.path).exists()
    monkeypatch.setattr("harness.suites.words.data.fetch._MOST_BYTES", 10)
    with pytest.raises(HarnessError, match="sends more than 0 MB"):
        fetch(Path("got"), server=server, note=lambda _: None)
    monkeypatch.setattr("harness.suites.words.data.fetch._MOST_BYTES", 2**20)
    path.unlink()
    with pytest.raises(HarnessError, match="telicity could not be fetched"):
        fetch(Path("got"), server=server, note=lambda _: None)
    with pytest.raises(HarnessError, match="not an https, http or file address"):
        fetch(Path("got"), server="ftp://somewhere", note=lambda _: None)


def test_folders_without_a_set_are_named(probes: Path) -> None:
    with pytest.raises(HarnessError, match="are not at nowhere; fetch them with `harness data fetch words`"):
        get_data_set("wic").check(Path("nowhere"))
    Path("empty").mkdir()
    with pytest.raises(HarnessError, match="empty holds no data set simlex999"):
        get_data_set("simlex999").check(Path("empty"))
    with pytest.raises(HarnessError, match="did you mean telicity"):
        get_data_set("telicty")


def test_a_changed_table_is_named(probes: Path) -> None:
    path = Path("changed/word_similarity/EN-RG-65.tsv")
    path.parent.mkdir(parents=True)
    path.write_text((probes / "word_similarity/EN-RG-65.tsv").read_text().replace("3.94", "3.95", 1))
    with pytest.raises(HarnessError, match=r"EN-RG-65.* has another SHA-256"):
        get_data_set("rg65").check(Path("changed"))


def test_a_span_outside_its_text_is_named() -> None:
    with pytest.raises(HarnessError, match="example 7: the span 2:9 lies outside its text of 5 characters"):
        WordExample(example_id="7", texts=("a dog",), spans=((2, 9),), word="dog")
    assert blank_spans("a  dog") == [(0, 1), (2, 2), (3, 6)]
