"""Any mteb task of a supported type, run by mteb itself, kept to the last example."""

from harness.suites.mteb.loading import Choice
from harness.suites.mteb.task import MtebTask, is_registered, mteb_task, registered

__all__ = ["Choice", "MtebTask", "is_registered", "mteb_task", "registered"]
