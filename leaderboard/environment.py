"""What the templates can use: how numbers and names are written, the sentences of harness.compare, the figures."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.compare.axis import wording as of_axis
from harness.compare.axis.width import smallest_width
from harness.compare.distractors.wording import gate_sentence
from harness.compare.headline import headline, one_by_one
from harness.compare.wording import (
    cautions,
    family_of,
    leave_one_out,
    left_out,
    over_of,
    overall,
    scope,
    scope_of,
    sentence,
    untested_tasks,
)
from harness.metrics import get_metric
from leaderboard import figures, text
from leaderboard.axes import mean_panels, step_panels
from leaderboard.board import caption_for_paper, make_board
from leaderboard.grid import make_grid
from leaderboard.overview import make_overview
from leaderboard.spending import make_spending
from leaderboard.words import diagnostic_curves


@cache
def environment() -> Environment:
    """Return what renders the templates."""
    made = Environment(
        loader=PackageLoader("leaderboard"),
        autoescape=True,  # whatever a card or a model calls itself is text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "score": text.score,
        "heading": text.heading,
        "change": text.change,
        "span": text.span,
        "percent": text.percent,
        "typeset": text.typeset,
        "p": text.p_value,
        "seeds": text.seeds,
        "flat": text.flatten,
        "what": text.what_interval,
        "rate": text.rate,
        "seconds": text.seconds,
        "size": text.size,
        "key": text.sort_key,
        "small": text.small,
        "count": text.count,
        "signed": text.signed,
        "breakable": text.breakable,
        "headline": headline,
        "one_by_one": one_by_one,
        "over_of": over_of,
        "sentence": sentence,
        "overall": overall,
        "leave_one_out": leave_one_out,
        "left_out": left_out,
        "family_of": family_of,
        "cautions": cautions,
        "scope": scope,
        "untested": untested_tasks,
        "step_label": of_axis.step_label,
        "interaction_label": of_axis.interaction_label,
    }
    made.globals |= {
        "scope_of": scope_of,
        "tally": figures.tally_of,
        "rungs": figures.rungs,
        "pair_forest": figures.pair_forest,
        "score_forest": figures.score_forest,
        "training_curves": figures.training_curves,
        "layer_curves": figures.layer_curves,
        "diagnostic_curves": diagnostic_curves,
        "in_order": figures.in_order,
        "make_board": make_board,
        "caption_for_paper": caption_for_paper,
        "make_spending": make_spending,
        "mask_grid": make_grid,
        "overview": make_overview,
        "mean_panels": mean_panels,
        "step_panels": step_panels,
        "axis_counts": of_axis.counts,
        "how_to_read": of_axis.how_to_read,
        "scope_of_axis": of_axis.scope_of_axis,
        "width_sentence": of_axis.width_sentence,
        "smallest_width": smallest_width,
        "family_of_axis": of_axis.family_of_axis,
        "means_sentence": of_axis.means_sentence,
        "over_what": of_axis.over_what,
        "gate_sentence": gate_sentence,
        "metric_of": get_metric,
    }
    return made
