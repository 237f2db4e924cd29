"""`harness export`: build, prove, write, open as a stranger would, and only then put in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.encoder.model import Encoder
from harness.errors import HarnessError
from harness.export.card import model_card
from harness.export.choose import find_system, proven_runs
from harness.export.weights import open_stored
from harness.paths import new_folder, whole_folder
from harness.store import Store

TOLERANCE = 1e-6
_TEXTS = ("a dog runs", "The old man saw a small bird.", "x", "Two roads, one of them wet; it had rained. " * 4)


def export_system(
    store: Store, name: str, *, out: Path, cache: Path, seed: int | None = None, base: str | None = None
) -> Path:
    """Write the system `name` (see find_system) with its model card to the folder `out` and return it.

    The folder comes into place whole, after plain sentence-transformers has opened it and given the same embeddings to
    1e-6. Raises HarnessError if `out` holds anything, and as find_system, proven_runs and open_stored do.
    """
    new_folder(out)
    system = find_system(store, name, seed=seed)
    scores = store.scores()
    scores = scores[scores["system_id"] == system.system_id]
    runs = proven_runs(store, system, scores)
    encoder = open_stored(system, runs, base=base, cache=cache)
    card = model_card(store, system, runs, scores, encoder)
    with whole_folder(out) as building:
        encoder.save(building)
        (building / "README.md").write_text(card, encoding="utf-8", newline="\n")
        _check(building, encoder)
    return out


def _check(folder: Path, encoder: Encoder) -> None:
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(str(folder), device="cpu")
    theirs = np.asarray(plain.encode(list(_TEXTS), show_progress_bar=False))
    # Padded as there: what is looked for is another weight, mask or pooling, not the rounding of another way to read.
    gap = float(np.abs(theirs - encoder.encode(_TEXTS, batch_size=len(_TEXTS))).max())
    if not gap <= TOLERANCE:
        raise HarnessError(
            f"the written folder gives other embeddings than the system (largest difference {gap:.1e}); nothing was "
            "written: use the library versions that `harness doctor` names"
        )
