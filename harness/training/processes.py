"""Several processes that train one stage together, as `accelerate launch` starts them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError


@dataclass(frozen=True)
class Processes:
    """This process among `size` of them. Number 0 trains and writes every file; the others only train."""

    rank: int
    size: int

    @classmethod
    def here(cls) -> Processes:
        """What the launcher set; one process where there is none."""
        return cls(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))

    @property
    def first(self) -> bool:
        return self.rank == 0

    def join(self, device: str) -> None:
        """Meet the other processes, before any model is made: a CUDA process gets its own device."""
        if self.size > 1:
            from accelerate import PartialState

            PartialState(cpu=device == "cpu")

    def share(self, batch_size: int) -> int:
        """Examples of a batch on each process. HarnessError if they cannot be dealt evenly."""
        if batch_size % self.size:
            raise HarnessError(
                f"a batch of {batch_size} cannot be split over {self.size} processes; start a number of "
                "processes that divides it"
            )
        return batch_size // self.size

    def agree(self, value: bool) -> bool:
        """The first process's `value`, on every process."""
        if self.size == 1:
            return value
        from accelerate.utils import broadcast_object_list

        (agreed,) = broadcast_object_list([value])
        return bool(agreed)

    @contextmanager
    def one_at_a_time(self, lock: Callable[[], Any]) -> Iterator[None]:
        """Hold `lock()` on the first process while every process is inside; leave together."""
        if self.first:
            with lock():
                yield
                self.agree(True)
        else:
            yield
            self.agree(True)
