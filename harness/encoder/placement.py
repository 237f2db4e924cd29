"""Where and in which precision a model runs. Imports torch only to ask for a CUDA device."""

from __future__ import annotations

import os
from dataclasses import dataclass

from harness.errors import HarnessError

DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("float32", "bfloat16", "float16")
# Below this many parameters an operation is over before a second thread has woken; above, threads pay.
SMALL_MODEL = 20_000_000


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A device and a precision, both decided.

    With `all_cores` work on a CPU may take every core of the machine; else torch's number of threads is the limit.
    """

    device: str
    dtype: str
    all_cores: bool = False

    @classmethod
    def choose(cls, device: str = "auto", dtype: str = "auto") -> Placement:
        """auto device: cuda if there is one, else cpu. auto dtype: bfloat16 on cuda, float32 on cpu.

        All cores may be taken unless the user has set OMP_NUM_THREADS (see `start_with_one_thread`).
        """
        import torch

        if device not in DEVICES:
            raise HarnessError(f"no device {device!r}; use {', '.join(DEVICES)}")
        if dtype not in {"auto", *DTYPES}:
            raise HarnessError(f"no dtype {dtype!r}; use auto, {', '.join(DTYPES)}")
        if device == "cuda" and not torch.cuda.is_available():
            raise HarnessError("--device cuda, but torch sees no CUDA device here; use --device cpu or auto")
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if dtype == "auto":
            dtype = "bfloat16" if device == "cuda" else "float32"
        return cls(device=device, dtype=dtype, all_cores=os.environ.get("HARNESS_THREADS") == "auto")

    @property
    def workers(self) -> int:
        """How many forward passes may run side by side on a CPU: one a core, or as many as torch has threads."""
        import torch

        if not self.all_cores:
            return torch.get_num_threads()
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def fit_threads(self, parameters: int) -> None:
        """Give torch every core for a large model of so many `parameters`, where all cores may be taken."""
        if self.all_cores and parameters >= SMALL_MODEL:
            import torch

            torch.set_num_threads(os.cpu_count() or 1)


def start_with_one_thread() -> None:
    """Before numpy and torch are imported: one thread each, unless the user has set OMP_NUM_THREADS.

    On a busy machine the waiting threads of a small model burn the cores that others need: the embedded default
    took more than three times as long (docs/decisions.md).
    """
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"
        os.environ["HARNESS_THREADS"] = "auto"
