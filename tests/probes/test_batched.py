"""The batched probes against scikit-learn and against plain PyTorch, one fit at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.probes.codelength import online_bits
from harness.probes.control import control_labels
from harness.probes.folds import group_folds, mixed_folds
from harness.probes.logistic import TOLERANCE, fit_logistic
from harness.probes.mlp import MlpRecipe, fit_mlps
from harness.probes.ridge import fit_ridge

RNG = np.random.default_rng(0)
N, D = 600, 24
# Two sets of features as uneven and as correlated as a language model's states, one of them constant in a column.
FEATURES = (RNG.normal(size=(2, N, D)) / np.arange(1, D + 1)) @ np.linalg.qr(RNG.normal(size=(D, D)))[0] + 3.0
FEATURES = FEATURES.astype(np.float32)
FEATURES[1, :, 5] = 0.7
FOLDS = np.arange(N) % 4
TRAIN = np.stack([fold != FOLDS for fold in range(4)])


def labels(classes: int, columns: int) -> np.ndarray:
    scores = (FEATURES[0] - 3.0) @ RNG.normal(size=(columns, D, classes)) * 4
    found = (scores + RNG.gumbel(size=scores.shape)).argmax(axis=-1)
    found[-1] = RNG.integers(0, classes, N)  # a column with nothing to learn, as a control task is
    return found


@pytest.mark.parametrize("classes", [2, 5])
def test_logistic_probes_are_scikit_learns(classes: int) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    answers = labels(classes, 3)
    found = fit_logistic(FEATURES, answers, TRAIN, classes=classes, inverse_penalty=0.5)
    assert found.gap.max() < 1e-3
    for g, f, t in [(0, 0, 0), (0, 3, 1), (1, 2, 2)]:
        train = TRAIN[f]
        scaled = StandardScaler().fit(FEATURES[g][train].astype(float)).transform(FEATURES[g].astype(float))
        if g == 1:
            scaled[:, 5] = 0.0
        peer = LogisticRegression(C=0.5, max_iter=5000, tol=1e-8).fit(scaled[train], answers[t][train])
        chance = peer.predict_proba(scaled)
        loss = -np.log(chance[train][np.arange(train.sum()), answers[t][train]]).sum()
        objective = loss + (peer.coef_**2).sum() / (2 * 0.5)
        assert found.objective[g, f, t] == pytest.approx(objective, rel=1e-3)
        accuracies = [(answers[t] == said).mean() for said in (chance.argmax(axis=1), found.predicted[g, f, t])]
        assert accuracies[0] == pytest.approx(accuracies[1], abs=0.005)
        np.testing.assert_allclose(found.probability[g, f, t], chance, atol=0.03)


def peer(x: np.ndarray, answers: np.ndarray, train: np.ndarray, inverse_penalty: float) -> tuple[np.ndarray, float]:
    """Predicted classes and objective of scikit-learn's tightly converged fit."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit(x[train].astype(float)).transform(x.astype(float))
    how = {"solver": "newton-cholesky", "tol": 1e-10}
    found = LogisticRegression(C=inverse_penalty, **how).fit(scaled[train], answers[train])
    chance = found.predict_proba(scaled)
    loss = -np.log(chance[train][np.arange(train.sum()), answers[train]]).sum()
    return chance.argmax(axis=1), loss + (found.coef_**2).sum() / (2 * inverse_penalty)


@pytest.mark.parametrize("classes", [2, 5])
def test_the_gap_is_a_bound_where_probes_are_confident(classes: int) -> None:
    """Features tell the label nearly without error: the Hessian at the start says little of that at the end."""
    x = FEATURES[0, :, :8]
    answers = ((x - 3.0) @ RNG.normal(size=(8, classes)) * 100).argmax(axis=1)
    found = fit_logistic(x[None], answers[None], TRAIN, classes=classes, inverse_penalty=10.0)
    assert found.gap.max() < TOLERANCE
    for fit, train in enumerate(TRAIN):
        told, objective = peer(x, answers, train, 10.0)
        above = found.objective[0, fit, 0] / objective - 1
        assert -1e-6 < above < found.gap[0, fit, 0] + 1e-6
        assert (told != found.predicted[0, fit, 0]).sum() <= 1


