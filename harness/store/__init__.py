"""The results database: the only SQL of the project.

>>> import tempfile, pathlib
>>> from harness.records import System
>>> store = Store(pathlib.Path(tempfile.mkdtemp()) / "results.duckdb")
>>> system_id = store.add_system(System(base="mini", base_revision="1", variant="causal"))
>>> [system.variant for system in store.systems()]
['causal']
"""

from harness.store.store import Store

__all__ = ["Store"]
