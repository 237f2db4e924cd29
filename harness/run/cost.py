"""What a task takes: seconds, tokens, memory, and the energy of a GPU that reports it. What is not known is None."""

from __future__ import annotations

import ctypes
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.records import Cost

if TYPE_CHECKING:
    from harness.encoder.reader import EncodingProgress, EncodingWatch

_OWN = Path("/proc/self")


@dataclass(kw_only=True)
class Meter:
    """Counts what the encoder reads, and hands what it hears to `watch`; `cost` is there at the end."""

    watch: EncodingWatch | None
    tokens: int = 0
    reading_s: float = 0.0
    cost: Cost | None = field(default=None, init=False)

    def note(self, message: str) -> None:
        if self.watch is not None:
            self.watch.note(message)

    def reading(self, reading: EncodingProgress) -> None:
        if reading.texts == reading.all_texts:
            self.tokens += reading.all_tokens
            self.reading_s += reading.seconds
        if self.watch is not None:
            self.watch.reading(reading)


@contextmanager
def metered(encoder: Any) -> Iterator[Meter]:
    """Yield a Meter of what `encoder` does while this lasts; its `cost` is known afterwards."""
    meter = Meter(watch=getattr(encoder, "watch", None))
    heard = hasattr(encoder, "watch")
    device = _device(encoder)
    energy = _energy_j(device)
    peak = _Peak(device)
    began = time.monotonic()
    if heard:
        encoder.watch = meter
    try:
        yield meter
    finally:
        if heard:
            encoder.watch = meter.watch
    after = _energy_j(device)
    meter.cost = Cost(
        seconds=time.monotonic() - began,
        tokens=meter.tokens or None,
        tokens_per_s=meter.tokens / meter.reading_s if meter.tokens and meter.reading_s else None,
        peak_bytes=peak.read(),
        energy_j=None if energy is None or after is None else after - energy,
    )


def _device(encoder: Any) -> Any:
    """The torch device that `encoder` computes on; None for one without a model."""
    return getattr(getattr(encoder, "model", None), "device", None)


class _Peak:
    """The most memory since it was made: of torch on a GPU, else of this process (Linux alone says it)."""

    def __init__(self, device: Any) -> None:
        self._device = device if getattr(device, "type", "") == "cuda" else None
        self._fresh = self._device is None
        if self._device is not None:
            import torch

            torch.cuda.reset_peak_memory_stats(self._device)
            return
        try:
            (_OWN / "clear_refs").write_text("5")
        except OSError:
            self._fresh = False

    def read(self) -> int | None:
        if self._device is not None:
            import torch

            return int(torch.cuda.max_memory_allocated(self._device))
        if not self._fresh:
            return None
        found = None
        with suppress(OSError):
            found = re.search(r"^VmHWM:\s+(\d+) kB", (_OWN / "status").read_text(), re.MULTILINE)
        return 1024 * int(found[1]) if found else None


def _energy_j(device: Any) -> float | None:
    """The energy in joule that the GPU `device` has used since its driver was loaded; None where nothing says it."""
    if getattr(device, "type", "") != "cuda":
        return None
    import torch

    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)
    return None if uuid is None else nvml_energy_j(f"GPU-{uuid}")


def nvml_energy_j(uuid: str) -> float | None:
    """What NVIDIA's management library says of the GPU `uuid`; None without the library, and where it says nothing."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        handle, millijoule = ctypes.c_void_p(), ctypes.c_ulonglong()
        if nvml.nvmlInit_v2():
            return None
        try:
            if nvml.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(handle)):
                return None
            if nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoule)):
                return None
        finally:
            nvml.nvmlShutdown()
    except (OSError, AttributeError):
        return None
    return millijoule.value / 1000
