"""Batched probes against loops over scikit-learn, on the same arrays in one run.

    python benchmarks/probes.py [--small]
    python benchmarks/probes.py --vectors FILE.npy --base FOLDER --data-dir DIR [--task TASK] [--layers 0,6,30]
        [--against COMMIT]

A grid as the words suite has it: layers × folds × label columns (tasks, controls, seeds), for ridge × penalties.
Features are drawn with a spectrum like that of a language model's states (deviations fall as 1/rank, axes rotated);
both sides standardise them on each fit's training rows. scikit-learn fits the cells one by one; a sample of its cells
is timed and scaled up.

With --vectors the features are those of a real model: the target words of a task with labels, read bidirectionally at
every layer, and fitted as the suite `words` fits them (five folds by word, and those without the next fold). They are
kept in the file, and read from it if it is there. Time is CPU seconds; an iteration is a gradient. --against
fits the same with the solver as it was at COMMIT, in the same run, and both are compared with scikit-learn's tightly
converged fits.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import torch

from harness.encoder.model import build_encoder
from harness.encoder.placement import Placement
from harness.probes import logistic
from harness.probes.batches import device
from harness.probes.folds import group_folds
from harness.probes.linear import INVERSE_PENALTY
from harness.probes.logistic import fit_logistic
from harness.probes.ridge import fit_ridge
from harness.recipes import Recipe
from harness.suites.words import SUITE
from harness.suites.words.crossval import N_FOLDS, fits_of

T = TypeVar("T")


@dataclass(frozen=True)
class Grid:
    """Sizes: layers, examples, features, folds, label columns, penalties (ridge)."""

    layers: int = 4
    n: int = 5000
    d: int = 768
    folds: int = 5
    columns: int = 44  # 11 tasks, each with its labels and three control draws
    penalties: int = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="seconds in place of a minute: no figure to quote")
    parser.add_argument("--sample", type=int, default=6, help="cells that scikit-learn is timed on")
    parser.add_argument("--vectors", type=Path, help="real features, (layers, examples, features)")
    parser.add_argument("--base", type=Path, help="the folder of the model that gives them")
    parser.add_argument("--data-dir", type=Path, help="word-level data")
    parser.add_argument("--task", default="SubjectAnimacyAt", help="a task of the suite words, with labels")
    parser.add_argument("--layers", default="0,6,12,18,24,30")
    parser.add_argument("--against", help="a commit whose solver is measured beside this one")
    options = parser.parse_args()
    (real_features if options.vectors else drawn_features)(options)


def drawn_features(options: argparse.Namespace) -> None:
    """Logistic and ridge probes of a grid against scikit-learn's."""
    grid = Grid(layers=2, n=600, d=64, columns=3, penalties=3) if options.small else Grid()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    rotation_DD = np.linalg.qr(rng.normal(size=(grid.d, grid.d)))[0]
    spectrum_D = 1 / np.arange(1, grid.d + 1)
    states = [rng.normal(size=(grid.n, grid.d)) * spectrum_D @ rotation_DD for _ in range(grid.layers)]
    features_GND = np.stack(states).astype(np.float32)
    signal_TN = (features_GND[0] @ rng.normal(size=(grid.d, grid.columns))).T
    signal_TN /= signal_TN.std(axis=1, keepdims=True)
    labels_TN = (signal_TN + rng.logistic(size=signal_TN.shape) / 2 > 0).astype(int)
    targets_TN = signal_TN + rng.normal(size=signal_TN.shape)
    folds = np.arange(grid.n) % grid.folds
    train_FN = np.stack([folds != fold for fold in range(grid.folds)])
    penalties = tuple(10.0**power for power in range(grid.penalties))
    cells = [
        (int(g), int(f), int(t))
        for g, f, t in zip(
            rng.integers(0, grid.layers, options.sample),
            rng.integers(0, grid.folds, options.sample),
            rng.integers(0, grid.columns, options.sample),
            strict=True,
        )
    ]
    print(
        f"{platform.processor() or platform.machine()}, probes on {device()}, scikit-learn on one CPU thread; {grid}\n"
    )
    print("| probe | fits | ours, s | scikit-learn, s (scaled) | ratio | largest difference |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")

    fit_logistic(features_GND[:1, :50], labels_TN[:1, :50], train_FN[:1, :50], classes=2)  # the device wakes up
    found, ours = _timed(lambda: fit_logistic(features_GND, labels_TN, train_FN, classes=2))
    fits = grid.layers * grid.folds * grid.columns
    peer, seconds = _timed(lambda: [_sklearn_logistic(features_GND[g], labels_TN[t], train_FN[f]) for g, f, t in cells])
    worst = max(
        abs((found.predicted[cell] == labels_TN[cell[2]])[~train_FN[cell[1]]].mean() - accuracy) * 100
        for cell, (accuracy, _) in zip(cells, peer, strict=True)
    )
    rise = max(found.objective[cell] / objective - 1 for cell, (_, objective) in zip(cells, peer, strict=True))
    said = f"{worst:.2f} points of accuracy; objective {rise:+.1e}"
    _row("logistic", fits, ours, seconds / len(cells) * fits, said)

    made, ours = _timed(lambda: fit_ridge(features_GND, targets_TN, train_FN, penalties=penalties))
    fits *= len(penalties)
    peer, seconds = _timed(
        lambda: [
            _sklearn_ridge(features_GND[g], targets_TN[t], train_FN[f], penalties[t % len(penalties)])
            for g, f, t in cells
        ]
    )
    worst = max(
        float(np.abs(made[g, f, t % len(penalties), t] - predicted).max())
        for (g, f, t), predicted in zip(cells, peer, strict=True)
    )
    _row("ridge", fits, ours, seconds / len(cells) * fits, f"{worst:.1e} of a prediction")
    _, seconds = _timed(lambda: _sklearn_ridge(features_GND[0], targets_TN.T, train_FN[0], penalties[0]))
    _row("ridge, scikit-learn's targets together", fits, ours, seconds * fits / grid.columns, "the same")


