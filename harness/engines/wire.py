"""What comes of a cell, as it travels from a node to the command: a JSON text and arrays, and no object of a program.

What arrives is checked field by field, as data from outside. Numbers arrive bit for bit.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.encoder.mask_proof import MaskProof
from harness.errors import HarnessError, MissingDataError, ProofError
from harness.outcomes import OUTCOME_COLUMNS, TaskKey, TaskResult, check_outcomes
from harness.records import Cost, Provenance
from harness.run.cells import Ended, RunCell
from harness.run.measure import Measured
from harness.run.open import Evidence
from harness.stage_record import StageManifest

Reason = Literal["", "memory", "data"]
Packet: TypeAlias = tuple[str, tuple[bytes, ...]]  # JSON, and what its numbers point to: arrow streams, 64-bit hashes

BlobNumber = Annotated[int, Field(ge=0)]  # of a blob
_ERRORS = {each.__name__: each for each in (HarnessError, MissingDataError, ProofError)}
_ARROW = {"string": pa.string(), "int32": pa.int32(), "Int32": pa.int32(), "Float64": pa.float64()}
_SCHEMA = pa.schema([(name, _ARROW[dtype]) for name, dtype in OUTCOME_COLUMNS.items()])


@dataclass(frozen=True, kw_only=True)
class Told:
    """One thing to tell of a cell: a note, or the proof of the mask of a system."""

    note: str = ""
    label: str = ""
    proof: MaskProof | None = None


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of a cell, what is to be told of it, and why it is worth another try (empty: it is not)."""

    ended: Ended
    told: tuple[Told, ...] = ()
    reason: Reason = ""


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Result(_Fields):
    key: TaskKey
    task_type: str
    score: float
    outcomes: BlobNumber
    seconds: float
    texts: BlobNumber | None
    note: str
    reported: dict[str, Any] | None
    shown: dict[str, str] | None


class _Stage(_Fields):
    manifest: dict[str, Any]
    texts: BlobNumber | None


class _Evidence(_Fields):
    system_id: str
    provenance: dict[str, Any]
    proof: MaskProof | None
    stages: tuple[_Stage, ...]


class _Measured(_Fields):
    results: tuple[_Result, ...]
    cut: str
    cost: Cost | None


class _Error(_Fields):
    kind: str
    said: str


class _Reply(_Fields):
    evidence: _Evidence | None
    measured: _Measured | None
    error: _Error | None
    whole: bool
    broken: str
    where: str
    told: tuple[Told, ...]
    reason: Reason


def pack(reply: Reply) -> Packet:
    """`reply` without its cell, which the command has."""
    blobs: list[bytes] = []

    def number(blob: bytes) -> int:
        blobs.append(blob)
        return len(blobs) - 1

    def hashes(texts: Any) -> int | None:
        return None if texts is None else number(np.asarray(texts, dtype="<u8").tobytes())

    ended = reply.ended
    evidence, measured, error = ended.evidence, ended.measured, ended.error
    fields = {
        "evidence": evidence and {
            "system_id": evidence.system.system_id,
            "provenance": evidence.provenance.plain(),
            "proof": evidence.proof and asdict(evidence.proof),
            "stages": [{"manifest": stage.plain(), "texts": hashes(texts)} for stage, texts in evidence.stages],
        },
        "measured": measured and {
            "results": [
                {
                    **{name: getattr(result, name) for name in ("task_type", "score", "seconds", "note")},
                    "key": asdict(result.key),
                    "outcomes": number(_stream(result.outcomes)),
                    "texts": hashes(result.texts),
                    "reported": None if result.reported is None else dict(result.reported),
                    "shown": None if result.shown is None else dict(result.shown),
                }
                for result in measured.results
            ],
            "cut": measured.cut,
            "cost": measured.cost and asdict(measured.cost),
        },
        "error": error and {"kind": type(error).__name__, "said": str(error)},
        **{name: getattr(ended, name) for name in ("whole", "broken", "where")},
        "told": [asdict(each) for each in reply.told],
        "reason": reply.reason,
    }  # fmt: skip
    return json.dumps(fields, default=_plain), tuple(blobs)


