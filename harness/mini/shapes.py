"""Shapes of a mini base with equal numbers of parameters: few wide layers, or many thin ones."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import HarnessError

EQUAL = 0.01  # how far the parameters of a shape may lie from those of the shipped one
HEAD_SIZE = 32


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Layers, width of the states, and width inside the feed-forward block of a Llama with heads of HEAD_SIZE."""

    layers: int
    width: int
    intermediate: int

    @property
    def heads(self) -> int:
        """The number of attention heads."""
        return self.width // HEAD_SIZE

    @property
    def ratio(self) -> float:
        """The width inside the feed-forward block, in widths of the states."""
        return self.intermediate / self.width

    @property
    def parameters(self) -> int:
        """The number of parameters without the embedding (which is also the last matrix).

        >>> SHIPPED.parameters, wanted(1).parameters, wanted(16).parameters
        (779392, 779008, 780352)
        """
        attention, feed_forward, norms = 4 * self.width**2, 3 * self.width * self.intermediate, 2 * self.width
        return self.layers * (attention + feed_forward + norms) + self.width

    @property
    def name(self) -> str:
        """The shape in a few letters: layers x width."""
        return f"{self.layers}x{self.width}"


SHIPPED = Shape(layers=4, width=128, intermediate=336)
SWEEP = (1, 4, 16)  # layers: with each step four times as many, of half the width, at the same ratio


def wanted(layers: int) -> Shape:
    """Return the shape of `layers` layers that has as many parameters as the shipped one.

    Of the widths made of whole heads it takes the one that keeps the ratio of the two widths best. Raises HarnessError
    if none is within EQUAL.

    >>> wanted(4) == SHIPPED, wanted(1).ratio == SHIPPED.ratio
    (True, True)
    >>> wanted(2)
    Shape(layers=2, width=192, intermediate=420)
    """
    if layers < 1:
        raise HarnessError(f"a base of {layers} layers cannot be made; give 1 or more")
    fitting = []
    for width in range(HEAD_SIZE, 16 * HEAD_SIZE, HEAD_SIZE):
        bare = Shape(layers=layers, width=width, intermediate=0)
        left = SHIPPED.parameters - bare.parameters
        shape = Shape(layers=layers, width=width, intermediate=round(left / (3 * layers * width)))
        if shape.intermediate >= 1 and abs(shape.parameters / SHIPPED.parameters - 1) <= EQUAL:
            fitting.append(shape)
    if not fitting:
        raise HarnessError(
            f"no base of {layers} layers has as many parameters as the shipped one ({SHIPPED.parameters:,} without the "
            "embedding); give fewer layers"
        )
    return min(fitting, key=lambda shape: max(shape.ratio / SHIPPED.ratio, SHIPPED.ratio / shape.ratio))
