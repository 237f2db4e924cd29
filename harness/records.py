"""What the store keeps besides outcomes: systems, their runs and costs, and overlaps with tasks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from harness.errors import HarnessError

KINDS = ("variant", "baseline", "reference")
SINK = 10  # a first token whose state is more than so many times as long as the others' is called an attention sink
MADE_ELSEWHERE = "outcomes that were made elsewhere"
Kind = Literal["variant", "baseline", "reference"]


class Record(BaseModel):
    """What is kept as JSON, in a stage's folder or in the store.

    `version` counts the layouts of a record; one that was written before there was a version is of the first. Fields
    that this version does not know stay as they are.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    version: int = 1

    def plain(self) -> dict[str, Any]:
        """The fields that were given, as JSON has them: what was read is written again unchanged."""
        return self.model_dump(mode="json", exclude_unset=True)


class StoredRecipe(Record):
    """The recipe of a stored system: its fields stand flat besides the card's title and SHA-256.

    A reference model has no recipe; its `hub_commit` is None if it was read from a folder.
    """

    title: str | None = None
    card_sha256: str | None = None
    weights: str = "pretrained"
    stages: tuple[Mapping[str, Any], ...] = ()
    model: str | None = None
    hub_commit: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the recipe alone."""
        return {name: value for name, value in self.plain().items() if name not in _NOT_RECIPE}


_NOT_RECIPE = frozenset({"version", "title", "card_sha256", "model", "hub_commit"})


class FirstToken(Record):
    """How long the states of a text's first token are: their norm over the median norm of the text's other tokens.

    By layer, the first one first, medians over a fixed set of texts: `alone`, and `behind` the token `front`, whose own
    states are `of_front`. `led`: the system puts a token before every text and leaves it out of a mean; `in_mean`:
    the mean of a text has its first token.
    """

    front: str | None = None
    alone: tuple[float, ...] = ()
    behind: tuple[float, ...] = ()
    of_front: tuple[float, ...] = ()
    led: bool = False
    in_mean: bool = False

    @property
    def rows(self) -> tuple[tuple[str, tuple[float, ...]], ...]:
        """What was measured, named."""
        named = (
            ("first token", self.alone),
            (f"first token behind {self.front}", self.behind),
            (f"{self.front} itself", self.of_front),
        )
        return tuple((name, ratios) for name, ratios in named if ratios)

    @property
    def layers(self) -> tuple[int, ...]:
        """Numbers of the layers that are shown: each quarter, the last two, and where any ratio is the largest."""
        count = len(self.alone)
        quarters = {count // 4, count // 2, 3 * count // 4, count - 1, count}
        longest = {1 + ratios.index(self.largest) for _, ratios in self.rows if self.largest in ratios}
        return tuple(sorted(layer for layer in quarters | longest if layer > 0))

    @property
    def largest(self) -> float:
        """The largest ratio of all, 0 where nothing was measured."""
        return max((max(ratios) for _, ratios in self.rows), default=0.0)

    @property
    def sentence(self) -> str:
        """What is to be known of a first token that is an attention sink; "" for one that is not."""
        read = self.behind if self.led else self.alone
        if not read or max(read) <= SINK:
            return ""
        where = ("the mean of a text, and " if self.in_mean else "") + "the vector of a word that is read alone"
        mend = "" if self.led else "; `leading_token: true` in the card puts an unpooled token in front"
        return (
            f"in layer {1 + read.index(max(read))} the state of a text's first token is {max(read):.0f} times as long "
            f"as the others' (an attention sink); in that layer it dominates {where}{mend}"
        )

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """What was measured in the `layers` that are shown, named and written."""
        return tuple(
            (name, ", ".join(f"layer {layer}: {ratios[layer - 1]:.3g}" for layer in self.layers))
            for name, ratios in self.rows
        )


class Provenance(Record):
    """What made a number: versions, commit, machine and command. A run adds the last four fields.

    `opening` says what was proven of weights and tokens as they were opened, `encoding` how texts were read,
    `first_token` what its states are;
    `weights_sha256` is of the last stage's weights, `contrasts` of what was declared before looking.
    What was not recorded is None.
    """

    harness: str | None = None
    commit: str | None = None
    python: str | None = None
    platform: str | None = None
    versions: Mapping[str, str] = {}
    device: str | None = None
    device_name: str | None = None
    dtype: str | None = None
    threads: int | None = None
    cpus: int | None = None
    command: str | None = None
    opening: Mapping[str, str] | None = None
    encoding: Mapping[str, str] | None = None
    first_token: FirstToken | None = None
    weights_sha256: str | None = None
    contrasts: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The fields that were given, without the proof of opening, which is shown apart."""
        return {name: value for name, value in self.plain().items() if name not in ("opening", "first_token")}


