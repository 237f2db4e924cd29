"""A recipe and a folder of weights ─▶ Encoder: a SentenceTransformer of built-in modules only.

The recipe says which modules pool (harness.text_to_vector). A saved folder opens in plain
`SentenceTransformer(folder)` with none of this project's code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Transformer

from harness.encoder.attention import MaskProof, prove_mask, set_attention
from harness.encoder.engine import Engine
from harness.encoder.for_mteb import ForMteb
from harness.encoder.language_model import LanguageModel, build_language_model
from harness.encoder.placement import Placement
from harness.encoder.protocol import Take
from harness.encoder.sharing import SharedEmbeddings
from harness.encoder.tokens import count_tokens
from harness.encoder.words import read_words
from harness.errors import HarnessError
from harness.recipes import Recipe


class Encoder:
    """A system ready to embed texts and words."""

    def __init__(
        self,
        model: SentenceTransformer,
        recipe: Recipe,
        *,
        name: str,
        revision: str,
        language_model: Path | None = None,
        adapters: Sequence[Path] = (),
        workers: int | None = None,
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.name = name
        self.revision = revision
        self._language_model_of = language_model
        self._adapters = tuple(adapters)
        self._language_model: LanguageModel | None = None
        self._batch_size: int | None = None
        self.engine = Engine(model, name=name, how=recipe, workers=workers)
        self._shared = SharedEmbeddings()

    @property
    def backbone(self) -> Any:
        """The transformers decoder inside."""
        return self.model[0].model

    @contextmanager
    def computed_otherwise(self, *, batch_size: int, kernel: str | None = None) -> Iterator[None]:
        """Compute embeddings and word vectors padded, in batches of `batch_size`, with attention kernel `kernel`.

        Without `kernel` the one in use stays. Texts stand in a batch as they come, so that nearly every one is padded;
        embeddings made before are not used.
        Nothing but rounding may move: what does move is the noise floor (harness.noise).
        """
        in_use = self.backbone.config._attn_implementation
        self._batch_size = batch_size
        self.backbone.set_attn_implementation(kernel or in_use)
        try:
            yield
        finally:
            self._batch_size = None
            self.backbone.set_attn_implementation(in_use)

    @property
    def max_tokens(self) -> int:
        """How many tokens are read of a text, special ones among them."""
        return int(self.engine.reader.limit)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, all of them, special ones left out."""
        return count_tokens(self.model.tokenizer, texts)

    def encode(
        self, texts: Sequence[str], *, batch_size: int | None = None, instruction: str | None = None
    ) -> np.ndarray:
        """Embeddings of `texts`, (N, D) float32, in their order.

        Under an instruction (None: the recipe's; "": none) a text attends to it and pools its own tokens only. With a
        `batch_size` the texts are read plainly: as they come, padded, so many at a time; without one as Reader.read
        plans it (harness.encoder.reader). Raises HarnessError for an embedding that is not finite.
        """
        instruction = (self.recipe.instruction if instruction is None else instruction) or ""
        return self.engine.embed(texts, instruction=instruction.strip(), batch_size=self._batch_size or batch_size)

    def encode_shared(self, texts: Sequence[str], *, instruction: str | None = None) -> np.ndarray:
        """As `encode`, but a text that this encoder was given here before is not read again.

        For weights that stay as they are: the tasks of a suite.
        """
        if self._batch_size is not None:
            return self.encode(texts, instruction=instruction)
        said = ((self.recipe.instruction if instruction is None else instruction) or "").strip()
        self.engine.count(texts, instruction=said)
        return self._shared.look_up(
            texts, instruction=said, embed=lambda missing: self.encode(missing, instruction=said)
        )

    def word_vectors(
        self,
        texts: Sequence[str],
        spans: Sequence[tuple[int, int]],
        *,
        take: Take | Sequence[Take] = "mean",
        keep_cut: bool = False,
        batch_size: int | None = None,
    ) -> np.ndarray:
        """As TextEncoder.word_vectors; `batch_size` as in `encode`."""
        return read_words(
            self.engine.reader,
            texts,
            spans,
            take=take,
            keep_cut=keep_cut,
            batch_size=self._batch_size or batch_size,
            watch=self.engine.watch,
        )

    def language_model(self) -> LanguageModel:
        """This system as a causal language model with its base's LM head; made once, weights shared."""
        if self._language_model_of is None:
            raise HarnessError(
                f"{self.name} was opened without its base's folder, so it has no LM head; open it with "
                "the base's folder"
            )
        if self._language_model is None:
            self._language_model = build_language_model(
                self.backbone,
                self.model.tokenizer,
                base=self._language_model_of,
                adapters=self._adapters,
                redrawn=self.recipe.weights == "random",
            )
        return self._language_model

    def prove(self, **options: Any) -> MaskProof:
        """The mask proof of this system as it stands (see encoder.attention.prove_mask).

        Unless `kernels` are named it covers the two ways in which texts are read here: padded and, where that is done,
        packed.
        """
        merged = bool(self.recipe.stages)
        in_use = (str(self.backbone.config._attn_implementation), self.engine.reader.kernel)
        options = {"kernels": tuple(dict.fromkeys(in_use)), **options}
        pad_id = int(self.model.tokenizer.pad_token_id)
        return prove_mask(self.backbone, attention=self.recipe.attention, pad_id=pad_id, merged=merged, **options)

    def for_mteb(self) -> ForMteb:
        """This system as mteb takes it; its embeddings are shared between the tasks."""
        return ForMteb(
            self._embed_for_mteb,
            name=f"harness/{self.name}",
            revision=self.revision,
            embed_dim=self.model.get_embedding_dimension(),
            max_tokens=self.recipe.max_length,
        )

    def _embed_for_mteb(self, texts: list[str], task_metadata: Any, prompt_type: Any) -> np.ndarray:
        return self.encode_shared(texts, instruction=self.recipe.prefix(task_metadata, prompt_type))

    def truncation_note(self) -> str:
        """How many of the distinct texts asked for since the last call were cut; "" if none was."""
        return self.engine.take_cut()

    def save(self, folder: Path) -> None:
        """Write a folder that plain `SentenceTransformer(folder)` opens; weights in the precision they have."""
        self.model.save(str(folder), create_model_card=False)


