"""Bases of several shapes, made by one command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from harness.errors import HarnessError
from harness.mini import facts as facts_file
from harness.mini import pretrain
from harness.mini.shapes import EQUAL, HEAD_SIZE, SHIPPED, SWEEP, wanted

TINY = ["--documents", "150", "--steps", "2"]


@pytest.fixture(autouse=True)
def few_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrain, "_HELD_OUT", 10)


@pytest.mark.parametrize("layers", range(1, 33))
def test_every_shape_has_as_many_parameters(layers: int) -> None:
    shape = wanted(layers)
    assert shape.layers == layers
    assert shape.width == shape.heads * HEAD_SIZE
    assert shape.parameters == pytest.approx(SHIPPED.parameters, rel=EQUAL)


def test_the_shapes_of_the_sweep_keep_the_ratio() -> None:
    assert [wanted(layers).ratio for layers in SWEEP] == [SHIPPED.ratio] * len(SWEEP)


@pytest.mark.parametrize("layers", [-1, 0, 200])
def test_a_shape_that_cannot_be_made_is_refused(layers: int) -> None:
    with pytest.raises(HarnessError, match=r"give (1 or more|fewer layers)"):
        wanted(layers)


def test_a_sweep_is_made_once_and_has_equal_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = ["--sweep", str(tmp_path / "bases"), "--seed", "0", *TINY]
    pretrain.main(sweep)
    printed = capsys.readouterr().out
    folders = sorted((tmp_path / "bases").iterdir())
    assert [folder.name for folder in folders] == ["mini-16x64-seed0", "mini-1x256-seed0", "mini-4x128-seed0"]
    weights = [load_file(folder / "model.safetensors") for folder in folders]
    counts = [sum(w.size for name, w in each.items() if "embed" not in name) for each in weights]
    assert max(counts) <= (1 + EQUAL) * min(counts)
    assert all(f"{count:,} parameters" in printed for count in counts)
    assert len({(folder / "tokenizer.json").read_bytes() for folder in folders}) == 1
    rates = [pretrain.PretrainConfig(shape=wanted(layers)).peak for layers in SWEEP]
    assert rates == [1.5e-3, 3e-3, 6e-3]

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(pretrain, "pretrain", never)
    pretrain.main(sweep)
    assert capsys.readouterr().out == printed


def test_the_seed_decides_the_weights(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        pretrain.main(["--out", str(tmp_path / name), "--shape", "1", "--seed", str(seed), *TINY])
    one, same, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "same", "other"))
    assert one == same != other
    config = json.loads((tmp_path / "one" / "config.json").read_text())
    assert (config["recipes_of"], config["num_hidden_layers"], config["head_dim"]) == ("mini", 1, HEAD_SIZE)


def test_the_loss_is_of_real_tokens_and_bytes(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    pretrain.main(["--out", str(tmp_path / "base"), "--shape", "1", *TINY])
    facts = facts_file.read_facts(tmp_path / "base")
    assert facts is not None
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base").eval()
    nats = tokens = size = 0.0
    for text in pretrain.pretraining_documents(1, 10):
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        with torch.no_grad():
            logs = model(ids).logits[0, :-1].log_softmax(-1)
        nats -= float(logs.gather(1, ids[0, 1:, None]).sum())
        tokens, size = tokens + len(logs), size + len(text.encode())
    assert facts.loss == pytest.approx(nats / tokens, rel=1e-3)  # the weights are stored in half precision
    assert facts.bits_per_byte == pytest.approx(nats / size / 0.6931471805599453, rel=1e-3)
    assert facts.losses[-1] == [2, facts.loss]


def test_a_kill_leaves_no_half_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(model: Any, tokenizer: Any, out: Path, facts: pretrain.Facts) -> None:
        (out / "config.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(pretrain, "_save", killed)
    with pytest.raises(KeyboardInterrupt):
        pretrain.main(["--out", str(tmp_path / "base"), "--shape", "1", *TINY])
    assert not (tmp_path / "base").exists()


def _said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        pretrain.main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_another_base_or_anything_else_in_the_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "base"), "--shape", "1", *TINY]
    pretrain.main(out)
    capsys.readouterr()
    assert "made with another steps; name a new folder" in _said([*out, "--steps", "3"], capsys)
    (tmp_path / "base" / facts_file.FACTS).write_text("{")
    assert "is damaged; delete" in _said(out, capsys)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert "is not empty; name a new folder" in _said(["--out", str(tmp_path / "mine"), *TINY], capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--out --sweep is required"),
        (["--out", "base", "--shape", "1", "--shape", "4"], "several shapes or seeds with --sweep"),
        (["--out", "base", "--steps", "0"], "argument --steps: invalid number of at least 1 value: '0'"),
        (["--out", "base", "--learning-rate", "nan"], "argument --learning-rate: invalid number"),
        (["--out", "base", "--shape", "200"], "no base of 200 layers"),
        (["--out", "base", "--device", "cuda"], "torch finds no CUDA device here"),
    ],
)
def test_bad_arguments_are_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert said in _said(arguments, capsys)
    assert not Path("base").exists()
