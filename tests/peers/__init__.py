"""Our encoder and training losses beside llm2vec 0.2.3, each side in an environment of its own: `nox -s peers`."""
