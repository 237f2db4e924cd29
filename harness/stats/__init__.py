"""Statistics of paired comparisons: arrays in, frozen results out, the random generator passed.

One method a file. Wherever examples come in clusters (a document, a target word) the *unit* is what is
resampled, flipped and counted for the degrees of freedom. What cannot be estimated is None, never 0.

The way through: answers ─▶ `mean_contributions` / `correlation_contributions` (what each unit adds) and
`make_contrast` (which columns, which seeds) ─▶ `mean_effects`, `correlation_effects` (one task) ─▶
`joint_statistics`, `max_t` (a family) ─▶ `rank_sets`, `compact_letters`. Over tasks:
`across_tasks`, `replicability`. Does it hold: `harness.calibration`.
"""

from harness.stats.across import AcrossTasks, across_tasks
from harness.stats.conjunction import Replicability, one_sided, replicability
from harness.stats.contrast import Contrast, make_contrast
from harness.stats.contributions import (
    Contributions,
    correlation_contributions,
    fully_crossed,
    mean_contributions,
    task_contributions,
)
from harness.stats.draws import DrawSpread, draw_spread
from harness.stats.effects import correlation_effects, crossed_effect, mean_effects, smooth_effects
from harness.stats.equivalence import equivalence_test, non_inferiority_test
from harness.stats.estimate import Estimate, Interval
from harness.stats.families import benjamini_hochberg, holm
from harness.stats.joint import JointTask, joint_statistics
from harness.stats.letters import compact_letters
from harness.stats.maxt import max_t
from harness.stats.mcnemar import McNemar, mcnemar_test
from harness.stats.means import mean_estimates
from harness.stats.power import examples_needed, minimum_detectable_effect, power_of, seeds_needed
from harness.stats.ranks import RankSet, rank_sets
from harness.stats.welch import Welch, welch_test

__all__ = [
    "AcrossTasks",
    "Contrast",
    "Contributions",
    "DrawSpread",
    "Estimate",
    "Interval",
    "JointTask",
    "McNemar",
    "RankSet",
    "Replicability",
    "Welch",
    "across_tasks",
    "benjamini_hochberg",
    "compact_letters",
    "correlation_contributions",
    "correlation_effects",
    "crossed_effect",
    "draw_spread",
    "equivalence_test",
    "examples_needed",
    "fully_crossed",
    "holm",
    "joint_statistics",
    "make_contrast",
    "max_t",
    "mcnemar_test",
    "mean_contributions",
    "mean_effects",
    "mean_estimates",
    "minimum_detectable_effect",
    "non_inferiority_test",
    "one_sided",
    "power_of",
    "rank_sets",
    "replicability",
    "seeds_needed",
    "smooth_effects",
    "task_contributions",
    "welch_test",
]
