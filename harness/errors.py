"""The one error a user is meant to read: a sentence that says what is wrong and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HarnessError(Exception):
    """Bad input or a state the user can mend. The CLI prints its sentence and exits with `exit_code`."""

    exit_code = 2


class StoreBusyError(HarnessError):
    """Another process holds the database and did not let go in time."""


class MissingDataError(HarnessError):
    """Data that another machine may have are not on this one."""


class ProofError(HarnessError):
    """A model's attention is not what its card says, or its tokens are not what its folder says."""

    exit_code = 4


class VerifyError(HarnessError):
    """A stored score is not the aggregate of its stored outcomes."""

    exit_code = 4


class TasksFailedError(HarnessError):
    """Some tasks or systems could not be measured; the results of all others are stored."""

    exit_code = 5


def near_names(name: str, known: Iterable[str]) -> str:
    """Return a phrase that helps after an unknown `name`: the near ones, or all of them.

    >>> near_names("bidir-supcom", ["causal", "bidir-supcon"])
    'did you mean bidir-supcon?'
    >>> near_names("xyz", ["causal", "bidir"])
    'known: bidir, causal'
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    shown = ", ".join(names[:20])
    return f"known: {shown}" + (f" and {len(names) - 20} more" if len(names) > 20 else "")
