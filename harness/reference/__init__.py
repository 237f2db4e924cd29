"""Reference results: what the tracked code measured, as text files that travel with it.

One file a system. A file holds the answers only; the questions (examples, units, gold) are written by the suite
itself, which makes them the same each time, and a hash of them in the file shows that they still are.
"""

from harness.reference.answers import PackedAnswers, asked_hash, pack, unpack
from harness.reference.files import Reference, ReferenceResult, read_references, write_references
from harness.reference.rebuild import rebuild
from harness.reference.take import take_references

__all__ = [
    "PackedAnswers",
    "Reference",
    "ReferenceResult",
    "asked_hash",
    "pack",
    "read_references",
    "rebuild",
    "take_references",
    "unpack",
    "write_references",
]
