"""Masked next-token prediction: hide tokens, predict each from the state one position before it.

Stock parts: a causal LM with the mask off, and the masked-LM collator; the LM's own label shift makes it
"predict token i from position i-1" (BehnamGhader et al. 2024, section 2.2).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import SequentialSampler
from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments, set_seed

from harness.encoder.attention import set_attention
from harness.encoder.opening import open_causal
from harness.encoder.tokenizer import fit_tokens
from harness.encoder.tokens import mask_token
from harness.errors import HarnessError
from harness.training.checkpoints import AdapterCheckpoints
from harness.training.kind import StageJob
from harness.training.mntp import MntpStage
from harness.training.packed import IGNORED, flat_predictions, prepare
from harness.training.watch import TrainingWatch, arguments, train

_TOKENISED_AT_ONCE = 1000


class _Trainer(AdapterCheckpoints, Trainer):
    """transformers' trainer; its checkpoints hold the adapters only, and the visits come in their order.

    A batch in which no token is hidden adds nothing to the loss.
    """

    packed = False

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)

    def compute_loss(self, model: Any, inputs: Any, *args: Any, num_items_in_batch: Any = None, **kwargs: Any) -> Any:
        if num_items_in_batch is not None:  # the loss is a sum over hidden tokens, divided by their number
            num_items_in_batch = num_items_in_batch.clamp(min=1)
        if self.packed:
            inputs = flat_predictions(self.model.base_model, inputs)
        return super().compute_loss(model, inputs, *args, num_items_in_batch=num_items_in_batch, **kwargs)  # type: ignore[misc]


def train_mntp(stage: MntpStage, texts: Sequence[str], *, job: StageJob, watch: TrainingWatch) -> Any:
    """Return the backbone with its trained adapters in it. The LM head is the base's and stays fixed."""
    start = job.start("cpu")
    set_seed(job.seed)
    tokenizer = start.model.tokenizer
    model = open_causal(job.base.folder, dtype=torch.float32, name=job.base.name)
    fit_tokens(tokenizer, model, name=job.base.name)
    model.base_model.load_state_dict(start.backbone.state_dict())
    del start  # weights that would lie in memory twice
    job.place.fit_threads(model.num_parameters())
    set_attention(model, job.recipe.attention)
    model.config.use_cache = False
    tokenizer.mask_token = mask_token(tokenizer, stage.mask_token)
    examples = examples_of(stage, texts, tokenizer)
    watch.unused = sum(not _predictable(example) for example in examples)
    model.requires_grad_(False)  # an LM head with weights of its own would be trained beside the adapters
    prepare(model.base_model, stage, name=job.base.name, mask=watch.mask)
    shared = arguments(stage, job)
    if stage.micro_batch_size is not None:
        at_once = min(stage.micro_batch_size, shared["per_device_train_batch_size"])
        shared["gradient_accumulation_steps"] = shared["per_device_train_batch_size"] // at_once
        shared["per_device_train_batch_size"] = at_once
    trainer = _Trainer(
        model=model,
        args=TrainingArguments(**shared, remove_unused_columns=False),
        train_dataset=Visits(examples, count=stage.steps * stage.batch_size, seed=job.seed),
        data_collator=Masks(tokenizer, probability=stage.mask_probability, seed=job.seed),
    )
    trainer.packed = stage.packed
    train(trainer, watch, model.base_model)
    return model.base_model


class Visits(TorchDataset[dict[str, Any]]):
    """Every visit of the training to an example, in order: permutations of the examples, one after another.

    Visit i is the same whatever was visited before, in this process or another.
    """

    def __init__(self, examples: Sequence[Mapping[str, Any]], *, count: int, seed: int) -> None:
        draw = np.random.default_rng(seed)
        rounds = -(-count // len(examples))
        self.examples = examples
        self.order = np.concatenate([draw.permutation(len(examples)) for _ in range(rounds)])[:count]

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, visit: int) -> dict[str, Any]:
        return {"visit": int(visit), **self.examples[int(self.order[visit])]}


class Masks:
    """The stock masking of a text, drawn from the seed and the number of the visit.

    So a text is masked anew at each visit, and alike whether its batch comes whole, in parts, or after a kill.
    """

    def __init__(self, tokenizer: Any, *, probability: float, seed: int) -> None:
        self.stock = DataCollatorForLanguageModeling(tokenizer, mlm=True, mlm_probability=probability)
        self.seed = seed

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Input ids, attention mask and labels, each (B, T), padded on the right."""
        masked = [self._mask(example) for example in examples]
        lengths_B = torch.tensor([len(ids) for ids, _ in masked])
        pad_id = self.stock.tokenizer.pad_token_id
        return {
            "input_ids": pad_sequence([ids for ids, _ in masked], batch_first=True, padding_value=pad_id),
            "labels": pad_sequence([labels for _, labels in masked], batch_first=True, padding_value=IGNORED),
            "attention_mask": (torch.arange(int(lengths_B.max())) < lengths_B[:, None]).long(),
        }

    def _mask(self, example: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        self.stock.seed = zlib.crc32(repr((self.seed, example["visit"])).encode())
        self.stock.generator = torch.Generator().manual_seed(self.stock.seed)
        ids_1T = torch.tensor([example["input_ids"]])
        special_1T = torch.tensor([example["special_tokens_mask"]])
        masked_1T, labels_1T = self.stock.torch_mask_tokens(ids_1T, special_tokens_mask=special_1T)
        return masked_1T[0], labels_1T[0]


def examples_of(stage: MntpStage, texts: Sequence[str], tokenizer: Any) -> list[dict[str, Any]]:
    """The examples of `stage` as token ids. Raises HarnessError if they do not suffice to train."""
    examples = _examples(tokenizer, texts, stage)
    if len(examples) < stage.batch_size:
        raise HarnessError(
            f"the text of the mntp stage gives {len(examples)} examples for batches of {stage.batch_size}; give more "
            "text or lower batch_size in the card"
        )
    if not any(map(_predictable, examples)):
        raise HarnessError(
            f"none of the {len(examples)} texts of the mntp stage has a token that can be predicted from one before "
            "it; give longer texts"
        )
    return examples


def _examples(tokenizer: Any, texts: Sequence[str], stage: MntpStage) -> list[dict[str, Any]]:
    """Token ids: a text is an example, or the joined texts are cut into blocks."""
    examples: list[dict[str, Any]] = []
    joined: dict[str, list[int]] = {"input_ids": [], "special_tokens_mask": []}
    for first in range(0, len(texts), _TOKENISED_AT_ONCE):
        encoded = tokenizer(
            list(texts[first : first + _TOKENISED_AT_ONCE]),
            truncation=not stage.concatenate,
            max_length=None if stage.concatenate else stage.max_length,
            return_special_tokens_mask=True,
        )
        if not stage.concatenate:
            examples += [
                {"input_ids": ids, "special_tokens_mask": special}
                for ids, special in zip(encoded["input_ids"], encoded["special_tokens_mask"], strict=True)
            ]
            continue
        for name, tokens in joined.items():
            tokens.extend(token for row in encoded[name] for token in row)
        whole = len(joined["input_ids"]) // stage.max_length * stage.max_length
        examples += [
            {name: tokens[at : at + stage.max_length] for name, tokens in joined.items()}
            for at in range(0, whole, stage.max_length)
        ]
        joined = {name: tokens[whole:] for name, tokens in joined.items()}
        if len(examples) >= stage.examples:
            break
    return examples[: stage.examples]


def _predictable(example: Mapping[str, Any]) -> bool:
    """Whether the example has a token after the first one that may be hidden."""
    return not all(example["special_tokens_mask"][1:])
