"""What researchers call from Python, and the commands too: the names of `harness.__all__`.

Every function refuses bad input with HarnessError, whose one sentence says what to do.
"""

from harness.api.results import add_outcomes, compare_bases, compare_variants, describe, rank_variants, write_site
from harness.api.systems import export_system, measure, open_model, open_system, run_variants

__all__ = [
    "add_outcomes",
    "compare_bases",
    "compare_variants",
    "describe",
    "export_system",
    "measure",
    "open_model",
    "open_system",
    "rank_variants",
    "run_variants",
    "write_site",
]