def test_features_that_say_little_decide_as_scikit_learn_has_it() -> None:
    x = RNG.normal(size=(N, 3)).astype(np.float32)
    answers = (np.arange(N) % 25 < 12).astype(int)
    found = fit_logistic([x, np.full_like(x, 0.7)], answers[None], TRAIN, classes=2)
    for fit, train in enumerate(TRAIN):
        told, _ = peer(x, answers, train, 0.1)
        assert (told == found.predicted[0, fit, 0]).all()
        assert (found.predicted[1, fit, 0] == (answers[train].mean() > 0.5)).all()
        assert found.probability[1, fit, 0, 0, 1] == pytest.approx(answers[train].mean(), abs=1e-6)


@pytest.mark.parametrize("rows", [N, 60], ids=["more rows than features", "fewer rows than features"])
def test_ridge_probes_are_scikit_learns(rows: int) -> None:
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    wide = np.concatenate([FEATURES[:1, :rows], RNG.normal(size=(1, rows, 60))], axis=2) if rows < N else FEATURES[:1]
    targets = wide[0, :, :3].T + RNG.normal(size=(3, rows))
    train = TRAIN[:, :rows]
    found = fit_ridge(wide, targets, train, penalties=(1.0, 100.0))
    for f, p, t in [(0, 0, 0), (3, 1, 2)]:
        scaled = StandardScaler().fit(wide[0][train[f]].astype(float)).transform(wide[0].astype(float))
        peer = Ridge(alpha=(1.0, 100.0)[p]).fit(scaled[train[f]], targets[t][train[f]])
        np.testing.assert_allclose(found[0, f, p, t], peer.predict(scaled), rtol=1e-6, atol=1e-6)


