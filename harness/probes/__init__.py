"""Probes: what can be read from vectors. Arrays in, out-of-fold predictions out."""
