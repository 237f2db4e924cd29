"""Task cards: what they say, and one sentence for each thing that is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.suites.catalog import choose_suite, get_suite, get_task
from harness.suites.own import card_names, find_card, read_task_card
from harness.suites.own.publish import kept_back
from tests.suites.own.kit import own, write_card, write_table

PAIRS = {"text1": ["a b", "c d", "e f", "g h"], "text2": ["a c", "b d", "e g", "f h"], "score": [1, 2, 3.5, 4]}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ("type: similarty\nfile: a.csv", "there is no type 'similarty'; did you mean similarity"),
        ("type: similarity\nfille: a.csv", "unknown field `fille`; did you mean file"),
        ("type: similarity", "names either `file`, or `test`"),
        ("type: similarity\nfile: a.csv\ntest: b.csv", "names either `file`, or `test`"),
        ("type: similarity\ntrain: a.csv\ntest: b.csv", "trains nothing; take `train` out"),
        ("type: classification\ntest: b.csv", "`test` needs `train` beside it"),
        ("type: similarity\nfile: a.csv\ncolumns: {scor: x}", "has no column 'scor'; did you mean score"),
        ("type: similarity\nfile: a.csv\ndraws: 3", "`draws` has no effect on a task of type similarity"),
        ("type: similarity\nfile: a.csv\nlanguage: german", "`language`"),
        ("type: similarity\nfile: a.csv\npublish: all", "`publish`"),
        ("file: a.csv", "the field `type` is missing"),
    ],
)
def test_a_card_that_says_something_wrong(fields: str, sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence):
        read_task_card(write_card("mine", fields))


def test_a_card_is_found_by_name_here_and_by_its_file() -> None:
    write_table(Path("pairs.csv"), PAIRS)
    write_card("mine", "type: similarity\nfile: ../pairs.csv", Path("task_cards"))
    assert "mine" in card_names()
    assert find_card("mine") == find_card("task_cards/mine.md")
    for name, sentence in (("mien", "did you mean mine"), ("x/mine.md", "correct the path")):
        with pytest.raises(HarnessError, match=sentence):
            find_card(name)
    with pytest.raises(HarnessError, match="leads outside the folder of its card"):
        assert get_task("card:mine").info
    Path("beside.md").write_text("---\ntask: beside\n---\n")
    with pytest.raises(HarnessError, match=r"name the file that lies here by its path: beside\.md"):
        find_card("beside")


def test_a_file_outside_the_cards_folder_is_refused_also_behind_a_link() -> None:
    write_table(Path("pairs.csv"), PAIRS)
    Path("cards").mkdir()
    Path("cards/pairs.csv").symlink_to(Path("pairs.csv").absolute())
    write_card("mine", "type: similarity\nfile: pairs.csv", Path("cards"))
    with pytest.raises(HarnessError, match="leads outside the folder of its card"):
        assert get_task("cards/mine.md").info


def test_the_revision_is_of_the_content_and_of_what_scores_depend_on() -> None:
    fields = "type: similarity\nfile: pairs.csv"
    first = own("mine", fields, {"pairs.csv": PAIRS}).card.revision
    assert own("mine", f"{fields}\ntitle: another\nlicense: mit\nsource: me", {}).card.revision == first
    assert own("other", fields, {}).card.revision != first
    assert own("mine", f"{fields}\npublish: texts", {}).card.revision != first
    assert own("mine", f"{fields}\ngroup: text1", {}).card.revision != first
    changed = own("mine", fields, {"pairs.csv": {**PAIRS, "score": [1, 2, 3, 4]}}).card.revision
    assert changed != first


def test_a_card_may_not_be_called_as_another_task_is() -> None:
    write_table(Path("pairs.csv"), PAIRS)
    for name in ("MiniSTS", "STSBenchmark"):
        write_card(name, "type: similarity\nfile: pairs.csv")
        with pytest.raises(HarnessError, match="rename it"):
            get_task(f"card:{name}.md")


def test_a_list_of_tasks_is_a_suite() -> None:
    write_card("mine", "type: similarity\nfile: pairs.csv", Path("task_cards"))
    write_table(Path("task_cards/pairs.csv"), PAIRS)
    Path("suites").mkdir()
    Path("suites/own.yaml").write_text("about: my tasks\ntasks: [MiniSTS, card:mine]\n")
    assert get_suite("own").names == ("MiniSTS", "mine")
    assert get_suite("own").about == "my tasks"
    assert choose_suite("own", ["mine"]).names == ("mine",)
    for text, sentence in (
        ("tasks: []", "`tasks`"),
        ("taks: [MiniSTS]", "did you mean tasks"),
        ("[MiniSTS, MiniSTS]", "names the task MiniSTS twice"),
    ):
        Path("suites/own.yaml").write_text(text)
        with pytest.raises(HarnessError, match=sentence):
            get_suite("own")
    Path("suites/own.yaml").write_text("[MiniSTS]")
    with pytest.raises(HarnessError, match="there is no suite 'owen'; did you mean own"):
        get_suite("owen")


def test_what_is_left_out_is_said_by_what_cards_say() -> None:
    found = kept_back([("a", "card.ids.1"), ("b", "card.nothing.2"), ("c", "card.texts.3"), ("d", "2.test.4")])
    assert [sentence.split("publish: ")[1] for sentence in found] == [
        "ids): the texts of a.",
        "nothing): the texts, ids and names of labels of b.",
    ]
