"""From a recipe and weights to a sentence-transformers model whose attention is proven."""
