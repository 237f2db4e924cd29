"""Reference results: what the tracked code measured, as text files that travel with it.

One file a system. A file holds the answers only; the questions (examples, units, gold) are written by the suite
itself, which makes them the same each time, and a hash of them in the file shows that they still are.
"""
