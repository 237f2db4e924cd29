"""What the stages that train have in common: fields, training text with its fingerprint, and the way to an adapter."""

from __future__ import annotations

import hashlib
import shutil
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from harness.bases import EMBEDDED, Base
from harness.errors import HarnessError
from harness.hub import HubData
from harness.rows import TEXT, Columns, check_columns, read_rows
from harness.stage_record import StageData
from harness.training.kind import MadeAdapter, StageJob, StageKind
from harness.training.lora import Lora, save_trained
from harness.training.processes import Processes
from harness.training.ramp import MaskRamp, RampedMask

if TYPE_CHECKING:
    from harness.training.watch import TrainingWatch

# One draw of training text for everybody; the training seed moves batches, adapters and dropout, not the text.
DRAW = 1


class TrainedStage(StageKind):
    """A stage that trains LoRA adapters on text. A subclass says which columns it reads, what it takes of the embedded
    English, and how it trains.
    """

    takes_data: ClassVar[bool] = True
    columns: ClassVar[Columns] = TEXT

    data: str = Field("mini", min_length=1, description="`mini`, a file, or hub:ORG/NAME@COMMIT/PATH")
    examples: int = Field(ge=2, description="training examples drawn from the data")
    steps: int = Field(ge=1)
    until: int | None = Field(
        None, ge=0, description="the step after which training stops, of a schedule for `steps`; without it the last"
    )
    batch_size: int = Field(ge=2)
    micro_batch_size: int | None = Field(None, ge=1, description="examples of a batch on the device at once; None: all")
    max_length: int = Field(ge=4, description="tokens")
    learning_rate: float = Field(gt=0)
    warmup_steps: int = Field(0, ge=0)
    schedule: Literal["linear", "constant"] = Field(
        "linear", description="of the learning rate after the warm-up: to 0, or constant"
    )
    precision: Literal["float32", "bfloat16"] = "float32"
    gradient_checkpointing: bool = False
    packed: bool = Field(False, description="no padding is computed, nor a prediction that nothing is learnt from")
    mask_ramp: MaskRamp | None = Field(
        None, description="from the causal mask to the card's; without it the card's from the first step on"
    )
    lora: Lora | None = Field(Lora(), description="null: only the vectors of the slots are trained")

    @model_validator(mode="after")
    def _batch_divides(self) -> TrainedStage:
        if self.micro_batch_size is not None and self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"micro_batch_size {self.micro_batch_size} does not divide batch_size {self.batch_size}; "
                "choose a divisor"
            )
        if self.until is not None and self.until > self.steps:
            raise ValueError(f"until {self.until} is behind the last of {self.steps} steps; give a smaller number")
        return self

    @model_serializer(mode="wrap")
    def _without_unused(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Fields that are younger than the first recipes: a dump leaves them out while they are not used."""
        fields: dict[str, Any] = dump(self)
        unused = {name for name in ("packed", "until", "mask_ramp") if fields[name] is None or fields[name] is False}
        return {name: value for name, value in fields.items() if name not in unused}

    @property
    def adapts(self) -> bool:
        return self.lora is not None

    @property
    def opens_mask(self) -> bool:
        return self.mask_ramp is not None

    @property
    def in_order(self) -> bool:
        """Whether the rows are a running text, read from its beginning; else `examples` of them are drawn."""
        return False

    @abstractmethod
    def embedded(self) -> list[tuple[str, ...]]:
        """`examples` rows of the embedded English, the same at every call."""

    @abstractmethod
    def train(self, rows: list[tuple[str, ...]], job: StageJob, watch: TrainingWatch) -> Any:
        """Train on `rows` and return the backbone with its trained adapters in it. `job.scratch` keeps checkpoints."""

    @property
    def doing(self) -> str:
        texts = self.total_steps * self.batch_size * len(self.columns)
        most = texts * self.max_length
        tokens = f"{most / 1e6:,.1f} million" if most >= 100_000 else f"{most:,}"
        steps = f"the first {self.until} of {self.steps}" if self.total_steps < self.steps else f"{self.steps}"
        return f"training {self.kind}: {steps} steps of {self.batch_size} examples, at most {tokens} tokens"

    @property
    def total_steps(self) -> int:
        return self.steps if self.until is None else self.until

    def whole(self) -> Self:
        return self.model_copy(update={"until": None})

    def identity(self, seed: int) -> dict[str, Any]:
        same = self.whole() if self.until == self.steps else self
        return {"stage": same.model_dump(mode="json", exclude={"data"}), "seed": seed}

    def fingerprint(self, base: Base) -> str:
        """sha256 that changes whenever the training text does; a file's columns are checked on the way."""
        hub = HubData.parse(self.data)
        if self.data == EMBEDDED:
            from harness.mini.corpus import data_version

            made = f"mini {data_version()} draw {DRAW}"
        elif hub is not None:
            made = self.data  # a commit and a path never change their content
        else:
            check_columns(self._file(), self.columns)
            with self._file().open("rb") as file:
                made = hashlib.file_digest(file, "sha256").hexdigest()
        how = f"{self.kind} {self.examples} {self.in_order} draw {DRAW} {made}"
        return hashlib.sha256(how.encode()).hexdigest()

    def rows(self) -> list[tuple[str, ...]]:
        """The examples, one tuple a row in the order of `columns`; with `in_order`, all rows there are."""
        rows = self.embedded() if self.data == EMBEDDED else list(self._read())
        if not rows:
            raise HarnessError(f"{self.data} has no example for the {self.kind} stage; give a file with text in it")
        if self.in_order or len(rows) <= self.examples:
            return rows
        import numpy as np

        return [rows[index] for index in np.random.default_rng(DRAW).permutation(len(rows))[: self.examples]]

    def check(self, base: Base, seed: int) -> None:
        self.check_rows(self._enough_rows(base), base, seed)

    def check_rows(self, rows: list[tuple[str, ...]], base: Base, seed: int) -> None:
        """Raise HarnessError if `rows` do not give the batches of the stage."""

    def make(self, job: StageJob) -> MadeAdapter:
        """Train in `job.scratch`, where checkpoints outlive a kill, and leave the adapter there."""
        from harness.training.manifests import ADAPTER, TEXTS, write_texts
        from harness.training.watch import TrainingWatch

        rows = self._enough_rows(job.base)
        if self.fingerprint(job.base) != job.fingerprint:
            raise HarnessError(
                f"{self.data}, the text of the {self.kind} stage, has changed since this command began; give the "
                "command again"
            )
        mask = None
        if self.mask_ramp is not None:
            mask = RampedMask(self.mask_ramp, steps=self.steps, longest=self.max_length, seed=job.seed)
        watch = TrainingWatch(job.begin(), batch_size=self.batch_size, until=self.until, mask=mask)
        try:
            backbone = self.train(rows, job, watch)
        except HarnessError:
            # A checkpoint on the way to a loss of NaN is no place to go on from.
            shutil.rmtree(job.scratch, ignore_errors=True)
            raise
        unused = {"unused": watch.unused} if watch.unused else {}
        made = MadeAdapter(
            folder=job.scratch / ADAPTER,
            device=job.place.device,
            data=StageData(sources=(self.data,), examples=len(rows), fingerprint=job.fingerprint, **unused),
            losses=tuple(watch.losses),
            tokens=watch.tokens if Processes.here().size == 1 else None,
            trained=sum(weight.numel() for weight in backbone.parameters() if weight.requires_grad),
            texts=job.scratch / TEXTS,
        )
        if Processes.here().first:
            save_trained(backbone, made.folder, base_name=job.base.name)
            write_texts(job.scratch, (text for row in rows for text in row))
        return made

    def _enough_rows(self, base: Base) -> list[tuple[str, ...]]:
        from harness.encoder.opening import check_one_scale

        check_one_scale(base.folder, self.max_length, name=base.name, what=f"the {self.kind} stage")
        rows = self.rows()
        if len(rows) < self.batch_size and not self.in_order:
            raise HarnessError(
                f"the {self.kind} stage has {len(rows)} examples for batches of {self.batch_size}; "
                "give more data or lower batch_size in the card"
            )
        return rows

    def _read(self) -> Iterator[tuple[str, ...]]:
        hub = HubData.parse(self.data)
        for path in [self._file()] if hub is None else hub.files():
            yield from read_rows(path, self.columns)

    def _file(self) -> Path:
        path = Path(self.data).expanduser()
        if not path.is_file():
            raise HarnessError(
                f"the data of the {self.kind} stage, {self.data!r}, is neither `mini`, nor a file here, nor hub:…"
            )
        return path
