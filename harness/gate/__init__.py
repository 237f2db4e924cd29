"""The regression gate: did a change of the code make a tracked result worse by more than a declared margin?

`regress` measures and judges, `renew` makes new references, `rebuild` makes a database of them. The statistics are
in `judge`, which knows no model, file or store.
"""

from harness.gate.declared import Gate, Single, declared_gate, parse_gate
from harness.gate.judge import Judged, Judgement, Remeasured, judge
from harness.gate.regress import rebuild, regress, renew

__all__ = [
    "Gate",
    "Judged",
    "Judgement",
    "Remeasured",
    "Single",
    "declared_gate",
    "judge",
    "parse_gate",
    "rebuild",
    "regress",
    "renew",
]
