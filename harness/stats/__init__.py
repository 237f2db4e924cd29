"""Statistics of paired comparisons: arrays in, frozen results out, the random generator passed.

One method a file. Wherever examples come in clusters (a document, a target word) the *unit* is what is
resampled, flipped and counted for the degrees of freedom. What cannot be estimated is None, never 0.

The way through: answers ─▶ `mean_contributions` / `correlation_contributions` (what each unit adds) and
`make_contrast` (which columns, which seeds) ─▶ `mean_effects`, `smooth_effects` (one task) ─▶
`joint_statistics`, `max_t_families` ─▶ `rank_sets`, `compact_letters`. Over tasks:
`across_tasks`, `replicability`. Does it hold: `harness.calibration`.
"""

from harness.stats.across import across_tasks
from harness.stats.conjunction import one_sided, replicability
from harness.stats.contrast import make_contrast
from harness.stats.contributions import mean_contributions, task_contributions
from harness.stats.joint import JointTask, joint_statistics
from harness.stats.maxt import max_t, max_t_families

__all__ = [
    "JointTask", "across_tasks", "joint_statistics", "make_contrast", "max_t", "max_t_families",
    "mean_contributions", "one_sided", "replicability", "task_contributions",
]  # fmt: skip
