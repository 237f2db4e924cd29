"""Work side by side on the cores of a CPU, one thread of torch each.

A forward pass of a small model on two threads waits at the end of each operation for the slower one; two passes at a
time wait for each other only at the end, and on a busy machine lose no more than their share of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


def passes_held(workers: int) -> int:
    """How many items are at work or have a result that was not taken yet, at the most."""
    return 2 * workers if workers > 1 else 1


def side_by_side(work: Callable[[T], R], plan: Sequence[T], *, workers: int) -> Generator[R, None, None]:
    """`work` of each item of `plan`, in the plan's order, up to `workers` of them at a time.

    Each call has its share of torch's threads, at least one. An error in `work` ends the iteration; so does leaving it,
    and what has begun is waited for.
    """
    workers = min(workers, len(plan))
    if workers < 2:
        yield from map(work, plan)
        return
    rest = iter(plan)
    with _sharing_threads(workers), ThreadPoolExecutor(workers, thread_name_prefix="pass") as pool:
        begun: deque[Future[R]] = deque(pool.submit(work, item) for item in islice(rest, workers))
        try:
            while begun:
                begun.extend(pool.submit(work, item) for item in islice(rest, passes_held(workers) - len(begun)))
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()


@contextmanager
def _sharing_threads(workers: int) -> Iterator[None]:
    """Give each of `workers` its share of torch's threads, and the caller all of them afterwards."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads // workers))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
