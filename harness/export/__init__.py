"""A measured system ─▶ a folder that plain `SentenceTransformer(folder)` opens, with a model card."""

from harness.export.folder import export_system

__all__ = ["export_system"]