@dataclass(frozen=True, kw_only=True)
class System:
    """Base × variant × training seed: the thing that gets a row, addressed by what made it.

    `seed` is None where nothing random went into the variant. `base` is empty where there is none: a reference is a
    model that is measured as it is, `variant` its name and `base_revision` the SHA-256 of its files. `recipe` is the
    card's front matter, `lineage` the stages with the ids of what each made, `data` the fingerprints of what it was
    trained on. `folder`, where the weights lie, is no part of the identity.
    """

    base: str
    base_revision: str
    variant: str
    seed: int | None = None
    kind: Kind = "variant"
    card_hash: str = ""
    recipe: StoredRecipe = field(default_factory=StoredRecipe)
    lineage: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    folder: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise HarnessError(f"the kind of a system is variant, baseline or reference, not {self.kind!r}")
        if not self.variant:
            raise HarnessError("a system needs the name of its variant")

    @property
    def system_id(self) -> str:
        """16 hex digits of the SHA-256 of everything that made the system, the same on every machine."""
        parts = [self.base, self.base_revision, self.variant, self.seed, self.kind, self.card_hash]
        text = to_json([*parts, self.lineage, self.data])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def made_elsewhere(self) -> bool:
        """Whether nothing of it was opened here: its outcomes were added."""
        return self.recipe.title == MADE_ELSEWHERE

    @property
    def stage_digests(self) -> tuple[str, ...]:
        """The addresses of the stages that made it."""
        return tuple(digest for digest in self.lineage.values() if isinstance(digest, str))


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """What one stage's training data shares with one evaluation task.

    Measured: `n_shared` of the task's `n_texts` distinct evaluated texts stand in the stage's training texts (0 is a
    finding; where nothing was counted there is no record). Declared: known of the data `source`, with the reason in
    `note`, both counts None.
    """

    stage: str
    source: str
    task: str
    revision: str
    how: Literal["measured", "declared"]
    n_texts: int | None = None
    n_shared: int | None = None
    note: str = ""

    @property
    def share(self) -> float | None:
        """`n_shared` of `n_texts`; None if not measured."""
        return self.n_shared / self.n_texts if self.n_texts and self.n_shared is not None else None


@dataclass(frozen=True, kw_only=True)
class Run:
    """One system on one suite, once.

    `evaluation` names the version of the evaluation protocol: scores of two versions are not compared.
    `provenance` holds the rest: library versions, commit, command. `mask_proof` is the evidence that
    attention is what the card says; a variant's run without one (None, or `{"passed": false}`) is not ranked.
    """

    system_id: str
    suite: str
    dtype: str
    device: str
    evaluation: str
    provenance: Provenance = field(default_factory=Provenance)
    mask_proof: Mapping[str, Any] | None = None
    run_id: str = field(default_factory=lambda: uuid4().hex[:16])
    started_at: datetime = field(default_factory=lambda: now())
    finished_at: datetime | None = None

    @property
    def proven(self) -> bool:
        """Whether the run holds a mask proof that did not fail."""
        return bool(self.mask_proof) and self.mask_proof.get("passed", True) is True  # type: ignore[union-attr]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What it took to measure one task in one run; None is what the device does not tell.

    `tokens` is how many the encoder read, `tokens_per_s` while it read. `peak_bytes` is the most that torch held on a
    GPU, on a CPU the most that the process had in memory. `energy_j` is of the whole GPU.
    """

    seconds: float
    tokens: int | None = None
    tokens_per_s: float | None = None
    peak_bytes: int | None = None
    energy_j: float | None = None


def proof_words(proof: Mapping[str, Any]) -> str:
    """What the checks of a mask proof measured, to be read behind "N checks"; "" for older proofs."""
    checks = [each for each in proof.get("checks") or () if isinstance(each, Mapping) and "wrong" in each]
    if not checks:
        return ""
    nearest = max(checks, key=lambda each: each["shift"] / max(each["rounding"], 1e-12))
    cosine = min(each["cosine"] for each in checks)
    kept = min((each["neighbours"] for each in checks if each["neighbours"] is not None), default=None)
    stays = "" if kept is None else f", nearest neighbour kept by {kept:.0%} of the texts"
    return (
        f"padding moves attention by {nearest['shift']:.1e} of its length (rounding {nearest['rounding']:.1e}, a "
        f"hidden token {nearest['wrong']:.1e}) and embeddings by rounding: lowest cosine {cosine:.6f}{stays}"
    )


def now() -> datetime:
    """Return this moment in UTC."""
    return datetime.now(UTC)


def to_json(value: object) -> str:
    """Return canonical JSON (sorted keys, no NaN); raise HarnessError if `value` cannot be written so."""
    try:
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False, default=_plain
        )
    except (TypeError, ValueError) as error:
        raise HarnessError(f"a record has a value that JSON cannot store: {error}") from None


def _plain(value: object) -> object:
    if isinstance(value, Record):
        return value.plain()
    raise TypeError(f"{type(value).__name__} is not JSON")