def build_encoder(
    checkpoint: Path,
    recipe: Recipe,
    *,
    seed: int | None,
    place: Placement,
    name: str,
    revision: str,
    language_model: Path | None = None,
    adapters: Sequence[Path] = (),
) -> Encoder:
    """Assemble the encoder of `recipe` from a Hugging Face folder of weights (a base, or a stage's backbone).

    With `recipe.weights == "random"` the weights are drawn anew from `seed`. `language_model` is the base's folder
    (it has the LM head) and `adapters` the PEFT folders of the lineage, first stage first: both only for
    `Encoder.language_model`. Raises HarnessError if the checkpoint cannot be read.
    """
    transformer = Transformer(
        str(checkpoint),
        # No kernel is named: transformers takes sdpa, or eager where an architecture (Gemma 2) has no other
        model_kwargs={"dtype": getattr(torch, place.dtype), "use_safetensors": True},
    )
    backbone, tokenizer = transformer.model, transformer.tokenizer
    if not tokenizer.is_fast:
        raise HarnessError(f"the tokenizer of {name} has no character offsets; save it as tokenizer.json")
    rows = backbone.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise HarnessError(
            f"the tokenizer of {name} has {len(tokenizer)} tokens and its model {rows}; fetch both again"
        )
    place.fit_threads(sum(weight.numel() for weight in backbone.parameters()))
    set_attention(backbone, recipe.attention)
    backbone.config.use_cache = False
    limit = getattr(backbone.config, "max_position_embeddings", None) or recipe.max_length
    transformer.max_seq_length = min(recipe.max_length, int(limit))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    if recipe.weights == "random":
        _redraw(backbone, 0 if seed is None else seed)
    modules = [transformer, *recipe.modules(tokenizer, backbone.config.hidden_size)]
    return Encoder(
        SentenceTransformer(modules=modules, device=place.device),
        recipe,
        name=name,
        revision=revision,
        language_model=language_model,
        adapters=adapters,
        workers=place.workers,
    )


def _redraw(backbone: Any, seed: int) -> None:
    """Replace every weight by a fresh draw of the architecture's own initialisation."""
    from transformers import AutoModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = AutoModel.from_config(backbone.config, dtype=torch.float32)
    backbone.load_state_dict(fresh.state_dict())
