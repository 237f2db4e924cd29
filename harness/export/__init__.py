"""A measured system ─▶ a folder that plain `SentenceTransformer(folder)` opens, with a model card."""
