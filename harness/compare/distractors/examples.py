"""The texts of the first examples of a task: what each row has of them, and what each system made of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from harness.compare.distractors.paired import stored_as
from harness.compare.entries import current_entries, find_base
from harness.outcomes import TaskPart
from harness.store import Store
from harness.suites.distractor import BY_SYSTEM, CLEAN, ROWS


@dataclass(frozen=True, kw_only=True)
class RowText:
    """What a row has of an example. `variant` is empty where all systems read this text.

    `cured`: the variant reads the text of the row through a cure of its own, and this is what it reads.
    """

    row: str
    text: str
    variant: str = ""
    cured: bool = False

    @property
    def label(self) -> str:
        """What it is called in a table.

        >>> RowText(row="extract", text="", variant="bidir").label
        'extract, bidir'
        """
        if not self.variant:
            return self.row
        return f"{self.row}, as {self.variant} reads it" if self.cured else f"{self.row}, {self.variant}"


def example_texts(
    store: Store, task: str, condition: str, *, base: str, count: int, variants: Collection[str] = ()
) -> list[list[RowText]]:
    """What the rows have of the first `count` examples of `task` under `condition`: a list an example.

    First the texts that all systems read, then what each system made (of `variants`; none: all).
    """
    scores = store.scores(diagnostics=True)
    every = current_entries(store, scores=scores)
    base = find_base(every, base)
    variant_of = {system.system_id: entry.variant for entry in every if entry.base == base for system in entry.systems}
    row_of = {stored_as(condition, row): row for row in ROWS}
    mine = scores[scores["task"].eq(task) & scores["system_id"].isin(variant_of) & scores["subset"].isin(row_of)]
    texts = {
        row: store.example_texts(TaskPart(task, str(split), subset))
        for split in sorted(set(mine["split"]))
        for subset, row in row_of.items()
        if row not in BY_SYSTEM
    }
    # Bases that read texts of other lengths to the end have other examples of one task.
    clean = mine.loc[mine["subset"].eq(CLEAN), "result"].head(1)
    measured = set(store.outcomes(results=clean)["example_id"])
    names = [name for name in texts.get(CLEAN, {}) if name in measured][:count]
    made = store.made_texts(mine["result"])
    own: dict[tuple[str, str], dict[str, str]] = {}  # of several seeds the first
    for result, system, subset in mine[["result", "system_id", "subset"]].values.tolist():
        variant = variant_of[system]
        if result in made and (not variants or variant in variants):
            own.setdefault((row_of[subset], variant), made[result])
    return [
        [
            *(RowText(row=row, text=found[name]) for row, found in texts.items() if name in found),
            *(
                RowText(row=row, text=found[name], variant=variant, cured=row not in BY_SYSTEM)
                for (row, variant), found in own.items()
                if name in found
            ),
        ]
        for name in names
    ]
