"""Scores and outcomes as parquet, for any tool that reads tables."""

from __future__ import annotations

from pathlib import Path

from harness.interchange.chosen import Chosen
from harness.paths import new_folder, whole_folder
from harness.store import Store


def write_parquet(store: Store, chosen: Chosen, *, out: Path) -> Path:
    """Write scores.parquet (a row a result) and outcomes.parquet (a row an outcome) to the new folder `out`.

    The column `result` joins them. Raises HarnessError if `out` holds anything.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with whole_folder(new_folder(out)) as building:
        pq.write_table(pa.Table.from_pandas(chosen.scores, preserve_index=False), building / "scores.parquet")
        writer = None
        for number in sorted(chosen.scores["result"]):  # one result at a time: all of them may not fit into memory
            table = pa.Table.from_pandas(store.outcomes(results=[number]), preserve_index=False)
            if writer is None:
                writer = pq.ParquetWriter(building / "outcomes.parquet", table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
    return out