def real_features(options: argparse.Namespace) -> None:
    """Fits of a task of the words suite on a real model's features, a row for each layer."""
    task = SUITE.task(options.task)
    examples = task.data.words(options.data_dir).examples
    if not options.vectors.exists():
        place, how = Placement(device="cpu", dtype="float32"), Recipe(attention="bidirectional")
        encoder = build_encoder(options.base, how, seed=None, place=place, name="b", revision="1")
        np.save(options.vectors, encoder.word_vectors([e.texts[0] for e in examples], [e.spans[0] for e in examples]))
    torch.set_num_threads(1)
    vectors_LND = np.load(options.vectors, mmap_mode="r")
    _, labels_N = np.unique([e.label for e in examples], return_inverse=True)
    folds_RN = group_folds(labels_N, [e.word for e in examples], n_folds=N_FOLDS, repeats=1)
    train_FN, _ = fits_of(folds_RN, inner=True)
    solvers = {"this": logistic, **({options.against: _at(options.against)} if options.against else {})}
    print(
        f"{options.task}, {vectors_LND.shape[2]} features, {train_FN.shape[1]} examples, {len(train_FN)} fits a layer\n"
    )
    print(
        "| layer | solver | CPU, s | iterations | ratio | above the minimum | held-out labels unlike scikit-learn's |"
    )
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for layer in map(int, options.layers.split(",")):
        x_ND = np.ascontiguousarray(vectors_LND[layer])
        least, told_FN = zip(*(_converged(x_ND, labels_N, train_N) for train_N in train_FN), strict=True)
        took: list[float] = []
        for name, solver in solvers.items():
            gradients = _count_gradients(solver._Solver)
            began = time.process_time()
            found = solver.fit_logistic(x_ND[None], labels_N[None], train_FN, classes=2)
            took.append(time.process_time() - began)
            unlike = (found.predicted[0, :, 0] != np.stack(told_FN))[~train_FN]
            above = (found.objective[0, :, 0] / np.array(least)).max() - 1
            row = (layer, name, f"{took[-1]:.2f}", len(gradients), f"{took[-1] / took[0]:.1f} ×", f"{above:.1e}")
            print("|", " | ".join(map(str, row)), f"| {unlike.sum()} of {unlike.size} |", flush=True)


