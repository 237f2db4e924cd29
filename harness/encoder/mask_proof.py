"""What a mask proof showed, and what a failed one means. No torch: it travels between machines and is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from harness.errors import ProofError
from harness.text_to_vector import Attention

Padding = Literal["none", "left", "right"]
NOT_A_NUMBER = "a hidden state is NaN"
NOT_TOLD_APART = "a wrong padding mask cannot be told from rounding"


@dataclass(frozen=True, kw_only=True)
class MaskCheck:
    """What one way to read the texts showed.

    `leak`: largest absolute change of any state before the changed token (0 if causal). `reached`: share of
    (layer, text, earlier token) states that changed (1 if bidirectional). Of a mask by degrees `leak` is of the states
    that the changed token is too far away from, and `reached` of the others. `shift`: how far what an attention layer
    answers moves when the same text stands unpadded and alone, relative to its length, beside what `rounding` and a
    `wrong` mask do there (harness.encoder.between). With a packed kernel texts of unlike lengths stand one behind the
    other, and alone means alone under the model's own kernel: a text that saw its neighbour shifts, and so does a
    kernel that differs.

    Measured and not judged, for they are rounding and what became of it in all layers: `padding_shift`, the largest
    absolute change of a last-layer state relative to the largest state; `cosine`, the lowest of a text's mean state
    with that of the same text alone; `neighbours`, the share of texts that keep their nearest one (None if alone).
    """

    kernel: str
    batch: int
    padding: Padding
    merged: bool
    leak: float
    reached: float
    shift: float
    rounding: float
    wrong: float
    padding_shift: float
    cosine: float
    neighbours: float | None
    ok: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class MaskProof:
    """All checks of one model; `passed` only if each one is."""

    attention: Attention
    checks: tuple[MaskCheck, ...]
    degree: str | None = None

    @property
    def said(self) -> str:
        """What was to be proven."""
        return f"to see {self.degree}" if self.degree else self.attention

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        fields = asdict(self)
        return {"passed": self.passed, **{name: each for name, each in fields.items() if each is not None}}

    def require(self) -> MaskProof:
        """Return self, or raise ProofError with the first failed check."""
        for check in self.checks:
            if not check.ok:
                mend = "try another --device or the library versions that `harness doctor` names"
                if check.reason == NOT_A_NUMBER:
                    mend = "check the weights of the checkpoint, or take --dtype float32"
                elif check.reason.startswith(NOT_TOLD_APART):
                    mend = "take --dtype float32"
                raise ProofError(
                    f"the mask proof failed: the card says {self.said}, but {check.reason} (kernel "
                    f"{check.kernel}, batch {check.batch}, padding {check.padding}); {mend}"
                )
        if not self.checks:
            raise ProofError("the mask proof has nothing to check; name at least one kernel, batch size and padding")
        return self
