"""Charts as SVG text: drawn here, coloured by the style sheet, each verdict and each line with a shape of its own."""

from leaderboard.charts.axes import Scale, scale_of
from leaderboard.charts.curves import SMALL, STYLES, Point, Series, curves, level_swatch, swatch
from leaderboard.charts.dumbbells import Dumbbell, dumbbells, mark_swatch
from leaderboard.charts.forest import Mark, forest, forest_scale
from leaderboard.charts.ladder import strip, strip_axis, strip_scale
from leaderboard.charts.tally import tally

__all__ = [
    "SMALL",
    "STYLES",
    "Dumbbell",
    "Mark",
    "Point",
    "Scale",
    "Series",
    "curves",
    "dumbbells",
    "forest",
    "forest_scale",
    "level_swatch",
    "mark_swatch",
    "scale_of",
    "strip",
    "strip_axis",
    "strip_scale",
    "swatch",
    "tally",
]
