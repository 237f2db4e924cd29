"""What an update of the references changed: data for programs, and text for the commit message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.reference.files import Reference, ReferenceResult

_SAME = 5e-7


def change(before: Sequence[Reference], after: Sequence[Reference]) -> list[dict[str, Any]]:
    """Return one entry a variant and task that is new, gone, or whose answers changed."""
    old, new = _by_place(before), _by_place(after)
    rows = []
    for place in sorted({*old, *new}):
        was, now = old.get(place), new.get(place)
        if was is not None and now is not None and (was.key, was.answers) == (now.key, now.answers):
            continue
        rows.append(
            {
                "variant": place[0],
                "task": place[1],
                "was": None if was is None else was.score,
                "now": None if now is None else now.score,
                "revision": None if now is None else now.key.revision,
                "same_questions": was is not None and now is not None and was.answers.asked == now.answers.asked,
            }
        )
    return rows


def describe(before: Sequence[Reference], after: Sequence[Reference]) -> str:
    """Return the change as text: a heading, a line a score that moved, and what made the systems."""
    rows = change(before, after)
    if not rows:
        return "Reference results: measured again, not an answer changed"
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    lines = [f"Reference results: {len(rows)} of {len(_by_place(after))} changed ({', '.join(variants)})", ""]
    for row in rows:
        was, now = row["was"], row["now"]
        if was is None:
            text = f"new, {_points(now)}"
        elif now is None:
            text = f"gone, was {_points(was)}"
        elif not row["same_questions"]:
            text = f"{_points(was)} -> {_points(now)} on other examples"
        elif abs(now - was) < _SAME:
            text = f"{_points(now)}, other answers"
        else:
            text = f"{_points(was)} -> {_points(now)} ({100 * (now - was):+.2f})"
        lines.append(f"- {row['variant']}, {row['task']}: {text}")
    made = sorted({(r.run.provenance.commit or "no commit")[:12] for r in after if r.system.variant in variants})
    return "\n".join([*lines, "", f"Measured at {', '.join(made)}."])


def _points(score: float) -> str:
    return f"{100 * score:.2f}"


def _by_place(references: Sequence[Reference]) -> dict[tuple[str, str], ReferenceResult]:
    return {(r.system.variant, result.key.task): result for r in references for result in r.results}
