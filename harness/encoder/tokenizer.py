"""The tokenizer that tokenizer.json of a folder describes, read as it is, proven, and kept for others to read.

transformers rebuilds a tokenizer by the name of its class, and drops what tokenizer.json has of its own.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer
from tokenizers.normalizers import Normalizer, Prepend, Replace
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.processors import Sequence as Processors
from tokenizers.processors import TemplateProcessing
from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerFast

from harness.bases import TOKEN_FILES, TOKENIZER, read_json
from harness.errors import HarnessError, ProofError
from harness.templates import CLEANINGS, Template

# The cleanings of harness.templates as a tokenizer does them.
NORMALIZERS: dict[str, Callable[[], tuple[Normalizer, ...]]] = {
    "prompteol": lambda: (
        Replace(Regex(r"\s+\z"), ""),
        Replace(Regex(r"(?<=[^.?\"'])\z"), "."),
        Replace('"', "'"),
        Replace(Regex(r"\?\z"), "."),
    )
}

# Nothing is fetched, no pickle is opened, and no code from a folder is run or asked about.
CLOSED = {"trust_remote_code": False, "local_files_only": True}


@contextmanager
def saying(name: str, what: str) -> Iterator[None]:
    """Whatever the libraries raise over a folder becomes one sentence."""
    try:
        yield
    except (HarnessError, MemoryError):
        raise
    except Exception as error:
        said = " ".join((str(error).strip() or "no reason given").split("\n")[0].split())
        raise HarnessError(
            f"{name} cannot be opened as {what}: {said[:300]} ({type(error).__name__}); fetch it again, or save it "
            "again with the library versions that `harness doctor` names"
        ) from error


def load_tokenizer(folder: Path, *, name: str) -> Any:
    """The tokenizer that tokenizer.json in `folder` describes, with the special tokens that the folder names.

    Where no file names any, config.json's ids do. Texts are cut at their end, whatever the folder says.
    """
    with saying(name, "a tokenizer"):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder), **_named_by_config(folder))
    if tokenizer.truncation_side != "right":
        tokenizer.truncation_side = tokenizer.init_kwargs["truncation_side"] = "right"
    return tokenizer


def without_chat(tokenizer: Any) -> Any:
    """`tokenizer` for texts as they are: sentence-transformers would put each into the base's chat template."""
    tokenizer.chat_template = None
    tokenizer.init_kwargs.pop("chat_template", None)
    return tokenizer


def _named_by_config(folder: Path) -> dict[str, str]:
    files = [folder / each for each in TOKEN_FILES]
    if any(key.endswith("_token") for file in files if file.is_file() for key in read_json(file)):
        return {}
    config, raw = read_json(folder / "config.json"), Tokenizer.from_file(str(folder / TOKENIZER))
    ids = {role: config.get(f"{role}_id") for role in ("bos_token", "eos_token", "pad_token")}
    named = {role: raw.id_to_token(number) for role, number in ids.items() if type(number) is int and number >= 0}
    return {role: token for role, token in named.items() if token is not None}


def fit_tokens(tokenizer: Any, model: Any, *, name: str) -> None:
    """Let `tokenizer` pad with a token that `model` has an embedding for, and `model` refuse one that it has none for.

    Some checkpoints have a token more than embeddings, which no ordinary text produces (Gemma 3 has one for images).
    """
    embedding = model.get_input_embeddings()
    rows = int(embedding.num_embeddings)
    if tokenizer.pad_token is None or tokenizer.pad_token_id >= rows:
        named = (tokenizer.unk_token, tokenizer.eos_token, tokenizer.bos_token)
        special = (str(token) for number, token in sorted(tokenizer.added_tokens_decoder.items()) if token.special)
        fit = [token for token in (*named, *special) if token and tokenizer.convert_tokens_to_ids(token) < rows]
        if not fit:
            raise HarnessError(
                f"the tokenizer of {name} has no special token that can fill a batch; name one as pad_token in its "
                "tokenizer_config.json"
            )
        tokenizer.pad_token = fit[0]
    if len(tokenizer) > rows:
        embedding.register_forward_pre_hook(_Rows(tokenizer, name))


def start_token(tokenizer: Any) -> int:
    """What may stand before the first token of a text: the beginning-of-sequence token, else the end-of-text token."""
    token = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if token is None:
        raise HarnessError(
            "the base's tokenizer has neither a beginning nor an end token to start a text with; name one as bos_token "
            "in its tokenizer_config.json"
        )
    return int(token)


def front_tokens(tokenizer: Any) -> list[int]:
    """The special tokens that `tokenizer` puts before every text."""
    read = tokenizer("a", return_special_tokens_mask=True)
    before = itertools.takewhile(lambda each: each[1], zip(read["input_ids"], read["special_tokens_mask"], strict=True))
    return [int(token) for token, _ in before]


