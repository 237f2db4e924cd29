"""Results for other tools: mteb's own result files, and parquet."""

from harness.interchange.chosen import choose
from harness.interchange.mteb_files import write_mteb
from harness.interchange.parquet import write_parquet

__all__ = ["choose", "write_mteb", "write_parquet"]
