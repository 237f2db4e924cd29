"""What a node sends arrives bit for bit, and what is no result is told in a sentence."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.encoder.mask_proof import MaskCheck, MaskProof
from harness.encoder.placement import Placement
from harness.engines.wire import Packet, Reply, Told, pack, unpack
from harness.errors import HarnessError, ProofError
from harness.provenance import collect
from harness.records import Cost, FirstToken, System
from harness.run.cells import Ended, RunCell
from harness.run.measure import Measured
from harness.run.open import Evidence
from harness.run.systems import Floor
from harness.stage_record import StageData, StageFields, StageManifest
from tests.factory import TASKS, FakeTask, result_of
from tests.suites.small import SmallSTS, own_task

PLACE = Placement(device="cpu", dtype="float32")


class Simulated(Floor):
    """A system of which nothing is opened."""

    def record(self, cache: Path) -> System:
        return System(base="m", base_revision="1", variant=self.label, kind="baseline")


@pytest.fixture
def cell(tmp_path: Path) -> RunCell:
    system = Simulated(label="bag-of-words", base=None, make=None)  # type: ignore[arg-type]
    task = own_task(SmallSTS)
    return RunCell(number=3, job=0, label="bag-of-words", system=system, place=PLACE, cache=tmp_path, task=task)


def reply(cell: RunCell, task: FakeTask, **fields: object) -> Reply:
    assert cell.task is not None
    made = result_of(task, skill=0.6)
    key = replace(made.key, task=cell.task.name, revision=cell.task.info.revision)
    check = MaskCheck(
        kernel="sdpa", batch=2, padding="left", merged=False, leak=0.0, reached=1 / 3, shift=1e-7, rounding=2e-7,
        wrong=0.3, padding_shift=1e-6, cosine=0.1 + 0.2, neighbours=None, ok=True, reason="",
    )  # fmt: skip
    manifest = StageManifest(
        version=2, digest="d" * 32, kind="mntp", recipe=StageFields(steps=3, rank=16), losses=((1, 0.1), (3, 1 / 7)),
        data=StageData(sources=("corpus",), examples=9), seconds=2.5, made_later="a field of a newer version",
    )  # fmt: skip
    evidence = Evidence(
        system=cell.system.record(cell.cache), place=PLACE,
        provenance=collect(device="cpu", dtype="float32").model_copy(
            update={"first_token": FirstToken(alone=(1.0, 10 / 3)), "weights_sha256": "abc"}
        ),
        proof=MaskProof(attention="bidirectional", checks=(check,)),
        stages=((manifest, np.array([1, 2**64 - 1], dtype=np.uint64)), (manifest, None)),
    )  # fmt: skip
    result = replace(
        made, key=key, texts=np.array([7, 2**63], dtype=np.uint64), note="a note", shown={"pair-0": "a cat · ein Tier"},
        reported={"spearman": 1 / 3, "none": math.nan, "list": [np.float64(0.1), np.float32(0.1)]},
    )  # fmt: skip
    measured = Measured(results=(result,), cut="2 of 9 texts cut", cost=Cost(seconds=1 / 3, tokens=12))
    ended = Ended(cell=cell, evidence=evidence, measured=measured, where="there", **fields)
    told = (Told(note="a note"), Told(label="bidir", proof=evidence.proof))
    return Reply(ended=ended, told=told, reason="data")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_a_reply_arrives_bit_for_bit(cell: RunCell, task: FakeTask) -> None:
    sent = reply(cell, task)
    came = unpack(pack(sent), cell)
    assert (came.told, came.reason, came.ended.where, came.ended.cell) == (sent.told, "data", "there", cell)
    here, there = sent.ended.evidence, came.ended.evidence
    assert here is not None
    assert there is not None
    assert there.provenance.plain() == here.provenance.plain()
    assert (there.system, there.proof, there.place) == (here.system, here.proof, here.place)
    assert [stage.plain() for stage, _ in there.stages] == [stage.plain() for stage, _ in here.stages]
    assert there.stages[0][1].tolist() == [1, 2**64 - 1]
    assert there.stages[1][1] is None
    [ours], [theirs] = sent.ended.measured.results, came.ended.measured.results
    assert theirs.outcomes.equals(ours.outcomes)  # assert_frame_equal lets the last digits pass, also with check_exact
    for name, column in ours.outcomes.items():
        assert theirs.outcomes[name].dtype == column.dtype
    assert (theirs.key, theirs.score, theirs.seconds) == (ours.key, ours.score, ours.seconds)
    assert theirs.texts.dtype == np.uint64
    assert theirs.texts.tolist() == [7, 2**63]
    assert (theirs.shown, theirs.note) == (ours.shown, ours.note)
    assert repr(theirs.reported) == repr({"spearman": 1 / 3, "none": math.nan, "list": [0.1, float(np.float32(0.1))]})
    assert came.ended.measured.cost == Cost(seconds=1 / 3, tokens=12)
    assert came.ended.measured.cut == "2 of 9 texts cut"


def test_an_error_arrives_with_what_it_means(cell: RunCell) -> None:
    ended = Ended(cell=cell, error=ProofError("the mask is wrong"), whole=True, broken="digest", where="there")
    came = unpack(pack(Reply(ended=ended)), cell).ended
    assert isinstance(came.error, ProofError)
    assert (str(came.error), came.whole, came.broken) == ("the mask is wrong", True, "digest")
    assert (came.evidence, came.measured) == (None, None)

    class OwnError(HarnessError):
        """Of a plug-in that the command lacks."""

    other = unpack(pack(Reply(ended=replace(ended, error=OwnError("no")))), cell).ended.error
    assert type(other) is HarnessError


def test_what_is_no_result_is_refused(cell: RunCell) -> None:
    text, blobs = pack(reply(cell, TASKS[2]))
    fields = json.loads(text)

    def changed(**change: object) -> Packet:
        return json.dumps({**fields, **change}), blobs

    def of_result(**change: object) -> Packet:
        [result] = fields["measured"]["results"]
        return changed(measured={**fields["measured"], "results": [{**result, **change}]})

    key = fields["measured"]["results"][0]["key"]
    lacking = pack(reply(cell, TASKS[2]))[1][:1]
    wrong: list[tuple[object, str]] = [
        (Ended(cell=cell), "cannot unpack"),
        (changed(extra=1), "extra"),
        (changed(whole="yes"), "whole"),
        (changed(reason="tired"), "reason"),
        (changed(evidence={**fields["evidence"], "system_id": "other"}), "of the system other"),
        (of_result(score="0.5"), "score"),
        (of_result(key={**key, "task": "Other"}), "it is of Other"),
        (of_result(key={**key, "revision": "9"}), "in revision 9"),
        (of_result(outcomes=0), "no result of"),
        (of_result(outcomes=99), "index out of range"),
        (of_result(outcomes=-1), "greater than or equal to 0"),
        ((text, lacking), "no result of"),
        ((text[:-1], blobs), "no result of"),
        ((text, (*blobs[:-2], blobs[-2][:-200], blobs[-1])), "no result of"),
    ]
    assert unpack((text, blobs), cell).ended.measured is not None
    for packet, sentence in wrong:
        with pytest.raises(HarnessError, match=sentence) as refused:
            unpack(packet, cell)
        assert "a node sent what is no result of bag-of-words · SmallSTS" in str(refused.value)
        assert len(str(refused.value)) < 400
