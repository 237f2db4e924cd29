"""The measures of a layer, against plain formulas and cases whose value is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from harness.suites.layers import measures as m

GENERATOR = torch.Generator().manual_seed(0)


def states(layers: int = 1, texts: int = 2, tokens: int = 12, width: int = 6) -> torch.Tensor:
    return torch.randn(layers, texts, tokens, width, generator=GENERATOR, dtype=torch.float64)


def plain_hsic(x: np.ndarray, y: np.ndarray) -> float:
    """Equation 5 of Song et al. 2012, written out."""
    t = len(x)
    k, l = x @ x.T, y @ y.T  # noqa: E741
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    one = np.ones(t)
    whole = np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((t - 1) * (t - 2)) - 2 / (t - 2) * one @ k @ l @ one
    return float(whole / (t * (t - 3)))


def test_cka_is_the_formula_written_out() -> None:
    x, y = states(), states(width=9)
    for text in range(2):
        a, b = x[0, text].numpy(), y[0, text].numpy()
        wanted = plain_hsic(a, b) / math.sqrt(plain_hsic(a, a) * plain_hsic(b, b))
        assert float(m.linear_cka(x, y)[0, text]) == pytest.approx(wanted, rel=1e-9)


def test_cka_knows_no_rotation_and_no_scale_and_unrelated_states_have_about_none() -> None:
    x = states(texts=1)
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=GENERATOR, dtype=torch.float64))
    assert float(m.linear_cka(x, 3 * x @ turn + 5)) == pytest.approx(1, abs=1e-9)
    unrelated = m.linear_cka(states(texts=400, width=64), states(texts=400, width=64))
    assert float(unrelated.mean()) == pytest.approx(0, abs=0.02)  # the biased estimate gives .9 here


def test_effective_rank_of_a_known_spectrum() -> None:
    turn, _ = torch.linalg.qr(torch.randn(8, 8, generator=GENERATOR, dtype=torch.float64))
    for spectrum in ([1.0, 1.0, 1.0, 0, 0, 0], [4.0, 2.0, 1.0, 1.0, 0, 0], [1.0, 0, 0, 0, 0, 0]):
        diagonal = torch.zeros(8, 6, dtype=torch.float64)
        diagonal[:6, :6] = torch.diag(torch.tensor(spectrum, dtype=torch.float64))
        shares = [value / sum(spectrum) for value in spectrum if value]
        wanted = math.exp(-sum(share * math.log(share) for share in shares))
        assert float(m.effective_rank((turn @ diagonal)[None, None])) == pytest.approx(wanted, rel=1e-6)


def test_entropy_is_0_where_all_tokens_are_alike_and_1_where_all_are_orthogonal() -> None:
    alike = torch.ones(1, 1, 5, 8, dtype=torch.float64) * torch.arange(1, 6)[:, None]
    assert float(m.prompt_entropy(alike)) == pytest.approx(0, abs=1e-9)
    assert float(m.prompt_entropy(torch.eye(8, dtype=torch.float64)[None, None, :5] * 7)) == pytest.approx(1)
    x = states(texts=1)
    unit = x[0, 0] / x[0, 0].norm(dim=-1, keepdim=True)
    eigenvalues = torch.linalg.eigvalsh(unit @ unit.T).clamp_min(0)  # of a matrix that has no negative one but rounding
    shares = eigenvalues / eigenvalues.sum()
    wanted = -float(torch.special.xlogy(shares, shares).sum()) / math.log(12)
    assert float(m.prompt_entropy(x)) == pytest.approx(wanted, rel=1e-6)


def test_a_straight_line_has_no_curvature_and_a_square_turns_by_90_degrees() -> None:
    line = torch.arange(6, dtype=torch.float64)[:, None] * torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64) + 3
    assert float(m.curvature(line[None, None])) == pytest.approx(0, abs=1e-3)
    square = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], dtype=torch.float64)
    assert float(m.curvature(square[None, None])) == pytest.approx(90)


def test_update_identity_and_likeness() -> None:
    x = states(texts=1)
    stack = torch.cat([x, 1.5 * x, 1.5 * x])
    assert m.update_size(stack).flatten().tolist() == pytest.approx([0, 0.5, 0])
    assert m.cosine(stack, -stack).flatten().tolist() == pytest.approx([-1, -1, -1])
    assert m.word_identity(torch.cat([x, 2 * x + 1])).flatten().tolist() == [1, 1]
    shifted = torch.cat([x, x.roll(1, dims=2)])  # every token has the state of the one before it
    assert m.word_identity(shifted).flatten().tolist() == [1, 0]
    assert m.moved(x[:, :, 0], 3 * x[:, :, 0]).flatten().tolist() == pytest.approx([2])


def test_the_rank_of_a_target_is_its_place_among_all_tokens() -> None:
    logits = torch.tensor([[5.0, 4, 3, 2], [0, 1, 2, 3]])
    targets = torch.tensor([[0, 0]])
    found = m.lens_ranks(logits[None], targets, read=lambda states: states)
    assert found.tolist() == [(math.log2(1) + math.log2(4)) / 2]
