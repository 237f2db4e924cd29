"""The two sides' results ─▶ a table of largest differences. Exit code 1 if one is too large, or compares nothing.

python -m tests.peers.table FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tests.peers import cases
from tests.peers.cases import embedding_key, gradient_key, loss_key

TOLERANCE = 1e-5  # absolute, float32; for gradients relative to the largest
CLEARLY = 1e-3  # what must differ, differs by more than this share of the scale

Results = dict[str, np.ndarray]


def main(folder: Path) -> int:
    ours, theirs = _load(folder / "ours.npz"), _load(folder / "theirs.npz")
    print(f"{'':58}{'max |ours - theirs|':>20}{'scale':>11}")
    wrong = 0
    for mask in cases.MASKS:
        for weights in cases.WEIGHTS:
            for way in cases.WAYS:
                wrong += _row(embedding_key(mask, weights, way), ours, theirs)
    for stage in cases.STAGES:
        wrong += _row(loss_key(stage), ours, theirs)
        wrong += _row(gradient_key(stage), ours, theirs, relative=True)
    for name, first, second in _must_differ():
        distance = float(np.abs(ours[first] - ours[second]).max() / np.abs(ours[first]).max())
        if distance < CLEARLY:
            wrong += 1
            print(f"{name} changes nothing ({first}): the comparison proves nothing there")
    bare = float(theirs["loss as run_simcse.py collates"])
    print(
        f"\nNot compared: SimCSE as llm2vec's run_simcse.py collates it, {bare:.6f} instead of "
        f"{float(theirs[loss_key('SimCSE')]):.6f} (docs/llm2vec.md, Pooling in training)."
    )
    print("all within the tolerance" if not wrong else f"{wrong} of the above are wrong")
    return 1 if wrong else 0


def _row(key: str, ours: Results, theirs: Results, *, relative: bool = False) -> int:
    scale = float(np.abs(theirs[key]).max())
    difference = float(np.abs(ours[key] - theirs[key]).max())  # NaN stays NaN, and is no pass
    measured = difference / scale if relative else difference
    verdict = "" if measured <= TOLERANCE else "   TOO LARGE"
    print(f"{key:58}{measured:>20.2e}{scale:>11.4f}{' (relative)' if relative else ''}{verdict}")
    return int(bool(verdict))


def _must_differ() -> list[tuple[str, str, str]]:
    """(what, key, key): had a side ignored the mask, the adapter or the instruction, the rows would still agree."""
    plain = "batch of 1"
    pairs = [
        (way, embedding_key(mask, weights, way), embedding_key(mask, weights, plain))
        for mask in cases.MASKS
        for weights in cases.WEIGHTS
        for way, changes in cases.WAYS.items()
        if changes
    ]
    pairs += [("the mask", *(embedding_key(mask, weights, plain) for mask in cases.MASKS)) for weights in cases.WEIGHTS]
    pairs += [
        ("the adapter", *(embedding_key(mask, weights, plain) for weights in cases.WEIGHTS)) for mask in cases.MASKS
    ]
    return pairs


def _load(path: Path) -> Results:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