def front_token(tokenizer: Any) -> int | None:
    """The first special token that `tokenizer` puts before every text, if it does."""
    return next(iter(front_tokens(tokenizer)), None)


def ids_of(tokenizer: Any, words: str) -> list[int]:
    """The tokens of `words`, the special ones among them that are written there, none beside them."""
    return [int(token) for token in tokenizer(words, add_special_tokens=False, verbose=False)["input_ids"]]


def put_in_front(tokenizer: Any, wanted: str | bool, *, name: str, pooled: bool) -> bool:
    """Let `tokenizer` put the special token `wanted` (True: its start token) before every text, as its BOS token.

    Where it does so by itself nothing changes, and the answer is False. A token that is not special, or another one
    that stands there already, is refused. With `pooled`, where a mean leaves the token out, so is one that stands
    elsewhere too: the mean could not tell the two apart.
    """
    start = start_token(tokenizer) if wanted is True else _special(tokenizer, str(wanted), name=name)
    before = front_token(tokenizer)
    if wanted is not True and before not in {None, start}:
        raise HarnessError(
            f"the tokenizer of {name} puts {tokenizer.convert_ids_to_tokens(before)!r} before every text already; take "
            "leading_token out of the card"
        )
    in_front, added = before == start, tokenizer("", verbose=False)["input_ids"]
    token = tokenizer.convert_ids_to_tokens(start)
    if pooled and added.count(start) > in_front:
        raise HarnessError(
            f"the tokenizer of {name} puts {token!r} behind every text, so a mean cannot leave it out in front alone; "
            "name another bos_token in its tokenizer_config.json, or take leading_token out of the card"
        )
    tokenizer.bos_token = token
    if not in_front:
        front = TemplateProcessing(single=[token, "$A"], pair=[token, "$A", "$B"], special_tokens=[(token, start)])
        _also(tokenizer, front)
    return not in_front


def put_behind(tokenizer: Any, tokens: Sequence[str], *, name: str) -> int:
    """Let `tokenizer` put new special `tokens` behind every text; return the id of the first; the others follow it.

    Raises HarnessError where it has one of them already.
    """
    known = [token for token in tokens if token in tokenizer.get_vocab()]
    if known:
        raise HarnessError(f"the tokenizer of {name} has a token {known[0]!r} already; take it out of its {TOKENIZER}")
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in tokens], special_tokens=True)
    ids = tokenizer.convert_tokens_to_ids(list(tokens))
    if ids != list(range(ids[0], ids[0] + len(ids))):
        raise HarnessError(f"the tokenizer of {name} gives new tokens the ids {ids}, which are not in a row")
    named = list(zip(tokens, ids, strict=True))
    _also(tokenizer, TemplateProcessing(single=["$A", *tokens], pair=["$A", "$B", *tokens], special_tokens=named))
    return int(ids[0])


def _also(tokenizer: Any, added: TemplateProcessing) -> None:
    """Let `tokenizer` put into every text what `added` says, besides what it puts there by itself."""
    raw = tokenizer.backend_tokenizer
    raw.post_processor = Processors([raw.post_processor, added] if raw.post_processor else [added])


def _special(tokenizer: Any, token: str, *, name: str) -> int:
    special = {str(each): int(number) for number, each in tokenizer.added_tokens_decoder.items() if each.special}
    if token not in special:
        raise HarnessError(
            f"leading_token {token!r} is no special token of {name}; name one of {', '.join(map(repr, special))}"
        )
    return special[token]


@dataclass(frozen=True)
class _Rows:
    """Called before tokens are embedded: each must have a row, or be a slot (harness.encoder.slots)."""

    tokenizer: Any
    name: str

    def __call__(self, embedding: torch.nn.Embedding, inputs: tuple[torch.Tensor, ...]) -> None:
        ids = inputs[0]
        ids = ids[ids < getattr(embedding, "first_slot", ids.max() + 1)] if ids.numel() else ids
        if ids.numel() and int(ids.max()) >= embedding.num_embeddings:
            token = self.tokenizer.convert_ids_to_tokens(int(ids.max()))
            raise HarnessError(
                f"a text has the token {token!r}, for which {self.name} has no embedding; take it out of the text"
            )


def prove_tokens(tokenizer: Any, folder: Path, *, name: str) -> int:
    """How many texts `tokenizer` reads as tokenizer.json in `folder` says; ProofError if it reads one otherwise."""
    if said := read_otherwise(tokenizer, folder, name=name):
        raise ProofError(f"{said}; make tokenizer_config.json agree with {TOKENIZER}, or save the tokenizer again")
    return len(TEXTS)