def unpack(packet: object, cell: RunCell) -> Reply:
    """The reply about `cell` that a node has sent. Raises HarnessError for anything else."""
    try:
        return _unpacked(packet, cell)
    except (ValidationError, pa.ArrowException, OSError, TypeError, ValueError, LookupError) as error:
        said = " ".join(str(error).split())[:200]
    raise HarnessError(f"a node sent what is no result of {cell.what} ({said}); nothing of it is stored")


def _unpacked(packet: Any, cell: RunCell) -> Reply:
    text, blobs = packet
    fields = _Reply.model_validate_json(text)
    measured = fields.measured
    results = tuple(_result(each, blobs, cell) for each in measured.results) if measured else ()
    ended = Ended(
        cell=cell,
        evidence=_evidence(fields.evidence, blobs, cell) if fields.evidence else None,
        measured=Measured(results=results, cut=measured.cut, cost=measured.cost) if measured else None,
        error=_ERRORS.get(fields.error.kind, HarnessError)(fields.error.said) if fields.error else None,
        whole=fields.whole,
        broken=fields.broken,
        where=fields.where,
    )
    return Reply(ended=ended, told=fields.told, reason=fields.reason)


def _evidence(sent: _Evidence, blobs: tuple[bytes, ...], cell: RunCell) -> Evidence:
    system = cell.system.record(cell.cache)
    if sent.system_id != system.system_id:
        raise ValueError(f"it is of the system {sent.system_id}, not of {system.system_id}")
    return Evidence(
        system=system,
        place=cell.place,
        provenance=Provenance.model_validate(sent.provenance),
        proof=sent.proof,
        stages=tuple((StageManifest.model_validate(each.manifest), _hashes(each.texts, blobs)) for each in sent.stages),
    )


def _result(sent: _Result, blobs: tuple[bytes, ...], cell: RunCell) -> TaskResult:
    asked = cell.task.info if cell.task else None
    if asked is None or (sent.key.task, sent.key.revision) != (asked.name, asked.revision):
        raise ValueError(f"it is of {sent.key.task} in revision {sent.key.revision}")
    return TaskResult(
        key=sent.key, task_type=sent.task_type, score=sent.score, outcomes=_frame(blobs[sent.outcomes]),
        seconds=sent.seconds, texts=_hashes(sent.texts, blobs), note=sent.note, reported=sent.reported,
        shown=sent.shown,
    )  # fmt: skip


def _stream(outcomes: pd.DataFrame) -> bytes:
    table = pa.Table.from_pandas(outcomes, schema=_SCHEMA, preserve_index=False).replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, _SCHEMA) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _frame(stream: bytes) -> pd.DataFrame:
    table = pa.ipc.open_stream(stream).read_all()
    if not table.schema.equals(_SCHEMA, check_metadata=True):
        raise ValueError(f"its outcomes have the columns {', '.join(table.schema.names)}")
    table.validate(full=True)
    columns = {}
    for name, dtype in OUTCOME_COLUMNS.items():
        kind = pd.api.types.pandas_dtype(dtype)
        column = table.column(name)
        if hasattr(kind, "__from_arrow__"):
            columns[name] = pd.Series(kind.__from_arrow__(column))
        elif column.null_count:
            raise ValueError(f"its outcomes have no {name}")
        else:
            columns[name] = pd.Series(column.to_numpy())
    return check_outcomes(pd.DataFrame(columns))


def _hashes(number: int | None, blobs: tuple[bytes, ...]) -> Any:
    return None if number is None else np.frombuffer(blobs[number], dtype="<u8").astype(np.uint64)


def _plain(value: object) -> object:
    """Numbers of numpy, which mteb reports, as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot travel")
