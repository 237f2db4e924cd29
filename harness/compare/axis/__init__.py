"""Contrasts across bases: what each step does on each level of an axis, and whether that differs."""
