"""How a text becomes a vector: what stands around it, which of its tokens are pooled, and how.

A recipe is such an object (harness.recipes.Recipe), so a card holds these fields flat. Nothing else knows a pooling by
name. A new pooling is one entry of POOLINGS. Importing this file imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from harness.errors import near_names

Attention = Literal["causal", "bidirectional"]


@dataclass(frozen=True, kw_only=True)
class PoolingKind:
    """One way to make a vector of the last layer's states, by a module that sentence-transformers has built in.

    `name` is the card's word for it and the mode of `sentence_transformers...modules.Pooling`. `own_tokens`: it gets
    the text's own tokens only, without the beginning-of-sequence token, the instruction and the suffix; else it gets
    every token. `words` says in a model card what an embedding is.
    """

    name: str
    own_tokens: bool
    words: str


POOLINGS = (
    PoolingKind(
        name="mean",
        own_tokens=True,
        words="the mean of the last layer over all tokens but the beginning-of-sequence token",
    ),
    PoolingKind(name="lasttoken", own_tokens=False, words="the state of the last token in the last layer"),
)
_POOLINGS = {each.name: each for each in POOLINGS}
# Fields that are younger than the first recipes: a dump leaves them out while they are not used.
_YOUNGER = ("suffix", "leading_token")


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

    @field_validator("pooling")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in _POOLINGS:
            raise ValueError(f"no pooling is named {name!r}; {near_names(name, _POOLINGS)}")
        return name

    @model_serializer(mode="wrap")
    def _without_unused(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = dump(self)
        return {name: value for name, value in fields.items() if value or name not in _YOUNGER}

    @property
    def pooled(self) -> PoolingKind:
        """How the states become one vector."""
        return _POOLINGS[self.pooling]

    @property
    def not_plain(self) -> str:
        """Why plain sentence-transformers cannot make these embeddings, to be read behind a name; "" if it can."""
        if self.instruction is not None or self.task_instructions:
            return (
                "has an instruction before every text and pools only the text, which plain sentence-transformers "
                "cannot do; a variant without the instruction has the same weights: export that"
            )
        if self.suffix is not None:
            return (
                "puts a suffix behind every text, which plain sentence-transformers cannot do; a variant without the "
                "suffix has the same weights: export that"
            )
        return ""

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
        """The built-in modules of sentence-transformers that pool states of `width` numbers so."""
        from sentence_transformers.sentence_transformer.modules import Pooling, WordWeights

        pooling = Pooling(width, self.pooled.name)
        if not self.pooled.own_tokens:
            return [pooling]
        tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
        vocabulary = [token if token is not None else f"<unused {index}>" for index, token in enumerate(tokens)]
        # Weight 0 on the beginning-of-sequence token: LLM2Vec's mean leaves it out.
        without = {tokenizer.bos_token: 0.0} if tokenizer.bos_token else {}
        return [WordWeights(vocabulary, without, unknown_word_weight=1.0), pooling]


def task_instruction(metadata: Any) -> str:
    """The instruction of the task that `metadata` (mteb's TaskMetadata) describes, in mteb's words.

    mteb's prompt of the task, else that of its type, ending in a colon (llm2vec's evaluation on MTEB; its paper's
    appendix G.2 lists the instructions).
    """
    prompt = metadata.prompt
    if isinstance(prompt, dict):
        prompt = prompt.get("query")
    if not prompt:
        from mteb.abstasks.abstask import get_abstask_prompt

        prompt = get_abstask_prompt(metadata.name)
    text = str(prompt or "").strip()
    return text if not text or text.endswith(":") else f"{text.strip('.')}:"
