"""The tracked studies: they are read whole, and the documents say what those of real language models hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.reference.files import read_references, tracked_folder
from harness.reference.questions import read_questions
from tests.cli.conftest import Run

STUDY = "smollm2-135m"
GEMMA = "gemma3-270m"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("study", [STUDY, f"{STUDY}-cpu", f"{STUDY}-words", GEMMA, "shapes"])
def test_every_answer_of_a_study_has_its_question_and_nothing_of_a_machine(study: str) -> None:
    folder = tracked_folder(study)
    asked = read_questions(folder)
    references = read_references(folder)
    assert {each.system.variant for each in references} >= {"causal", "bidir", "bidir-mntp", "bidir-supcon"}
    assert all(result.answers.asked in asked for each in references for result in each.results)
    assert all(each.run.proven and each.run.provenance.commit for each in references)
    for path in folder.iterdir():
        head = path.read_text(encoding="utf-8").splitlines()[0]  # what made the system, before the answers
        assert '"/' not in head, "a folder of a machine"
        assert '"command"' not in head


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "base", "page"),
    [(STUDY, STUDY, "smollm2.md"), (f"{STUDY}-words", STUDY, "smollm2.md"), (GEMMA, GEMMA, "gemma3.md")],
    ids=["sentences", "words", "gemma"],
)
def test_the_documents_table_is_what_the_command_prints(harness: Run, study: str, base: str, page: str) -> None:
    assert harness("regress", "--rebuild", "made.duckdb", "--reference", study)[0] == 0
    code, table, _ = harness("table", "--base", base, "--db", "made.duckdb")
    assert code == 0
    said = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for line in table.strip().splitlines():
        assert line in said