def test_mlps_side_by_side_are_plain_ones_one_by_one() -> None:
    """The same start, the same batches, the same rule for stopping, in torch.nn and a loop."""
    answers = labels(2, 2)
    recipe = MlpRecipe(hidden=(6, 4), batch_size=32, rate=3e-3, classes=2, max_epochs=8, patience=3)
    found = fit_mlps(FEATURES, answers, TRAIN[0], recipe, seeds=(4, 9))
    for m, seed in enumerate((4, 9)):
        rng = np.random.default_rng([4, 1])
        rows = rng.permutation(np.flatnonzero(TRAIN[0]))
        watch, fit = rows[: len(rows) // 10], rows[len(rows) // 10 :]
        train = FEATURES[m][TRAIN[0]].astype(float)
        scale = np.where(train.std(0) > 1e-5, train.std(0), np.inf)
        x = torch.tensor((FEATURES[m] - train.mean(0)) / scale, dtype=torch.float32)
        y = torch.tensor(answers[m])
        net = torch.nn.Sequential(*(torch.nn.Linear(*size) for size in ((D, 6), (6, 4), (4, 2))))
        net.insert(1, torch.nn.ReLU())
        net.insert(3, torch.nn.ReLU())
        draw = torch.Generator().manual_seed(seed)
        for layer in net[::2]:
            bound = layer.in_features**-0.5
            layer.weight.data = ((torch.rand(layer.weight.T.shape, generator=draw) * 2 - 1) * bound).T.contiguous()
            layer.bias.data = ((torch.rand((1, layer.out_features), generator=draw) * 2 - 1) * bound)[0]
        optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
        best, least = None, np.inf
        for _ in range(8):
            for batch in np.array_split(rng.permutation(fit), len(fit) // 32):
                optimiser.zero_grad()
                torch.nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
                optimiser.step()
            with torch.no_grad():
                loss = torch.nn.functional.cross_entropy(net(x[watch]), y[watch]).item()
                if loss < least:
                    best, least = net(x).softmax(dim=1).numpy(), loss
        np.testing.assert_allclose(found[m], best, atol=2e-3)
        assert ((found[m].argmax(1) == answers[m]) == (best.argmax(1) == answers[m])).mean() > 0.995


def test_an_mlp_regresses() -> None:
    targets = np.tanh(FEATURES[0, :, :1].T - 3.0).repeat(2, axis=0)
    recipe = MlpRecipe(hidden=(8,), batch_size=32, rate=1e-2, max_epochs=15)
    found = fit_mlps(FEATURES[[0, 0]], targets, TRAIN[0], recipe, seeds=(0, 1))
    assert found.shape == (2, N, 1)
    assert np.corrcoef(found[0, ~TRAIN[0], 0], targets[0, ~TRAIN[0]])[0, 1] > 0.9


def test_folds_keep_words_together_and_labels_apart() -> None:
    words = [f"w{i}" for i in RNG.integers(0, 40, N)]
    own = {word: i % 2 for i, word in enumerate(sorted(set(words)))}
    answers = np.array([own[word] for word in words])
    folds = group_folds(answers, words, n_folds=5, repeats=2)
    assert folds.shape == (2, N)
    for fold_N in folds:
        assert all(len({fold for fold, word in zip(fold_N, words, strict=True) if word == each}) == 1 for each in own)
        assert all(abs(answers[fold_N == fold].mean() - answers.mean()) < 0.15 for fold in range(5))
    assert (folds[0] != folds[1]).any()
    mixed = mixed_folds(answers, n_folds=5, repeats=1)[0]
    assert len(set(mixed[np.array(words) == words[0]])) > 1


def test_a_control_label_belongs_to_its_word() -> None:
    words = np.array([f"w{i}" for i in RNG.integers(0, 30, N)])
    real = np.array([int(word[1:]) % 3 for word in words])
    controls = control_labels(real, words, draws=3)
    own = {word: real[words == word][0] for word in set(words)}
    for column in controls:
        of_word = {word: set(column[words == word]) for word in own}
        assert all(len(found) == 1 for found in of_word.values())
        assert sorted(found.pop() for found in of_word.values()) == sorted(own.values())
    assert (controls[0] != controls[1]).any()


def test_codelength_is_short_where_labels_are_easy_and_a_bit_a_label_where_they_are_not() -> None:
    easy = (FEATURES[0, :, 0] > np.median(FEATURES[0, :, 0])).astype(int)
    bits = online_bits(FEATURES[:1], easy, classes=2)
    assert bits.shape == (1, N)
    assert bits.mean() < 0.45
    noise = online_bits(RNG.normal(size=(1, N, 2)), RNG.integers(0, 2, N), classes=2)
    assert 0.95 < noise.mean() < 1.2
    assert (online_bits(np.zeros((1, N, 2)), easy, classes=2).mean()) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fit_logistic(FEATURES, np.zeros((1, N), int), TRAIN, classes=2), "one label only"),
        (lambda: fit_logistic(FEATURES, labels(5, 1), TRAIN, classes=3), "number classes from 0"),
        (lambda: fit_logistic(FEATURES * np.nan, labels(2, 1), TRAIN, classes=2), "not finite"),
        (lambda: fit_ridge(FEATURES, np.zeros((1, 5)), TRAIN, penalties=(1.0,)), "equally many rows"),
        (lambda: fit_ridge(FEATURES, np.zeros((1, N)), ~TRAIN & TRAIN, penalties=(1.0,)), "no training example"),
        (lambda: group_folds(np.zeros(N, int), ["a"] * N, n_folds=5, repeats=1), "the same label"),
        (lambda: group_folds(labels(2, 1)[0], ["a"] * N, n_folds=5, repeats=1), "cannot be spread"),
    ],
)
def test_bad_input_is_named(call, words: str) -> None:
    with pytest.raises(HarnessError, match=words):
        call()
