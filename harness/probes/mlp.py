"""Multilayer probes in bulk: many small networks, each on its own features, trained side by side.

Each network is `D → hidden… → K` with ReLU between, trained with Adam on its own features in mini-batches; all see the
same order of batches. A tenth of the training rows (`watch`) is kept aside: training stops when the loss there has
not fallen for PATIENCE epochs, and the weights of the best epoch stay. Shapes: M networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from harness.probes.batches import device
from harness.probes.folds import check_rows

PATIENCE = 5
MAX_EPOCHS = 200


@dataclass(frozen=True, kw_only=True)
class MlpRecipe:
    """What a network is and how it is trained; `classes` 0 is regression (mean squared error)."""

    hidden: tuple[int, ...]
    batch_size: int
    rate: float
    classes: int = 0
    max_epochs: int = MAX_EPOCHS
    patience: int = PATIENCE


def fit_mlps(
    features_MND: NDArray[np.floating],
    answers_MN: NDArray[np.generic],
    train_N: NDArray[np.bool_],
    recipe: MlpRecipe,
    *,
    seeds: Sequence[int],
) -> NDArray[np.float32]:
    """Train network m from `seeds[m]` on the rows `train_N` of its features and answers (classes, or numbers).

    Returns (M, N, K): class probabilities, or the prediction (K = 1), of every example, trained on or not.

    Features are standardised by the training rows. Order of batches and the rows watched are drawn from the first
    seed. Raises HarnessError for arrays that disagree in length and a feature that is not finite.
    """
    check_rows(features_MND, train_N[None], answers_MN.shape[1])
    place = device()
    rng = np.random.default_rng([seeds[0], 1])
    rows = rng.permutation(np.flatnonzero(train_N))
    watch, fit = np.split(rows, [max(1, len(rows) // 10)])
    x_MND = torch.as_tensor(_standardised(features_MND, train_N), dtype=torch.float32, device=place)
    kind = torch.int64 if recipe.classes else torch.float32
    answers = torch.tensor(answers_MN.copy(), dtype=kind, device=place)
    layers = [layer.to(place) for layer in _start(x_MND.shape[2], recipe, seeds)]
    parameters = [tensor.requires_grad_() for tensor in layers]
    optimiser = torch.optim.Adam(parameters, lr=recipe.rate)
    best = [tensor.detach().clone() for tensor in parameters]
    least = torch.full((len(seeds),), torch.inf, device=place)
    best_epoch = torch.zeros(len(seeds), dtype=torch.int64, device=place)
    for epoch in range(1, recipe.max_epochs + 1):
        for batch in np.array_split(rng.permutation(fit), max(1, len(fit) // recipe.batch_size)):
            optimiser.zero_grad(set_to_none=True)
            # Networks share no weight, so the gradient of the sum is each one's own.
            _losses(parameters, x_MND[:, batch], answers[:, batch], recipe).sum().backward()
            optimiser.step()
        with torch.no_grad():
            seen = _losses(parameters, x_MND[:, watch], answers[:, watch], recipe)
            better = seen < least
            least, best_epoch = torch.where(better, seen, least), torch.where(better, epoch, best_epoch)
            for kept, tensor in zip(best, parameters, strict=True):
                kept[better] = tensor.detach()[better]
        if bool((epoch - best_epoch >= recipe.patience).all()):
            break
    with torch.no_grad():
        output = _forward(best, x_MND)
        output = output.softmax(dim=-1) if recipe.classes else output
    found: NDArray[np.float32] = output.cpu().numpy()
    return found


def _start(width: int, recipe: MlpRecipe, seeds: Sequence[int]) -> list[torch.Tensor]:
    """Weights (M, in, out) and biases (M, 1, out) in turn, drawn as torch.nn.Linear draws them, from each seed."""
    sizes = [width, *recipe.hidden, recipe.classes or 1]
    networks = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        tensors: list[torch.Tensor] = []
        for inner, outer in pairwise(sizes):
            bound = inner**-0.5
            tensors += [
                (torch.rand(shape, generator=generator) * 2 - 1) * bound for shape in ((inner, outer), (1, outer))
            ]
        networks.append(tensors)
    return [torch.stack(same) for same in zip(*networks, strict=True)]


def _forward(parameters: Sequence[torch.Tensor], x_MBD: torch.Tensor) -> torch.Tensor:
    pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
    for depth, (weight, bias) in enumerate(pairs):
        x_MBD = torch.baddbmm(bias, x_MBD, weight)
        if depth < len(pairs) - 1:
            x_MBD = x_MBD.relu()
    return x_MBD


def _losses(
    parameters: Sequence[torch.Tensor], x_MBD: torch.Tensor, answers_MB: torch.Tensor, recipe: MlpRecipe
) -> torch.Tensor:
    """Each network's mean loss over the batch, (M,)."""
    output = _forward(parameters, x_MBD)
    if not recipe.classes:
        return (output[..., 0] - answers_MB).square().mean(dim=1)
    loss = torch.nn.functional.cross_entropy(output.flatten(0, 1), answers_MB.flatten(), reduction="none")
    return loss.unflatten(0, answers_MB.shape).mean(dim=1)


def _standardised(features_MND: NDArray[np.floating], train_N: NDArray[np.bool_]) -> NDArray[np.floating]:
    train = features_MND[:, train_N].astype(np.float64)
    mean, deviation = train.mean(axis=1, keepdims=True), train.std(axis=1, keepdims=True)
    scale = np.where(deviation > 1e-6 * deviation.max(axis=2, keepdims=True), deviation, np.inf)
    return np.asarray((features_MND - mean) / scale, dtype=np.float32)
