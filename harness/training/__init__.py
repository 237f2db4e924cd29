"""Training stages: each one addressed by what made it, trained once, shared by the variants that stand on it."""
