"""What is compared: the texts, the cases, the files that go between the two sides. Plain Python, for both environments.

A text with its instruction stays under 256 characters, so that a checkpoint with one token a character and 256
positions reads it whole: llm2vec cuts texts at 400 tokens, which is known and not what is compared here.
"""

from __future__ import annotations

TEXTS = [
    "A dog runs across the wet grass.",
    "She opened the letter, read it twice and said nothing.",
    "Hello",
    "The price of bread rose again in March; nobody in the village was surprised, least of all the baker.",
    "two men are playing football",
    "It's 9:30 p.m. - isn't it?",
    "Once upon a time, there was a little girl who lived near the sea. Every day she went to the shore and looked "
    "for shells.",
    "why",
]
INSTRUCTION = "Retrieve semantically similar text:"
# (anchor, positive, hard negative)
TRIPLETS = [
    ("A man plays a guitar.", "A person is making music.", "A man is asleep."),
    ("Two children are in the garden.", "Kids are outside.", "The garden is empty."),
    ("The train was late again this morning.", "A train did not come on time.", "The train came early."),
    ("She is reading a long book by the window.", "A woman reads.", "She is swimming."),
    ("A cat sleeps on the red chair", "An animal is resting.", "The cat chases a bird."),
    ("Snow fell on the hills all night.", "It snowed.", "The sun shone on the hills all day."),
]
SIMCSE_SCALE = 20.0
SUPCON_SCALE = 50.0

MASKS = ("bidirectional", "causal")
WEIGHTS = ("base", "LoRA merged")
# What is done to the texts → may our embedding differ from the plain one of the same model?
WAYS = {
    "batch of 1": False,
    "batch padded left": False,
    "batch padded right": False,
    "BOS pooled too": True,
    "instruction, batch of 1": True,
    "instruction, batch padded left": True,
    "instruction, batch padded right": True,
}
STAGES = ("MNTP", "SimCSE", "supervised")

# Inside the folder that both sides share.
THEIR_BASE = "base"
ADAPTER = "adapter"
MASKED_BATCH = "masked.npz"
LIMIT = 256


def embedding_key(mask: str, weights: str, way: str) -> str:
    return f"{mask} | {weights} | {way}"


def loss_key(stage: str) -> str:
    return f"loss | {stage}"


def gradient_key(stage: str) -> str:
    """One number a weight tensor, in the order of the tensors' names: the norm of its gradient."""
    return f"gradient | {stage}"
