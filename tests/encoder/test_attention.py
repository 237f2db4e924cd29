"""The mask proof: right masks pass, each way of being wrong that has been seen in the wild is caught."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from transformers import AttentionInterface, AutoModel, GPT2Config, GPT2Model, LlamaConfig, LlamaModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface, sdpa_mask

from harness.encoder import packing
from harness.encoder.attention import prove_mask, set_attention
from harness.encoder.between import place
from harness.encoder.packing import PACKED
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
        assert check.shift <= 4 * check.rounding < 1e-5
        assert check.wrong > 1e-2
        assert check.cosine == pytest.approx(1, abs=1e-6)
        assert check.neighbours == (None if check.batch == 1 else 1)
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.slow
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


def full_mask(batch_size: int, **options):
    """The right mask, written out where a kernel could do without one."""
    return sdpa_mask(
        batch_size=batch_size, **options | {"allow_is_bidirectional_skip": False, "allow_is_causal_skip": False}
    )


def causal_for_batches_of_one(batch_size: int, **options):
    """The mask is right in batches and causal for a single text, as a peer once shipped it."""
    mask = full_mask(batch_size, **options)
    if batch_size == 1:
        length = mask.shape[-1]
        mask = mask & torch.ones(length, length, dtype=torch.bool).tril()
    return mask


def blind_to_padding(batch_size: int, **options):
    """Pad tokens are attended to as if they were text."""
    return full_mask(batch_size, **options | {"attention_mask": None})


def blind_to_one_token(batch_size: int, **options):
    """In batches the third token of every text is hidden from all others, as a mask that is off by one does."""
    mask = full_mask(batch_size, **options)
    if batch_size > 1:
        seen = mask.any(-2, keepdim=True)
        mask = mask & ~(seen & (seen.cumsum(-1) == 3)) | torch.eye(mask.shape[-1], dtype=torch.bool)
    return mask


@pytest.mark.parametrize(
    ("mask", "caught_in"),
    [
        (blind_to_one_token, {(8, "none"), (8, "left"), (8, "right")}),
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


class PositionsOf:
    """The model reads padded texts with positions of its own making, as left padding has gone wrong before."""

    def __init__(self, model, make) -> None:
        self.inner, self.make = model.forward, make

    def __call__(self, *arguments, **options):
        mask = options.get("attention_mask")
        if mask is not None and not mask.all():
            options["position_ids"] = self.make(mask)
        return self.inner(*arguments, **options)


def of_every_second(mask):
    return (mask.cumsum(-1) - 1).clamp_min(0) // 2


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_left_padding_with_wrong_positions_is_caught(tiny_base: Path, attention: Attention) -> None:
    model = load(tiny_base, attention)
    model.forward = PositionsOf(model, lambda mask: (mask.cumsum(-1) - 1).clamp_min(0))
    prove_mask(model, attention=attention, pad_id=PAD).require()
    model = load(tiny_base, attention)
    model.forward = PositionsOf(model, of_every_second)
    proof = prove_mask(model, attention=attention, pad_id=PAD)
    assert {check.padding for check in proof.checks if not check.ok} == {"left", "right"}
    with pytest.raises(ProofError, match=r"nearer to what hiding a token does \(.*\) than to rounding"):
        proof.require()


def test_learned_positions_that_count_the_padding_are_caught() -> None:
    """GPT-2 adds them to the embedding, below every attention layer, and counts from the left edge."""
    config = GPT2Config(vocab_size=80, n_positions=64, n_embd=16, n_layer=2, n_head=2, initializer_range=0.3)
    torch.manual_seed(0)
    model = GPT2Model(config).eval()
    proof = prove_mask(model, attention="causal", pad_id=PAD)
    assert {check.padding for check in proof.checks if not check.ok} == {"left"}


def test_a_model_that_hardly_looks_at_other_tokens_is_refused(tiny_base: Path) -> None:
    """Nothing can be proven of its mask in bfloat16: no mask, right or wrong, stands out from rounding."""
    model = load(tiny_base, "bidirectional").to(torch.bfloat16)
    with torch.no_grad():
        for layer in model.layers:
            layer.self_attn.q_proj.weight.zero_()
            layer.self_attn.v_proj.weight[:] = 0
            layer.self_attn.o_proj.weight.zero_()
    proof = prove_mask(model, attention="causal", pad_id=PAD)
    with pytest.raises(ProofError, match=r"cannot be told from rounding: .*; take --dtype float32"):
        proof.require()


def test_a_shift_in_one_text_or_one_state_is_seen() -> None:
    """Two texts of four tokens, one attention layer (row 1) behind its input (row 0)."""
    rounding, wrong = torch.full((2, 8), 1e-6), torch.full((2, 6), 1e-1)
    judge = partial(place, rounding=rounding, wrong=wrong, lengths=[4, 4], touched_N=torch.ones(6).bool())
    right = judge(rounding)
    assert (right.right, right.told_apart) == (True, True)
    assert (right.shift, right.rounding, right.wrong) == pytest.approx((1e-6, 1e-6, 1e-1))
    for layer in (0, 1):
        for tokens in (slice(4, 8), slice(2, 3)):
            shift = rounding.clone()
            shift[layer, tokens] = 2e-3
            assert not judge(shift).right
            shift[layer, tokens] = 1e-4
            assert judge(shift).right
    close = place(rounding, rounding, wrong * 9e-5, lengths=[4, 4], touched_N=torch.ones(6).bool())
    assert not close.told_apart
    assert not close.right


def deep(layers: int, attention: Attention, dtype: torch.dtype):
    """A random Llama as deep as real ones; a quarter of the tokens have states 150 times as long as the others."""
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.05,
        attn_implementation="sdpa",
    )
    torch.manual_seed(0)
    model = LlamaModel(config).eval()
    with torch.no_grad():
        model.embed_tokens.weight[::4] *= 150
    set_attention(model, attention)
    return model.to(dtype)


def see_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    real = packing.lay_out
    monkeypatch.setattr(
        packing, "lay_out", lambda lengths, **how: (real([sum(lengths)], **how)[0], real(lengths, **how)[1])
    )


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
@pytest.mark.parametrize("layers", [30, 60])
def test_deep_models_with_long_states(
    layers: int, attention: Attention, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right mask passes in each dtype, every wrong one is caught, and rounding is of the size that was measured."""
    model = deep(layers, attention, dtype)
    judge = partial(prove_mask, model, attention=attention, pad_id=PAD)
    for check in judge(kernels=("sdpa", "eager", PACKED)).require().checks:
        assert check.shift <= 3 * check.rounding <= 3 * 8 * torch.finfo(dtype).eps
    one = {"batches": (8,), "paddings": ("left",)}
    for mask in (blind_to_padding, blind_to_one_token):
        assert not judge(kernels=(wrong_kernel(f"wrong_{mask.__name__}", mask),), **one).passed
    if attention == "bidirectional":
        alone = wrong_kernel("wrong_causal_for_batches_of_one", causal_for_batches_of_one)
        assert not judge(kernels=(alone,), **one).passed
    see_each_other(monkeypatch)
    assert not judge(kernels=(PACKED,), batches=(8,)).passed
    model.forward = PositionsOf(model, of_every_second)
    assert not judge(**one).passed


def test_a_mean_that_rounds_refuses_no_mask(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On CUDA a mean is the sum times 1/N, rounded: of 41 ones it is less than 1."""
    real = torch.Tensor.mean

    def rounded(self: torch.Tensor, *arguments: object, **options: object) -> torch.Tensor:
        found = real(self, *arguments, **options)  # type: ignore[arg-type]
        return found.nextafter(torch.zeros_like(found)) if found.dtype == torch.float32 else found

    model = load(tiny_base, "bidirectional")
    monkeypatch.setattr(torch.Tensor, "mean", rounded)
    proof = prove_mask(model, attention="bidirectional", pad_id=0).require()
    assert {check.reached for check in proof.checks} == {1.0}
