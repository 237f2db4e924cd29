"""Systems × tasks ─▶ outcomes ─▶ store, in four steps: plan, open, measure, record.

`plan` says what is asked and what the store lacks. `open` gives a trained and proven encoder. `measure` gives the
results of one task and writes nothing. `record` writes to the store. `execute` ties them together.
"""

from harness.run.listener import Listener, Screen
from harness.run.loop import execute
from harness.run.measure import Measured, measure
from harness.run.open import Evidence, OpenSystem, open_system, open_weights, train_variant
from harness.run.plan import CAUSAL_BASE, EVALUATION_VERSION, Job, RunPlan, RunRequest, plan_run
from harness.run.systems import Floor, PlannedSystem, ReferenceModel, plan_system, plan_systems

__all__ = [
    "CAUSAL_BASE",
    "EVALUATION_VERSION",
    "Evidence",
    "Floor",
    "Job",
    "Listener",
    "Measured",
    "OpenSystem",
    "PlannedSystem",
    "ReferenceModel",
    "RunPlan",
    "RunRequest",
    "Screen",
    "execute",
    "measure",
    "open_system",
    "open_weights",
    "plan_run",
    "plan_system",
    "plan_systems",
    "train_variant",
]
