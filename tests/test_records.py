"""What is said of a stored mask proof, also of one from before it was measured."""

from __future__ import annotations

from harness.records import proof_words

CHECK = {"kernel": "sdpa", "leak": 0.0, "reached": 0.0, "padding_shift": 1e-6, "ok": True}
MEASURED = {"rounding": 1e-6, "wrong": 0.25, "cosine": 0.999999}


def test_the_check_that_is_nearest_to_a_wrong_mask_is_said() -> None:
    checks = [
        CHECK | MEASURED | {"shift": 5e-7, "neighbours": None},
        CHECK | MEASURED | {"shift": 2e-6, "neighbours": 0.875},
    ]
    assert proof_words({"checks": checks}) == (
        "padding moves attention by 2.0e-06 of its length (rounding 1.0e-06, a hidden token 2.5e-01) and embeddings by "
        "rounding: lowest cosine 0.999999, nearest neighbour kept by 88% of the texts"
    )


def test_a_proof_of_before_says_nothing() -> None:
    assert proof_words({"checks": [CHECK]}) == ""
    assert proof_words({"passed": True}) == ""