def read_otherwise(tokenizer: Any, folder: Path, *, name: str) -> str:
    """The first text that `tokenizer` reads otherwise than tokenizer.json in `folder` says; "" if there is none."""
    with saying(name, "a tokenizer"):
        raw = Tokenizer.from_file(str(folder / TOKENIZER))
        raw.no_padding()
        raw.no_truncation()
        wanted = [each.ids for each in raw.encode_batch(list(TEXTS))]
        found = tokenizer(list(TEXTS), verbose=False)["input_ids"]
    for text, want, have in zip(TEXTS, wanted, found, strict=True):
        if want != have:
            return (
                f"the tokenizer of {name} reads {text!r} as the tokens {have[:8]}, and its {TOKENIZER} says {want[:8]}"
            )
    return ""


def keep_template(folder: Path, template: Template, cleaning: str | None, *, front: list[int], name: str) -> None:
    """Let the tokenizer that was saved in `folder` put `template` around every text by itself, cleaned as `cleaning`.

    `front` are the tokens that stand before everything. What it adds counts in a cut, so only the text is cut. Raises
    HarnessError where it does not read a text as it is read here.
    """
    path = folder / TOKENIZER
    raw = Tokenizer.from_file(str(path))
    before, behind = (raw.encode(words, add_special_tokens=False).ids for words in template.words)
    wanted = [
        [*front, *before, *(raw.encode(read, add_special_tokens=False).ids if text else ()), *behind]
        for text in TEXTS
        for read in [template.spaces[0] + (CLEANINGS[cleaning](text) if cleaning else text)]
    ]
    pieces = {name: ids for name, ids in (("<before>", [*front, *before]), ("<behind>", behind)) if ids}
    raw.post_processor = TemplateProcessing(
        single=[each for each in ("<before>", "$A", "<behind>") if each == "$A" or each in pieces],
        special_tokens=[
            {"id": each, "ids": ids, "tokens": [str(raw.id_to_token(number)) for number in ids]}
            for each, ids in pieces.items()
        ],
    )
    added = [*(NORMALIZERS[cleaning]() if cleaning else ()), *(Prepend(space) for space in template.spaces if space)]
    if added:
        raw.normalizer = Normalizers([*added, *([raw.normalizer] if raw.normalizer else [])])
    found = [each.ids for each in raw.encode_batch(list(TEXTS))]
    for text, want, have in zip(TEXTS, wanted, found, strict=True):
        if want != have:
            raise HarnessError(
                f"{name} reads {text!r} in its template in a way that plain sentence-transformers cannot; a variant "
                "without the template has the same weights: export that"
            )
    raw.save(str(path))


def keep_tokens(folder: Path, tokenizer: Any) -> None:
    """Let others read texts as `tokenizer` does, which was saved in `folder` with its model.

    transformers takes another class than tokenizer_config.json names for some types of model (qwen2), with other tokens
    where tokenizer.json is not of that class. Where it does, the file names the class in a second way.
    """
    try:
        others = AutoTokenizer.from_pretrained(str(folder), **CLOSED)(list(TEXTS), verbose=False)["input_ids"]
    except Exception:  # noqa: BLE001 (whatever it is: that class cannot read the file)
        others = None
    if others != tokenizer(list(TEXTS), verbose=False)["input_ids"]:
        path = folder / TOKEN_FILES[0]
        fields = read_json(path) | {"processor_class": PreTrainedTokenizerFast.__name__}
        path.write_text(json.dumps(fields, indent=2, ensure_ascii=False), encoding="utf-8")


# What tokenizers read in different ways: digits, brackets, spaces, accents, other scripts, emoji.
_PIECES = (
    *("word", "Word", "WORD", "camelCase", "snake_case", "don't", "WE'LL", "e.g.", "well-known", "http://a.b/c?d=1"),
    *(
        "7",
        "42",
        "1987",
        "3.14",
        "1,000,000",
        "10%",
        "$5",
        "(once)",
        "[1]",
        "{x}",
        "<b>",
        '"so"',
        "«so»",
        "…",
        "#",
        "@a",
    ),
    *(
        "é",
        "e\u0301",
        "ﬁne",
        "naïve",
        "Ångström",
        "ß",
        "İ",
        "ñandú",
        "½",
        "２０",
        "中文",
        "日本語です",
        "한국어",
        "ไทย",
    ),
    *(
        "русский",
        "ελληνικά",
        "עברית",
        "العربية",
        "हिन्दी",
        "🙂",
        "👩\u200d💻",
        "\u00a0",
        "\u200b",
        "\t",
        "\n\n",
        "  ",
        "==",
    ),
)
_FRAMES = ("{}", " {}", "{} ", "a {} b", "The old man saw {}.", "A{}b", "{0}{0}", "({0}, {0})")
TEXTS = ("", *(frame.format(piece) for piece in _PIECES for frame in _FRAMES))
