"""What a cell needs of a machine, what a process must find there, and a sentence for each thing that is wrong."""

from __future__ import annotations

import dataclasses
import socket
import sys
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.bases import Base
from harness.encoder.budget import TokenBudget
from harness.encoder.placement import Placement
from harness.engines.choose import open_engine, unused_gpus
from harness.engines.cluster import RayEngine, _Process
from harness.engines.connect import connect
from harness.engines.member import Member, NodeCheck, facts
from harness.engines.needs import CellNeeds
from harness.errors import HarnessError, MissingDataError
from harness.run.cells import Ended, RunCell

GIB = 1e9
NODE = {"GPU": 4.0, "CPU": 32.0, "memory": 200 * GIB}


def plan_of(folder: Path, device: str, megabytes: int) -> SimpleNamespace:
    folder.mkdir(exist_ok=True)
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(megabytes * 1_000_000)
    place = Placement(device=device, dtype="float32")
    return SimpleNamespace(base=Base(name="base", folder=folder, revision="1"), place=place)


def test_what_a_cell_needs_follows_from_the_size_of_its_base(tmp_path: Path) -> None:
    small, large = plan_of(tmp_path / "small", "cpu", 5), plan_of(tmp_path / "large", "cuda", 14_000)
    assert CellNeeds.of(small, None, [NODE]) == CellNeeds(gpus=0.0, cpus=1.0, memory=1.0)
    assert CellNeeds.of(large, None, [NODE]) == CellNeeds(gpus=1.0, cpus=4.0, memory=57.0)
    assert CellNeeds.of(large, None, [{**NODE, "CPU": 8.0}]).cpus == 2.0
    assert CellNeeds.of(large, "gpus=0.5, memory=20", [NODE]) == CellNeeds(gpus=0.5, cpus=4.0, memory=20.0)
    assert CellNeeds(gpus=0.5, cpus=4.0, memory=20.0).fit(NODE) == 8
    assert CellNeeds(gpus=1.0, cpus=1.0, memory=57.0).fit(NODE) == 3
    assert CellNeeds(gpus=1.0, cpus=0.0, memory=1.0).fit({"CPU": 32.0, "memory": 9 * GIB}) == 0


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("gpus=2", "a cell works on one GPU, and more would stand idle; give gpus=1"),
        ("gpus=1.5", "a cell works on one GPU"),
        ("cpus=64", "a cell needs 64 CPUs, and no node has more than 32"),
        ("gpus=1,memory=999", "a cell needs 999 GB of memory, and no node has more than 200"),
        ("gpu=1", "give what a cell needs as gpus=1"),
        ("gpus=nan", "give what a cell needs as"),
        ("cpus=-1", "give what a cell needs as"),
        ("gpus=0,cpus=0", "needs a CPU or a GPU"),
    ],
)
def test_what_no_node_has_is_refused(tmp_path: Path, said: str, sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence):
        CellNeeds.of(plan_of(tmp_path / "base", "cuda", 5), said, [NODE, {"CPU": 2.0, "memory": 4 * GIB}])


@pytest.fixture
def asked(tmp_path: Path) -> NodeCheck:
    mark = tmp_path / "mark"
    mark.touch()
    return NodeCheck(facts=facts(), here=Path.cwd(), folders=(tmp_path,), mark=mark, cuda=False)


