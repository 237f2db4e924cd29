"""A recipe and a folder of weights ─▶ Encoder: a SentenceTransformer of built-in modules only.

The recipe says which modules pool (harness.text_to_vector). A saved folder opens in plain
`SentenceTransformer(folder)` with none of this project's code.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from harness.encoder.attention import prove_mask, set_attention
from harness.encoder.degrees import set_degree
from harness.encoder.first_token import measure_first_token
from harness.encoder.for_mteb import ForMteb
from harness.encoder.language_model import LanguageModel, build_language_model
from harness.encoder.layers import count_layers, up_to_layer
from harness.encoder.mask_proof import MaskProof
from harness.encoder.opening import Opening, most_tokens, open_decoder, redraw
from harness.encoder.placement import Placement
from harness.encoder.pooling import pool_states
from harness.encoder.protocol import MOST_SHARED_BYTES
from harness.encoder.reader import Pass
from harness.encoder.rereading import SystemReader
from harness.encoder.rewriting import instruction_tokenizer
from harness.encoder.slots import put_slots, slots_in_embedding
from harness.encoder.tokenizer import front_tokens, keep_template, keep_tokens, load_tokenizer, put_in_front
from harness.encoder.tokens import tokenise
from harness.encoder.words import ModelEncoder, check_finite, text_key
from harness.errors import HarnessError
from harness.projection import projection
from harness.recipes import Recipe
from harness.records import FirstToken
from harness.templates import Template
from harness.text_to_vector import TextToVector

_ENTRY_BYTES = 200  # of a key and a row beside the numbers


class Encoder(ModelEncoder):
    """A system ready to embed texts and words. Each distinct text is read once, pooled by the model's own modules."""

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
        opening: Opening | None = None,
    ) -> None:
        super().__init__(model, name=name, revision=revision, workers=workers)
        self.opening = opening
        self.recipe = recipe
        self._language_model_of = language_model
        self._adapters = tuple(adapters)
        self._language_model: LanguageModel | None = None
        self._reread: dict[str, str] = {}  # what the cure made of each text
        self._shared: OrderedDict[bytes, np.ndarray] = OrderedDict()  # by text_key, the oldest first

    @property
    def backbone(self) -> Any:
        """The transformers decoder inside."""
        return self.model[0].model

    @property
    def words_in(self) -> TextToVector | None:
        """Words are read in the recipe's first template, where it has one."""
        return self.recipe if self.recipe.templates else None

    @property
    def projection(self) -> np.ndarray | None:
        """Where the recipe has a width, the map of harness.projection."""
        narrow = self.recipe.width
        return None if narrow is None else projection(self.backbone.config.hidden_size, narrow)

    @contextmanager
    def computed_otherwise(self, *, batch_size: int, kernel: str | None = None) -> Iterator[Encoder]:
        """The same system, which computes embeddings and word vectors padded, in batches of `batch_size`.

        It runs with attention kernel `kernel` (None: the one in use), and so does this one meanwhile, for they share
        the weights. Texts stand in a batch as they come, so that nearly every one is padded; nothing that was computed
        before is used. Nothing but rounding may move: what does move is the noise floor (harness.noise).
        """
        in_use = self.backbone.config._attn_implementation
        other = copy.copy(self)
        other._batch_size = batch_size
        other._reread = {}
        self.backbone.set_attn_implementation(kernel or in_use)
        try:
            yield other
        finally:
            self.backbone.set_attn_implementation(in_use)

    def encode(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None = None,
        instruction: str | None = None,
        share: bool = False,
    ) -> np.ndarray:
        """Embeddings of `texts`, (N, D) float32, in their order.

        Under an instruction (None: the recipe's; "": none) a text attends to it and pools its own tokens only. With a
        `batch_size` the texts are read plainly: as they come, padded, so many at a time; without one as Reader.read
        plans it (harness.encoder.reader). With `share` a text that was shared before is not read again: for weights
        that stay as they are, and not in the plain way. Raises HarnessError for an embedding that is not finite.
        """
        said = ((self.recipe.instruction if instruction is None else instruction) or "").strip()
        batch_size = self._batch_size or batch_size
        shares = share and not batch_size
        known = self._shared if shares else {}
        keys = {text: text_key(text, said) for text in dict.fromkeys(texts)}
        self._asked.update(keys.values())
        missing = [text for text, key in keys.items() if key not in known]
        read = self._read(missing, said, batch_size)
        fresh = dict(zip(missing, read, strict=True))
        rows = [fresh[text] if text in fresh else known[keys[text]] for text in texts]
        found = np.stack(rows) if rows else read
        if shares:
            # A copy: a view would hold the whole matrix that it was made in.
            self._shared |= {keys[text]: row.copy() for text, row in fresh.items()}
            while len(self._shared) * (read.itemsize * read.shape[1] + _ENTRY_BYTES) > MOST_SHARED_BYTES:
                self._shared.popitem(last=False)
        return found

    def as_read(self, texts: Sequence[str]) -> list[str] | None:
        """As TextEncoder.as_read; each text is given to the cure once."""
        cure = self.recipe.cure
        if cure is None:
            return None
        new = [text for text in dict.fromkeys(texts) if text not in self._reread]
        asked = [text for text in new if text.strip()]
        self._reread |= {text: text for text in new}
        if asked:
            self._reread |= dict(zip(asked, cure.make(asked, SystemReader(self._without_cure())), strict=True))
        return [self._reread[text] for text in texts]

    def _without_cure(self) -> Encoder:
        """The same system, which reads texts as they stand, at its own width."""
        plain = copy.copy(self)
        plain.recipe = self.recipe.model_copy(update={"reread": None, "width": None})
        if self.recipe.width is not None:
            plain.model = SentenceTransformer(modules=list(self.model)[:-1], device=str(self.model.device))
        plain._asked, plain._cut, plain._shared = set(), set(), OrderedDict()
        return plain

    def _read(self, texts: Sequence[str], instruction: str, batch_size: int | None) -> np.ndarray:
        """Embeddings (N, D) of distinct `texts` by a forward pass each. Pooling is in float32 in any case."""
        layer = self.recipe.layer
        if isinstance(layer, str):
            raise HarnessError(f"{self.name} has no layer yet: {layer} chooses it when `harness run` opens the system")
        self.as_read(texts)  # while the decoder still has all of its layers
        with up_to_layer(self.backbone, layer, name=self.name):
            (found,) = self._averaged(texts, instruction, batch_size, layers=1)
        check_finite(found, texts, name=self.name)
        return np.asarray(found)

    def by_layer(self, texts: Sequence[str], *, whole: bool = False) -> np.ndarray:
        """Embeddings of `texts` as each layer would give them, (L+1, N, D) float32, the embedding first.

        Under the recipe's own instruction. Raises HarnessError for a decoder whose layers do not stand in a list, and
        with `whole` for a text that is cut.
        """
        layers, said = count_layers(self.backbone, name=self.name) + 1, (self.recipe.instruction or "").strip()
        found = self._averaged(texts, said, None, layers=layers)
        cut = len(self._cut & {text_key(text, said) for text in texts}) if whole else 0
        if cut:
            raise HarnessError(
                f"{cut} texts do not fit into the {self.max_tokens} tokens that {self.name} reads; raise max_length in "
                "its card, or leave the suite out"
            )
        return found

    def _averaged(self, texts: Sequence[str], instruction: str, batch_size: int | None, *, layers: int) -> np.ndarray:
        """The mean over the templates, (`layers`, N, D): of the last layer, or of all."""
        templates = self.recipe.templates or (None,)
        found = np.zeros((layers, len(texts), int(self.model.get_embedding_dimension() or 0)), dtype=np.float32)
        for template in templates:
            found += self._read_in(template, texts, instruction, batch_size, found.shape) / len(templates)
        return found

    def _read_in(
        self,
        template: Template | None,
        texts: Sequence[str],
        instruction: str,
        batch_size: int | None,
        shape: tuple[int, ...],
    ) -> np.ndarray:
        reader, how = self.reader, self.recipe
        read = partial(tokenise, reader.tokenizer, limit=reader.limit, how=how, prefix=instruction, template=template)
        tokens = read(self.as_read(texts) or texts)
        found = np.empty(shape, dtype=np.float32)

        def pool(done: Pass) -> None:
            for of_layer, states in zip(found, done.states, strict=True):
                of_layer[done.rows] = pool_states(list(self.model)[1:], done, tokens, states)

        reader.read(tokens.ids, pool, layers=len(found) > 1, batch_size=batch_size, watch=self.watch)
        self._cut.update(text_key(texts[row], instruction) for row in tokens.cut)
        return found

    def describe(self) -> dict[str, str]:
        """How texts are read, for the provenance of a run."""
        because = self.reader.padded_because
        return {"kernel": self.reader.kernel, "layout": f"padded: {because}" if because else "packed"}

    def first_token(self) -> FirstToken | None:
        """How long the state of a text's first token is (harness.encoder.first_token)."""
        return measure_first_token(self.reader, self.recipe)

    def language_model(self) -> LanguageModel:
        """This system as a causal language model with its base's LM head; made once, weights shared."""
        self.check_whole()
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
                share=1.0 if self.recipe.trained_share is None else self.recipe.trained_share,
            )
        return self._language_model

    def prove(self, **options: Any) -> MaskProof:
        """The mask proof of this system as it stands (see encoder.attention.prove_mask).

        Unless `kernels` are named it covers the two ways in which texts are read here: padded and, where that is done,
        packed.
        """
        merged = bool(self.recipe.stages)
        in_use = (str(self.backbone.config._attn_implementation), self.reader.kernel)
        options = {"kernels": tuple(dict.fromkeys(in_use)), **options}
        pad_id = int(self.model.tokenizer.pad_token_id)
        how = self.recipe
        options = {"attention": how.attention, "degree": how.degree, "merged": merged, **options}
        return prove_mask(self.backbone, pad_id=pad_id, **options)

    def forget(self) -> None:
        """As TextEncoder.forget. The last digit of an embedding depends on the pass that its text was read in."""
        self._shared.clear()
        self._reread.clear()

    def for_mteb(self) -> ForMteb:
        """This system as mteb takes it; a text is read once until `forget`."""
        return ForMteb(
            lambda texts, task, kind: self.encode(texts, instruction=self.recipe.prefix(task, kind), share=True),
            name=f"harness/{self.name}",
            revision=self.revision,
            embed_dim=self.model.get_embedding_dimension(),
            max_tokens=self.recipe.max_length,
        )

    def save(self, folder: Path) -> None:
        """Write a folder that plain `SentenceTransformer(folder)` opens; weights in the precision they have."""
        tokenizer, recipe = self.model.tokenizer, self.recipe
        with slots_in_embedding(self.backbone):
            self.model.save(str(folder), create_model_card=False)
        for template in recipe.templates:
            keep_template(folder, template, recipe.cleaning, front=front_tokens(tokenizer), name=self.name)
            tokenizer = load_tokenizer(folder, name=self.name)
        keep_tokens(folder, tokenizer)


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
    merge: Callable[[Any], None] | None = None,
) -> Encoder:
    """Assemble the encoder of `recipe` from a Hugging Face folder of weights (a base, or a stage's backbone).

    With `recipe.weights == "random"` the weights are drawn anew from `seed`. `language_model` is the base's folder
    (it has the LM head) and `adapters` the PEFT folders of the lineage, first stage first: both only for
    `Encoder.language_model`. `merge` puts into the decoder what was trained, where `checkpoint` lacks it. Raises
    HarnessError and ProofError as harness.encoder.opening.open_decoder.
    """
    transformer, opening = open_decoder(checkpoint, dtype=getattr(torch, place.dtype), name=str(checkpoint))
    backbone, tokenizer = transformer.model, transformer.tokenizer
    config = backbone.config
    recipe.require_fits(layers=config.num_hidden_layers, width=config.hidden_size, name=name)
    if recipe.cure is not None and recipe.cure.writes:
        instruction_tokenizer(language_model or checkpoint, name=name)
    place.fit_threads(sum(weight.numel() for weight in backbone.parameters()))
    lead, pooled = recipe.leading_token, recipe.pooled.without_front
    if lead and not put_in_front(tokenizer, lead, name=str(checkpoint), pooled=pooled):
        note = f"the tokenizer puts {tokenizer.bos_token} before every text already, so leading_token changes nothing"
        opening = replace(opening, note=note)
    set_attention(backbone, "bidirectional" if recipe.degree else recipe.attention)
    if recipe.degree:
        set_degree(backbone, recipe.degree, name=name)
    config.use_cache = False
    transformer.max_seq_length = min(recipe.max_length, most_tokens(config) or recipe.max_length)
    if recipe.weights == "random":
        redraw(backbone, seed=0 if seed is None else seed)
    if recipe.slots:
        put_slots(backbone, tokenizer, recipe.slots, name=str(checkpoint))
    if merge is not None:
        merge(backbone)
    if recipe.layer is not None:
        count_layers(backbone, name=str(checkpoint))
    modules = [transformer, *recipe.modules(tokenizer, config.hidden_size)]
    return Encoder(
        SentenceTransformer(modules=modules, device=place.device),
        recipe,
        name=name,
        revision=revision,
        language_model=language_model,
        adapters=adapters,
        workers=place.workers,
        opening=opening,
    )
