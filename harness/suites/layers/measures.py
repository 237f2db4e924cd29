"""What the states of a text say of a layer. Pure functions of tensors.

Shapes: L+1 layers with the embedding first, B texts of T tokens, D width, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

_LEAST = 1e-12


def cosine(x_LBTD: Tensor, y_LBTD: Tensor) -> Tensor:
    """(L+1, B): the mean over tokens of the cosine of a token's state in x with that in y."""
    return torch.nn.functional.cosine_similarity(x_LBTD, y_LBTD, dim=-1, eps=_LEAST).mean(-1)


def linear_cka(x_LBTD: Tensor, y_LBTD: Tensor) -> Tensor:
    """(L+1, B): linear centred kernel alignment of the tokens of a text, with the unbiased estimate of HSIC.

    Kornblith et al. 2019 (arXiv 1905.00414), section 3; Song et al. 2012 (JMLR 13, 1393-1434), equation 5, for the
    estimate, because few tokens of many dimensions look alike under the biased one. 1: alike but for a rotation and one
    scale; about 0: unrelated.
    """
    k_LBTT, l_LBTT = (_without_diagonal(s @ s.transpose(-1, -2)) for s in (_unit(x_LBTD), _unit(y_LBTD)))
    both, first, second = _hsic(k_LBTT, l_LBTT), _hsic(k_LBTT, k_LBTT), _hsic(l_LBTT, l_LBTT)
    return both / (first.clamp_min(0) * second.clamp_min(0)).sqrt().clamp_min(_LEAST)


def _unit(states: Tensor) -> Tensor:
    """The states of a text on a common scale, so that squares of squares stay in range; CKA does not depend on it."""
    return states / states.square().mean((-2, -1), keepdim=True).sqrt().clamp_min(_LEAST)


def _without_diagonal(gram_LBTT: Tensor) -> Tensor:
    return gram_LBTT - torch.diag_embed(gram_LBTT.diagonal(dim1=-2, dim2=-1))


def _hsic(k: Tensor, l: Tensor) -> Tensor:  # noqa: E741  the names of the paper
    """The unbiased estimate from Gram matrices (…, T, T) without their diagonals, T of at least 4."""
    t = k.shape[-1]
    k_sum, l_sum = k.sum((-2, -1)), l.sum((-2, -1))
    together = (k * l).sum((-2, -1))  # the trace of a product of symmetric matrices
    crossed = (k.sum(-1) * l.sum(-1)).sum(-1)
    return (together + k_sum * l_sum / ((t - 1) * (t - 2)) - 2 * crossed / (t - 2)) / (t * (t - 3))


def effective_rank(x_LBTD: Tensor) -> Tensor:
    """(L+1, B): exp of the entropy of the singular values of the token states, as shares of their sum.

    Roy and Vetterli 2007 (EUSIPCO), definition 1. At most the lesser of T and D.
    """
    return _entropy(torch.linalg.svdvals(x_LBTD)).exp()


def prompt_entropy(x_LBTD: Tensor) -> Tensor:
    """(L+1, B): entropy of the eigenvalues of the Gram matrix of the token states, each of length 1, over log T.

    The von Neumann entropy of Skean et al. 2025 (arXiv 2502.02013), of texts of equal length. No eigenvalue is changed.
    1: all tokens are orthogonal; 0: all are the same.
    """
    x = torch.nn.functional.normalize(x_LBTD, dim=-1, eps=_LEAST)
    eigenvalues = torch.linalg.svdvals(x).square()
    return _entropy(eigenvalues) / math.log(x.shape[-2])


def _entropy(weights: Tensor) -> Tensor:
    """Entropy in nats of (…, K) weights that are not negative, as shares of their sum."""
    shares = weights / weights.sum(-1, keepdim=True).clamp_min(_LEAST)
    return -torch.special.xlogy(shares, shares).sum(-1)


def curvature(x_LBTD: Tensor) -> Tensor:
    """(L+1, B): the mean angle in degrees between the steps from token to token that follow each other.

    Hosseini and Fedorenko 2023 (arXiv 2311.04930), section 2. 0: the states lie on a straight line.
    """
    steps = x_LBTD.diff(dim=-2)
    turns = torch.nn.functional.cosine_similarity(steps[..., 1:, :], steps[..., :-1, :], dim=-1, eps=_LEAST)
    return turns.clamp(-1, 1).arccos().rad2deg().mean(-1)


def update_size(x_LBTD: Tensor) -> Tensor:
    """(L+1, B): the length of what a layer adds to a state over that of the state it gets; 0 at the embedding."""
    added = x_LBTD.diff(dim=0).norm(dim=-1) / x_LBTD[:-1].norm(dim=-1).clamp_min(_LEAST)
    return torch.cat([torch.zeros_like(added[:1]), added]).mean(-1)


def word_identity(x_LBTD: Tensor) -> Tensor:
    """(L+1, B): the share of tokens whose own embedding is the nearest of those of the text, by cosine.

    States and embeddings are less their mean over the text. Tokens that the text has twice count as each other.
    """
    centred = torch.nn.functional.normalize(x_LBTD - x_LBTD.mean(-2, keepdim=True), dim=-1, eps=_LEAST)
    near = centred @ centred[:1].transpose(-1, -2)
    own = near.diagonal(dim1=-2, dim2=-1)
    return (own >= near.amax(-1) - 1e-5).to(x_LBTD.dtype).mean(-1)


def lens_ranks(states_BTD: Tensor, targets_BT: Tensor, *, read: Callable[[Tensor], Tensor]) -> Tensor:
    """(B,): the mean over tokens of log2 of the rank of the target among all tokens, 0 for the first.

    The logit lens (nostalgebraist 2020): `read` is the model's last norm and head, (…, D) ─▶ (…, V).
    """
    ranks = []
    for states_TD, targets_T in zip(states_BTD, targets_BT, strict=True):
        logits_TV = read(states_TD).float()
        own_T1 = logits_TV.gather(-1, targets_T[:, None])
        ranks.append(((logits_TV > own_T1).sum(-1) + 1).double().log2().mean())
    return torch.stack(ranks)


def moved(x_LBD: Tensor, y_LBD: Tensor) -> Tensor:
    """(L+1, B): how far a state moved from x to y, over its length in x."""
    return (y_LBD - x_LBD).norm(dim=-1) / x_LBD.norm(dim=-1).clamp_min(_LEAST)
