"""Which engine carries out a run, by name."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from harness.encoder.placement import Placement
from harness.errors import HarnessError, near_names

if TYPE_CHECKING:
    from harness.engines.cluster import RayEngine

ENGINES = ("local", "ray")


def open_engine(name: str, *, address: str | None = None, cell: str | None = None) -> RayEngine | None:
    """The engine called `name`; None for the one in this process. Nothing is started yet.

    Raises HarnessError for an unknown name, for Ray's options without Ray, and if Ray is not installed.
    """
    if name not in ENGINES:
        raise HarnessError(f"no engine {name!r}; {near_names(name, ENGINES)}")
    if name == "ray":
        from harness.engines.cluster import RayEngine  # imports torch

        return RayEngine(address=address, cell=cell)
    for option, value in (("--address", address), ("--cell", cell)):
        if value is not None:
            raise HarnessError(f"{option} {value} is for Ray; give --engine ray too, or leave it out")
    return None


def unused_gpus(place: Placement) -> str:
    """A sentence about the GPUs of this machine that a run in this process leaves idle; empty if there are none."""
    if place.device != "cuda":
        return ""
    import torch

    there = torch.cuda.device_count()
    if there < 2:
        return ""
    install = "" if find_spec("ray") else " (install Ray for it: pip install -e '.[ray]')"
    return f"this run uses 1 of {there} GPUs; --engine ray uses all{install}"
