"""What is kept of a trained or merged stage: its stage.json, and what the store has of it."""

from __future__ import annotations

from collections.abc import Mapping

from harness.records import Provenance, Record


class StageFields(Record):
    """The recipe of one stage: the fields of its kind. `steps` and `batch_size` are None where nothing is trained."""

    steps: int | None = None
    batch_size: int | None = None


class StageData(Record):
    """What a stage was trained on. `sources` are names; the first version named one `source` in their place.

    `unused` counts the examples that the training could not learn from; it is None where there was none.
    """

    sources: tuple[str, ...] = ()
    source: str | None = None
    examples: int | None = None
    unused: int | None = None
    fingerprint: str | None = None


class StageManifest(Record):
    """One trained (or merged) step of a lineage, as its stage.json has it. `digest` is its address.

    `losses` are pairs of step and mean loss, `trained` is how many numbers training could change, `tokens` how many it
    read, `seconds` the time that the stage took, `parent` the digest of the stage before. `parent_weights_sha256` is of
    a stage that is stored as its adapter alone: the weights that it stands on. Version 2 names what a stage was trained
    on in `data.sources`.
    """

    digest: str
    kind: str
    name: str | None = None
    recipe: StageFields = StageFields()
    attention: str | None = None
    parent: str | None = None
    base: Mapping[str, str] = {}
    seed: int | None = None
    losses: tuple[tuple[int, float], ...] = ()
    trained: int | None = None
    tokens: int | None = None
    data: StageData = StageData()
    device: str | None = None
    seconds: float | None = None
    weights_sha256: str | None = None
    parent_weights_sha256: str | None = None
    provenance: Provenance | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of what the stage was trained on; for a published adapter also the adapter itself."""
        if self.version > 1:
            return self.data.sources
        extra = self.recipe.model_extra or {}
        listed = extra.get("data")
        named = [self.data.source, extra.get("source"), *(listed if isinstance(listed, list) else [])]
        return tuple(dict.fromkeys(name for name in named if isinstance(name, str) and name))