def _at(commit: str) -> ModuleType:
    """The solver of another commit, as a module of its own."""
    source = ["git", "show", f"{commit}:harness/probes/logistic.py"]
    module = ModuleType(f"logistic_{commit}")
    sys.modules[module.__name__] = module  # where dataclasses look
    exec(
        subprocess.run(source, check=True, capture_output=True, text=True, cwd=Path(__file__).parent).stdout,
        vars(module),
    )
    return module


def _count_gradients(solver: Any) -> list[int]:
    """Grows by an entry with each gradient that `solver` takes."""
    seen: list[int] = []
    real = getattr(solver, "_real_gradient", solver._gradient)

    def counted(*arguments: Any) -> Any:
        seen.append(1)
        return real(*arguments)

    solver._real_gradient, solver._gradient = real, counted
    return seen


def _converged(x_ND: np.ndarray, labels_N: np.ndarray, train_N: np.ndarray) -> tuple[float, np.ndarray]:
    """Objective and predicted classes of scikit-learn's fit by Newton's method."""
    from sklearn.linear_model import LogisticRegression

    z_ND = _scaled(x_ND.astype(float), train_N)
    how = {"solver": "newton-cholesky", "tol": 1e-9}
    model = LogisticRegression(C=INVERSE_PENALTY, **how).fit(z_ND[train_N], labels_N[train_N])
    margin_N = model.decision_function(z_ND)
    loss = np.logaddexp(0, np.where(labels_N == 1, -margin_N, margin_N))[train_N].sum()
    return float(loss + (model.coef_**2).sum() / 2 / INVERSE_PENALTY), (margin_N > 0).astype(int)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    done = work()
    return done, time.perf_counter() - began


def _row(probe: str, fits: int, ours: float, peer: float, said: str) -> None:
    print(f"| {probe} | {fits} | {ours:.2f} | {peer:.1f} | {peer / ours:.0f} × | {said} |", flush=True)


def _scaled(x_ND: np.ndarray, train_N: np.ndarray) -> np.ndarray:
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit(x_ND[train_N]).transform(x_ND)


def _sklearn_logistic(x_ND: np.ndarray, labels_N: np.ndarray, train_N: np.ndarray) -> tuple[float, float]:
    """Accuracy on the other rows, and the objective."""
    from sklearn.linear_model import LogisticRegression

    z_ND = _scaled(x_ND, train_N)
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=2000).fit(z_ND[train_N], labels_N[train_N])
    chance = model.predict_proba(z_ND[train_N])[np.arange(int(train_N.sum())), labels_N[train_N]]
    objective = (
        -np.log(chance.astype(float)).sum() + float((model.coef_.astype(float) ** 2).sum()) / 2 / INVERSE_PENALTY
    )
    return float((model.predict(z_ND[~train_N]) == labels_N[~train_N]).mean()), objective


def _sklearn_ridge(x_ND: np.ndarray, targets: np.ndarray, train_N: np.ndarray, penalty: float) -> np.ndarray:
    from sklearn.linear_model import Ridge

    z_ND = _scaled(x_ND.astype(float), train_N)
    predicted: np.ndarray = Ridge(alpha=penalty).fit(z_ND[train_N], targets[train_N]).predict(z_ND)
    return predicted


if __name__ == "__main__":
    main()