def test_a_process_says_why_it_cannot_work(asked: NodeCheck, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Member().problem(asked) == ""
    older = dataclasses.replace(asked, facts={**facts(), "torch": "1.0", "commit": "abc"})
    assert f"torch {facts()['torch']}, not 1.0" in Member().problem(older)
    assert "commit" in Member().problem(older)
    assert "does not see the cache" in Member().problem(dataclasses.replace(asked, mark=Path("/elsewhere/mark")))
    assert "has no /data/base" in Member().problem(dataclasses.replace(asked, folders=(Path("/data/base"),)))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "torch sees no CUDA device" in Member().problem(dataclasses.replace(asked, cuda=True))


def test_of_two_lost_cells_one_waits_where_one_process_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by twenty random kills: both were given to the one process."""
    engine = RayEngine.__new__(RayEngine)  # without a cluster
    lost = [SimpleNamespace(number=number, label="bidir", stage=None) for number in (1, 2)]
    engine._again, engine._without, submitted = deque(lost), {}, []
    engine._processes = [_Process(actor=None, node="n", host="h", ready=True)]

    def submit(cell) -> None:
        submitted.append(cell.number)
        engine._idle(cell).cell = cell

    monkeypatch.setattr(engine, "submit", submit)
    assert engine.choose([]) is None
    assert submitted == [1]
    engine._processes[0].cell = None
    assert engine.choose([]) is None
    assert submitted == [1, 2]


class OutOfMemoryError(Exception):
    """As torch's is called."""


def test_what_is_worth_another_try_is_told_from_what_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = RunCell(
        number=0, job=0, label="bidir", system=None, cache=tmp_path, place=Placement(device="cpu", dtype="float32")
    )

    def caused(by: Exception) -> HarnessError:
        try:
            try:
                raise by
            except Exception as error:
                raise HarnessError("it failed") from error
        except HarnessError as error:
            return error

    def reason(error: Exception) -> str:
        def carry_out(worker, cell):
            if isinstance(error, HarnessError):
                return Ended(cell=cell, error=error)
            raise error

        monkeypatch.setattr("harness.run.cells.Worker.carry_out", carry_out)
        reply = Member().work(cell, smaller=False)
        assert reply.ended.where == socket.gethostname()
        return reply.reason

    assert reason(caused(OutOfMemoryError("CUDA out of memory"))) == "memory"
    assert reason(OutOfMemoryError("CUDA out of memory")) == "memory"
    assert reason(caused(FileNotFoundError("train.parquet"))) == "data"
    assert reason(MissingDataError("fetch them")) == "data"
    assert reason(caused(ValueError("one class"))) == ""
    with pytest.raises(ZeroDivisionError):  # a fault of the program
        reason(ZeroDivisionError())


def test_a_cell_that_did_not_fit_begins_with_smaller_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    config = SimpleNamespace(hidden_size=16, num_attention_heads=4, intermediate_size=32, num_hidden_layers=2)
    backbone = SimpleNamespace(device=torch.device("cpu"), dtype=torch.float32, config=config)
    whole = TokenBudget.of(backbone, layers=False, workers=1).tokens
    monkeypatch.setattr(TokenBudget, "divisor", 4)
    assert TokenBudget.of(backbone, layers=False, workers=1).tokens == whole // 4


def test_an_engine_that_cannot_be_had_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_engine("local") is None
    with pytest.raises(HarnessError, match="no engine 'rey'; did you mean ray"):
        open_engine("rey")
    with pytest.raises(HarnessError, match="--address x:1 is for Ray"):
        open_engine("local", address="x:1")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(HarnessError, match=r"--engine ray needs Ray, .*pip install -e '\.\[ray\]'"):
        open_engine("ray", address="127.0.0.1:1")


@pytest.mark.parametrize(
    ("address", "error", "sentence"),
    [
        ("nowhere", None, "give HOST:PORT"),
        ("127.0.0.1:1", None, "no Ray cluster answers at 127.0.0.1:1"),
        ("auto", ConnectionError("Could not find any running Ray instance"), "no Ray cluster runs on this machine"),
        ("auto", RuntimeError("Version mismatch: The cluster was started with:\n  Ray: 2.50.0\n  Python: 3.12.1\nThis "
         "process was started with: Ray: 2.60.0 Python: 3.11.2"), "other versions than this command .Ray 2.50.0, "),
        ("auto", PermissionError("Authentication token is missing"), "wants a token"),
        (None, RuntimeError("no room"), r"Ray cannot be started on this machine \(no room\)"),
    ],
)  # fmt: skip
def test_a_cluster_that_cannot_be_joined_is_told_in_a_sentence(
    address: str | None, error: Exception | None, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class RefusedError(Exception):
        pass

    def init(**options) -> None:
        raise RefusedError(str(error)) if isinstance(error, PermissionError) else error

    def nobody(*_, **__):
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", nobody)
    ray = SimpleNamespace(
        init=init, exceptions=SimpleNamespace(RayError=RefusedError, AuthenticationError=RefusedError)
    )
    with pytest.raises(HarnessError, match=sentence):
        connect(ray, address)


def test_idle_gpus_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    monkeypatch.setattr("harness.engines.choose.find_spec", lambda name: None)
    said = unused_gpus(Placement(device="cuda", dtype="bfloat16"))
    assert said.startswith("this run uses 1 of 8 GPUs; --engine ray uses all (install Ray")
    assert unused_gpus(Placement(device="cpu", dtype="float32")) == ""
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert unused_gpus(Placement(device="cuda", dtype="bfloat16")) == ""
