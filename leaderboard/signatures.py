"""The origin of a score in one line (its signature), and the command that measures it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.records import Provenance, Run, System

_VALUED = frozenset({"--variant", "--seed", "--seeds", "--tasks", "--db", "--site"})  # replaced, or the user's own
_FLAGS = frozenset({"--all", "--force", "--json", "--strict"})


@dataclass(frozen=True, kw_only=True)
class Signature:
    """The signature of one score: one system on one task."""

    seed: int | None
    score: float
    text: str
    command: str


def signature(row: Mapping[Any, Any], system: System, run: Run | None) -> Signature:
    """Make the signature of `row` (of Store.scores)."""
    provenance = run.provenance if run else Provenance()
    versions = provenance.versions
    seed = system.seed
    parts = {
        "harness": provenance.harness,
        "commit": provenance.commit,
        "mteb": versions.get("mteb"),
        "transformers": versions.get("transformers"),
        "torch": versions.get("torch"),
        "task": row["task"],
        "split": row["split"],
        "subset": row["subset"],
        "revision": row["revision"],
        "metric": row["metric"],
        "base": f"{system.base}@{system.base_revision}" if system.base else "none",
        "variant": system.variant,
        "card": system.card_hash or "none",
        "seed": "none" if seed is None else seed,
        "dtype": row["dtype"],
        "device": row["device"],
        "evaluation": row["evaluation"],
        "system": system.system_id,
        "run": row["run_id"],
        "score": repr(float(row["score"])),
    }
    text = " ".join(f"{name}={value}" for name, value in parts.items() if value is not None)
    return Signature(seed=seed, score=float(row["score"]), text=text, command=_again(row, system, provenance))


def _again(row: Mapping[Any, Any], system: System, provenance: Provenance) -> str:
    """Narrow the recorded command to this system and task; where none was recorded, write one."""
    command = provenance.command or ""
    try:
        recorded = shlex.split(command)
    except ValueError:
        return command  # no shell would read it either: shown as it was recorded
    kept = ["harness", "run", "--base", system.base] if system.base else ["harness", "run"]
    if recorded[:2] == ["harness", "run"]:
        kept, words = ["harness", "run"], iter(recorded[2:])
        for word in words:
            name, sign, _ = word.partition("=")
            if name in _VALUED:
                if not sign:
                    next(words, None)
            elif name not in _FLAGS:
                kept.append(word)
    if system.kind == "variant":
        kept += ["--variant", system.variant]
        kept += ["--seed", str(system.seed)] if system.seed is not None else []
    elif recorded:
        return shlex.join(recorded)  # a baseline is measured along with a run
    return shlex.join([*kept, "--tasks", str(row["task"]), "--force"])
