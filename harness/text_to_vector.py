"""How a text becomes a vector: what stands around it, the layer that is read, which tokens are pooled, and how.

A recipe is such an object (harness.recipes.Recipe), so a card holds these fields flat. Nothing else knows a pooling or
a cleaning by name. A new pooling is one entry of harness.poolings.POOLINGS, a new cleaning one of
harness.templates.CLEANINGS. Importing this file imports no torch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from harness.errors import HarnessError, near_names
from harness.poolings import BY_NAME, PooledTokens, PoolingKind
from harness.projection import projection, require_narrower
from harness.rereading import CURES, Cure
from harness.templates import CLEANINGS, Template, task_instruction

Attention = Literal["causal", "bidirectional"]


@dataclass(frozen=True, kw_only=True)
class Degree:
    """How much of what stands behind a token it sees: `ahead` tokens (None: all), in the layers from `from_layer` on.

    Layers are counted from 0; those before `from_layer` are causal.
    """

    ahead: int | None
    from_layer: int = 0

    def of(self, layer: int) -> int | None:
        """How many tokens ahead a token sees in `layer`; None: all."""
        return 0 if layer < self.from_layer else self.ahead

    def reach(self, layers: int) -> float:
        """From how many tokens behind it something can have come into a state after the first `layers` layers."""
        open_ = max(0, layers - self.from_layer)
        return float("inf") if self.ahead is None and open_ else open_ * (self.ahead or 0)

    @property
    def order(self) -> tuple[float, float]:
        """All layers first, by how many tokens a token sees ahead; then by the first layer in which it does."""
        return (self.from_layer, float("inf") if self.ahead is None else self.ahead)

    def __str__(self) -> str:
        seen = "all tokens" if self.ahead is None else f"{self.ahead} token{'s' if self.ahead != 1 else ''}"
        return f"{seen} ahead" + (f" from layer {self.from_layer} on" if self.from_layer else "")


# Fields that are younger than the first recipes: a dump leaves them out while they are not used.
_YOUNGER = (
    "suffix", "leading_token", "slots", "template", "pooled_tokens", "cleaning", "layer", "ahead", "from_layer",
    "trained_share", "reread", "width",
)  # fmt: skip
# What changes how texts are read, or with which weights, and nothing of how a stage is trained.
READING = (
    "trained_share", "reread", "template", "pooled_tokens", "cleaning", "layer", "ahead", "from_layer", "width",
)  # fmt: skip


def _known(name: str | None, names: Collection[str], what: str) -> str | None:
    if name is not None and name not in names:
        raise ValueError(f"no {what} is named {name!r}; {near_names(name, names)}")
    return name


class TextToVector(BaseModel):
    """What is read of a text, under which mask, and what of that is pooled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attention: Attention
    pooling: str = "mean"
    max_length: int = Field(512, ge=4, description="tokens of a text that are read")
    instruction: str | None = Field(
        None, min_length=1, pattern=r"\S", description="stands before every text, not pooled by a mean"
    )
    task_instructions: bool = Field(False, description="each mteb task's own instruction stands there instead")
    suffix: str | None = Field(
        None, min_length=1, description="stands right behind every text, without a space of its own; never cut off"
    )
    leading_token: bool | Annotated[str, Field(min_length=1)] = Field(
        False,
        description="the base's beginning-of-sequence token, else its end token, or the special token that is named, "
        "stands first; a mean leaves it out",
    )
    slots: Annotated[int, Field(ge=1, le=64)] | None = Field(
        None,
        description="new tokens behind every text, each with a vector that begins as the end token's; the mean is of "
        "their states alone",
    )
    template: str | Annotated[tuple[str, ...], Field(min_length=2)] | None = Field(
        None,
        description="what is read, with {text} where the text stands, once or more often; of several templates the "
        "vectors are averaged",
    )
    pooled_tokens: PooledTokens | None = Field(
        None,
        description="text: the tokens of the text, at its last place; to_end: those and what the template has behind "
        "them; all: what it has before them too",
    )
    cleaning: str | None = Field(None, description="how a text is changed before it is read")
    reread: str | None = Field(
        None, description="the cure that every text is read anew by, before anything else is done to it"
    )
    layer: int | str | None = Field(
        None,
        description="whose states are pooled: 0 is the embedding; a similarity task: the best one on its dev pairs; "
        "without it the last, behind the last norm",
    )

    ahead: Annotated[int, Field(ge=0)] | Literal["all"] | None = Field(
        None,
        description="how many tokens ahead a token sees when texts are read, whatever it saw in training: a number or "
        "all; without it as `attention` says",
    )
    from_layer: int | None = Field(
        None, ge=0, description="the first layer, counted from 0, in which a token sees ahead; those before are causal"
    )
    width: int | None = Field(
        None,
        ge=1,
        strict=True,
        description="how many numbers every vector is mapped to, by a fixed random projection",
    )

    @field_validator("pooling")
    @classmethod
    def _is_known(cls, name: str) -> str:
        return str(_known(name, BY_NAME, "pooling"))

    @field_validator("layer", mode="before")
    @classmethod
    def _is_a_layer(cls, layer: object) -> object:
        if layer is not None and not (isinstance(layer, str) and layer) and (type(layer) is not int or layer < 0):
            raise ValueError(f"{layer!r} is no layer; write a number from 0 on, or the name of a similarity task")
        return layer

    @field_validator("cleaning")
    @classmethod
    def _is_known_cleaning(cls, name: str | None) -> str | None:
        return _known(name, CLEANINGS, "cleaning")

    @field_validator("reread")
    @classmethod
    def _is_known_cure(cls, name: str | None) -> str | None:
        return _known(name, CURES, "cure")

    @model_validator(mode="after")
    def _one_way_around(self) -> TextToVector:
        if self.template is not None:
            for each in self.templates:
                each.check()
            if self.instruction is not None or self.task_instructions or self.suffix is not None:
                raise ValueError("a card cannot have a template together with instruction, task_instructions or suffix")
        if self.slots is not None:
            self._slots_fit()
        if self.from_layer is not None and self.ahead is None and self.attention == "causal":
            raise ValueError("from_layer needs ahead (a number or all) where attention is causal")
        if self.reread is not None and isinstance(self.layer, str):
            raise ValueError("a card cannot have reread together with a layer that a task chooses; write its number")
        return self

    def _slots_fit(self) -> None:
        around = (self.template, self.instruction, self.suffix, self.pooled_tokens, self.task_instructions or None)
        if any(field is not None for field in around):
            raise ValueError(
                "a card cannot have slots together with template, instruction, task_instructions, suffix or "
                "pooled_tokens"
            )
        if self.pooling != "mean":
            raise ValueError("with slots the mean of their states is pooled; set pooling to mean, or take slots out")
        if self.slots is not None and self.slots >= self.max_length:
            raise ValueError(f"{self.slots} slots leave no room for a text in max_length {self.max_length}")

    @model_serializer(mode="wrap")
    def _without_unused(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = dump(self)
        unused = {name for name in _YOUNGER if fields.get(name) is None or fields[name] is False}
        return {name: value for name, value in fields.items() if name not in unused}

    @property
    def templates(self) -> tuple[Template, ...]:
        """What is read of a text, one template after the other; () where it stands alone, or in an instruction."""
        said = (self.template,) if isinstance(self.template, str) else self.template or ()
        return tuple(Template(each) for each in said)

    @property
    def degree(self) -> Degree | None:
        """How far a token sees ahead when texts are read; None: as `attention` says."""
        if self.ahead is None and self.from_layer is None:
            return None
        return Degree(ahead=self.ahead if isinstance(self.ahead, int) else None, from_layer=self.from_layer or 0)

    def as_trained(self) -> Self:
        """The same without what concerns the reading of texts alone."""
        return self.model_copy(update=dict.fromkeys(READING))

    @property
    def pools(self) -> PooledTokens:
        """Which tokens are pooled."""
        return self.pooled_tokens or self.pooled.tokens

    @property
    def leads(self) -> bool:
        """Whether something of the card stands before a text."""
        return bool(self.instruction or self.task_instructions or any(each.leads for each in self.templates))

    def cleaned(self, text: str) -> str:
        """`text` as it is read. Its characters keep their places, so that words are found."""
        return CLEANINGS[self.cleaning](text) if self.cleaning else text

    @property
    def cure(self) -> Cure | None:
        """How every text is read anew before anything else is done to it."""
        return CURES[self.reread] if self.reread else None

    @property
    def pooled(self) -> PoolingKind:
        """How the states become one vector."""
        return BY_NAME[self.pooling]

    def require_fits(self, *, layers: int | None, width: int | None, name: str) -> None:
        """Raise HarnessError for a layer or a width that a base of so many `layers`, and of this `width`, lacks.

        None: not known. `name` stands in front of what is said.
        """
        read, open_from = self.layer if isinstance(self.layer, int) else 0, self.from_layer or 0
        of = f"{name}: of {layers} layers there is no layer"
        if layers is not None and read > layers:
            raise HarnessError(f"{of} {read}; change `layer` in the card")
        if layers is not None and open_from > layers:
            raise HarnessError(f"{of} that comes after layer {open_from}; change `from_layer` in the card")
        if width is not None and self.width is not None:
            require_narrower(width, self.width)

    @property
    def pooled_words(self) -> str:
        """What an embedding is, for a model card."""
        said = f"the mean of the last layer over the {self.slots} slot tokens that stand behind every text"
        said = self.pooled.words if self.slots is None else said
        return said if self.width is None else f"{said}, mapped to {self.width} numbers by a fixed random projection"

    @property
    def not_plain(self) -> str:
        """Why plain sentence-transformers cannot make these embeddings, to be read behind a name; "" if it can."""
        return next(
            (f"{why}, which plain sentence-transformers cannot do; {mend}" for why, mend in self._own_ways()), ""
        )

    def _own_ways(self) -> Iterator[tuple[str, str]]:
        same = "a variant without {} has the same weights: export that"
        if self.reread is not None:
            yield f"reads every text anew (reread: {self.reread})", same.format("`reread`")
        if self.instruction is not None or self.task_instructions:
            yield "has an instruction before every text and pools only the text", same.format("the instruction")
        if self.suffix is not None:
            yield "puts a suffix behind every text", same.format("the suffix")
        if len(self.templates) > 1:
            yield "averages the vectors of several templates", "export a variant with one of them"
        if any(each.copies > 1 for each in self.templates):
            yield "reads every text more than once", same.format("the template")
        if self.templates and self.pools != "all":
            yield (
                "pools only a part of what is read in its template",
                "a variant with `pooled_tokens: all` can be exported",
            )
        if self.layer is not None:
            which = self.layer if isinstance(self.layer, int) else f"that is chosen by {self.layer}"
            yield f"pools the states of layer {which}", same.format("`layer`")
        if self.degree is not None:
            yield f"sees {self.degree}", "a variant without `ahead` and `from_layer` has the same weights: export that"
        if self.cleaning is not None and not self.templates:
            yield "cleans every text", same.format("`cleaning`")

    def prefix(self, task_metadata: Any, prompt_type: Any) -> str:
        """What stands before a text of the mteb task that `task_metadata` describes; "" for a document.

        `prompt_type` is mteb's: query, document, or None where both sides are alike.
        """
        if prompt_type is not None and prompt_type.value == "document":
            return ""
        if self.task_instructions and task_metadata is not None:
            return task_instruction(task_metadata)
        return self.instruction or ""

    def modules(self, tokenizer: Any, width: int) -> list[Any]:
        """The built-in modules of sentence-transformers that pool states of `width` numbers so, and map the vector.

        Raises HarnessError where the vector has fewer numbers than it is to be mapped to.
        """
        from sentence_transformers.sentence_transformer.modules import Pooling, WordWeights

        pooling = [Pooling(width, self.pooled.name), *self._mapping(width)]
        if not self.pooled.without_front:
            return pooling
        tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
        vocabulary = [token if token is not None else f"<unused {index}>" for index, token in enumerate(tokens)]
        # Weight 0 on the beginning-of-sequence token: LLM2Vec's mean leaves it out.
        weights = {tokenizer.bos_token: 0.0} if tokenizer.bos_token else {}
        if self.slots is not None:
            weights = dict.fromkeys(tokenizer.convert_ids_to_tokens(tokenizer("")["input_ids"][-self.slots :]), 1.0)
        return [WordWeights(vocabulary, weights, unknown_word_weight=float(self.slots is None)), *pooling]

    def _mapping(self, width: int) -> list[Any]:
        if self.width is None:
            return []
        import torch
        from sentence_transformers.sentence_transformer.modules import Dense

        weight = torch.from_numpy(projection(width, self.width).T.copy())
        return [Dense(width, self.width, bias=False, activation_function=None, init_weight=weight)]
