"""The mask proof: right masks pass, each way of being wrong that has been seen in the wild is caught."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AttentionInterface, AutoModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface, sdpa_mask

from harness.encoder.attention import prove_mask, set_attention
from harness.errors import ProofError
from harness.text_to_vector import Attention
from harness.training.lora import Lora, add_lora, merge_lora

PAD = 0


def load(folder: Path, attention: Attention):
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
    set_attention(model, attention)
    return model


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
@pytest.mark.parametrize("kernel", ["eager", "sdpa"])
def test_the_switch_does_what_it_says(tiny_base: Path, attention: Attention, kernel: str) -> None:
    model = load(tiny_base, attention)
    proof = prove_mask(model, attention=attention, pad_id=PAD, kernels=(kernel,)).require()
    assert len(proof.checks) == 6
    for check in proof.checks:
        assert (check.leak == 0, check.reached) == ((True, 0.0) if attention == "causal" else (False, 1.0))
        assert check.padding_shift < 1e-5
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_a_merged_adapter_keeps_the_mask(tiny_base: Path, attention: Attention) -> None:
    model = load(tiny_base, attention)
    before = model(torch.tensor([[5, 6, 7]])).last_hidden_state.detach()
    add_lora(model, Lora(rank=4))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    model.eval()
    adapted = model(torch.tensor([[5, 6, 7]])).last_hidden_state.detach()
    merge_lora(model)
    merged = model(torch.tensor([[5, 6, 7]])).last_hidden_state
    assert (before - adapted).abs().max() > 1e-3
    torch.testing.assert_close(merged, adapted, atol=1e-5, rtol=1e-5)
    assert not any("lora" in name for name, _ in model.named_modules())
    assert all(weight.requires_grad for weight in model.parameters())
    prove_mask(model, attention=attention, pad_id=PAD, merged=True).require()


@pytest.mark.parametrize(("real", "said"), [("causal", "bidirectional"), ("bidirectional", "causal")])
def test_the_other_mask_is_caught(tiny_base: Path, real: Attention, said: Attention) -> None:
    proof = prove_mask(load(tiny_base, real), attention=said, pad_id=PAD)
    assert not any(check.ok for check in proof.checks)
    with pytest.raises(ProofError, match="the mask proof failed"):
        proof.require()


def wrong_kernel(name: str, mask) -> str:
    """Register an attention kernel with the mask function `mask` instead of the right one."""
    AttentionInterface.register(name, sdpa_attention_forward)
    AttentionMaskInterface.register(name, mask)
    return name


def causal_for_batches_of_one(batch_size: int, **options):
    """The mask is right in batches and causal for a single text, as a peer once shipped it."""
    mask = sdpa_mask(batch_size=batch_size, **options | {"allow_is_bidirectional_skip": False})
    if batch_size == 1:
        length = mask.shape[-1]
        mask = mask & torch.ones(length, length, dtype=torch.bool).tril()
    return mask


def blind_to_padding(batch_size: int, **options):
    """Pad tokens are attended to as if they were text."""
    mask = sdpa_mask(batch_size=batch_size, **options | {"allow_is_bidirectional_skip": False})
    return torch.ones_like(mask)


@pytest.mark.parametrize(
    ("mask", "caught_in"),
    [
        (causal_for_batches_of_one, {(1, "none"), (1, "left"), (1, "right")}),
        (blind_to_padding, {(1, "left"), (1, "right"), (8, "left"), (8, "right")}),
    ],
)
def test_a_mask_wrong_in_some_batches_is_caught_there(tiny_base: Path, mask, caught_in: set) -> None:
    kernel = wrong_kernel(f"wrong_{mask.__name__}", mask)
    assert kernel in ALL_MASK_ATTENTION_FUNCTIONS.valid_keys()
    proof = prove_mask(load(tiny_base, "bidirectional"), attention="bidirectional", pad_id=PAD, kernels=(kernel,))
    assert {(check.batch, check.padding) for check in proof.checks if not check.ok} >= caught_in


def test_one_wrong_layer_is_caught(tiny_base: Path) -> None:
    """The last layer alone looks forward; the others are causal."""
    model = load(tiny_base, "causal")
    inner = model.layers[1].self_attn.forward
    model.layers[1].self_attn.forward = lambda *args, **options: inner(
        *args, **options | {"attention_mask": torch.ones(1, 1, 1, 1, dtype=torch.bool)}
    )
    proof = prove_mask(model, attention="causal", pad_id=PAD, paddings=("none",))
    assert not proof.passed
    assert "changed an earlier state" in proof.checks[0].reason


def test_no_check_is_no_proof(tiny_base: Path) -> None:
    with pytest.raises(ProofError, match="has nothing to check"):
        prove_mask(load(tiny_base, "causal"), attention="causal", pad_id=PAD, batches=()).require()


def test_nan_is_caught(tiny_base: Path) -> None:
    model = load(tiny_base, "causal")
    with torch.no_grad():
        model.layers[0].mlp.down_proj.weight[0, 0] = float("nan")
    proof = prove_mask(model, attention="causal", pad_id=PAD)
    assert "NaN" in proof.checks[0].reason
    with pytest.raises(ProofError, match=r"a hidden state is NaN .* check the weights of the checkpoint"):
        proof.require()
