"""System 2 Attention proper: an instruction model writes a text anew, without what is beside its subject.

Weston and Sukhbaatar 2023 (arXiv 2311.11829), in their variant with one part: there is no question here, so that what
is relevant is what the text is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from harness.encoder.language_model import LanguageModel, load_causal
from harness.encoder.tokenizer import ids_of, load_tokenizer
from harness.errors import HarnessError

ASKED = (
    "Copy from the following text the sentences that are about its main subject, word for word. Leave out every "
    "sentence that is about something else. Answer with the copied sentences only.\n\nText: {text}"
)
_MORE = 1.2  # times the tokens of the text are written at most
_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """What was written for each text (an empty answer leaves the text as it is), and the tokens read and written."""

    texts: list[str]
    tokens: list[int]


def instruction_tokenizer(base: Path, *, name: str) -> Any:
    """The tokenizer in the folder `base`, with its chat template, which an encoder's own tokenizer has not.

    Raises HarnessError for a base without one: it cannot be told what to do.
    """
    tokenizer = load_tokenizer(base, name=name)
    if not tokenizer.chat_template:
        raise HarnessError(
            f"{name} is no instruction model (its tokenizer has no chat template), so it cannot write a text anew; "
            "take a base that is one, or another cure"
        )
    return tokenizer


def rewrite(system: LanguageModel, texts: Sequence[str], *, name: str) -> Rewritten:
    """What the base of `system` answers when it is asked for each text without what is irrelevant; greedy.

    Raises HarnessError where the base is no instruction model.
    """
    tokenizer = instruction_tokenizer(system.base, name=name)
    model = load_causal(system.base, dtype=system.model.dtype, device=system.model.device)
    return _written(model, tokenizer, texts)


@torch.inference_mode()
def _written(model: Any, tokenizer: Any, texts: Sequence[str]) -> Rewritten:
    prompts = [ids_of(tokenizer, _prompt(tokenizer, text)) for text in texts]
    room = [int(_MORE * len(ids_of(tokenizer, text))) + 1 for text in texts]
    made, spent = [""] * len(texts), [0] * len(texts)
    order = sorted(range(len(texts)), key=lambda row: (len(prompts[row]), row))
    end = tokenizer.eos_token_id
    own, model.generation_config = model.generation_config, GenerationConfig(bos_token_id=tokenizer.bos_token_id)
    try:
        for first in range(0, len(order), _BATCH):
            rows = order[first : first + _BATCH]
            width = max(len(prompts[row]) for row in rows)
            # Padded on the left: what is written stands right behind every prompt.
            pads = [width - len(prompts[row]) for row in rows]
            ids_BT = torch.tensor(
                [[end] * pad + prompts[row] for row, pad in zip(rows, pads, strict=True)], device=model.device
            )
            mask_BT = torch.tensor([[0] * pad + [1] * (width - pad) for pad in pads], device=model.device)
            config = GenerationConfig(
                max_new_tokens=max(room[row] for row in rows),
                do_sample=False,
                eos_token_id=end,
                pad_token_id=end,
                use_cache=True,
            )
            written = model.generate(input_ids=ids_BT, attention_mask=mask_BT, generation_config=config)
            for row, ids in zip(rows, written[:, width:].tolist(), strict=True):
                answer = ids[: room[row]]
                answer = answer[: answer.index(end)] if end in answer else answer
                said = " ".join(tokenizer.decode(answer, skip_special_tokens=True).split())
                made[row] = said or texts[row]
                spent[row] = len(prompts[row]) + len(answer)
    finally:
        model.generation_config = own
    return Rewritten(texts=made, tokens=spent)


def _prompt(tokenizer: Any, text: str) -> str:
    asked = [{"role": "user", "content": ASKED.format(text=text)}]
    return str(tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True))


def kept_of(source: str, answer: str) -> float:
    """ROUGE-L recall: the share of the words of `source` that `answer` has in the same order (Lin 2004).

    >>> kept_of("a dog ran home", "the dog went home")
    0.5
    """
    wanted, found = ([word.strip(".,;:!?\"'()").casefold() for word in each.split()] for each in (source, answer))
    longest = [0] * (len(found) + 1)
    for word in wanted:
        before = 0
        for place, other in enumerate(found, start=1):
            here = before + 1 if word == other else max(longest[place], longest[place - 1])
            before, longest[place] = longest[place], here
    return longest[-1] / len(wanted) if wanted else 0.0
