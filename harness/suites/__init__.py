"""Tasks and the suites that name them: each task takes an encoder and returns outcomes."""
