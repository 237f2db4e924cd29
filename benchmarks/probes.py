"""Batched probes against loops over scikit-learn, on the same arrays in one run.

    python benchmarks/probes.py [--small]

A grid as the words suite has it: layers × folds × label columns (tasks, controls, seeds), for ridge × penalties.
Features are drawn with a spectrum like that of a language model's states (deviations fall as 1/rank, axes rotated);
both sides standardise them on each fit's training rows. scikit-learn fits the cells one by one; a sample of its cells
is timed and scaled up.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from harness.probes.batches import device
from harness.probes.linear import INVERSE_PENALTY
from harness.probes.logistic import fit_logistic
from harness.probes.ridge import fit_ridge

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
    options = parser.parse_args()
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
