"""Statistics of paired comparisons: arrays in, frozen results out, the random generator passed.

One method a file. Wherever examples come in clusters (a document, a target word) the *unit* is what is
resampled, flipped and counted for the degrees of freedom. What cannot be estimated is None, never 0.
"""

from harness.stats.correlations import CorrelationResamples, resample_correlations
from harness.stats.draws import DrawSpread, draw_spread
from harness.stats.estimate import Estimate, Interval
from harness.stats.families import holm
from harness.stats.means import mean_estimates, weighted_mean
from harness.stats.power import minimum_detectable_effect
from harness.stats.signflip import SignFlip, sign_flip_test

__all__ = [
    "CorrelationResamples",
    "DrawSpread",
    "Estimate",
    "Interval",
    "SignFlip",
    "draw_spread",
    "holm",
    "mean_estimates",
    "minimum_detectable_effect",
    "resample_correlations",
    "sign_flip_test",
    "weighted_mean",
]
