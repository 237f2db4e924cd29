"""A stage and a task that was measured ─▶ what the store keeps of their overlap."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from harness.contamination.declared import declared_for, source_name
from harness.contamination.texts import Hashes, count_shared
from harness.records import Overlap
from harness.stage_record import StageManifest


def overlaps_of(
    stage: StageManifest, trained_on: Hashes | None, *, task: str, revision: str, texts: Iterable[Hashes | None]
) -> list[Overlap]:
    """The measured overlap of `stage` with the evaluated `texts` of a task, none shared included, and the declared.

    `trained_on` None (a stage that kept no texts) or a task that keeps none gives no measured overlap: what was not
    counted is not zero.
    """
    sources = stage.sources
    found = [
        Overlap(
            stage=stage.digest,
            source=source_name(source),
            task=task,
            revision=revision,
            how="declared",
            note=known.note,
        )
        for source in sources
        for known in declared_for(source, task)
    ]
    parts = [part for part in texts if part is not None]
    if trained_on is None or not parts:
        return found
    hashes = np.unique(np.concatenate(parts))
    if not len(hashes):
        return found
    measured = Overlap(
        stage=stage.digest,
        source=", ".join(map(source_name, sources)),
        task=task,
        revision=revision,
        n_texts=len(hashes),
        n_shared=count_shared(hashes, trained_on),
        how="measured",
    )
    return [measured, *found]
