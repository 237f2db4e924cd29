"""Bases in GGUF, the format of llama.cpp: found, checked, and converted once into a folder like any other."""
