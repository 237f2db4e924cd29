"""What an update of the references changed: data for programs, and text for the commit message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.metrics import get_metric
from harness.reference.files import Reference, ReferenceResult

_SAME = 5e-7


def change(before: Sequence[Reference], after: Sequence[Reference]) -> list[dict[str, Any]]:
    """Return one entry a variant and task that is new, gone, or whose answers changed."""
    old, new = _by_place(before), _by_place(after)
    rows = []
    for place, either in sorted((old | new).items(), key=lambda item: item[0]):
        was, now = old.get(place), new.get(place)
        if was is not None and now is not None and (was.key, was.answers) == (now.key, now.answers):
            continue
        rows.append(
            {
                "variant": place[0],
                "task": place[1],
                "was": None if was is None else was.score,
                "now": None if now is None else now.score,
                "metric": either.key.metric,
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
        was, now, metric = row["was"], row["now"], get_metric(row["metric"])
        was_text, now_text = ("" if score is None else metric.write(score, more_digits=1) for score in (was, now))
        if was is None:
            text = f"new, {now_text}"
        elif now is None:
            text = f"gone, was {was_text}"
        elif not row["same_questions"]:
            text = f"{was_text} -> {now_text} on other examples"
        elif abs(now - was) < _SAME:
            text = f"{now_text}, other answers"
        else:
            text = f"{was_text} -> {now_text} ({metric.write_change(now - was, more_digits=1)})"
        lines.append(f"- {row['variant']}, {row['task']}: {text}")
    made = sorted({(r.run.provenance.commit or "no commit")[:12] for r in after if r.system.variant in variants})
    return "\n".join([*lines, "", f"Measured at {', '.join(made)}."])


def _by_place(references: Sequence[Reference]) -> dict[tuple[str, str], ReferenceResult]:
    return {(r.system.variant, result.key.task): result for r in references for result in r.results}
