"""Plain tables on the terminal: whole numbers and names at any width."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table

from harness.cli.streams import visible

_GAP = 2  # blanks between columns
_SHORT = 32  # the width of a cell that is not broken


class PlainTable:
    """A table without lines. If it is wider than the terminal, columns that do not fit follow in further tables.

    The first `keys` columns stand in front of each of them. Only a long text is broken, between its words.
    """

    def __init__(self, headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[int], keys: int):
        self._headers, self._rows, self._right = headers, rows, right
        self._keys = min(keys, len(headers))
        self._least = [_least([header, *(row[column] for row in rows)]) for column, header in enumerate(headers)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for number, columns in enumerate(self._blocks(options.max_width)):
            if number:
                yield ""
            grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
            for column in columns:
                justify: Literal["left", "right"] = "right" if column in self._right else "left"
                grid.add_column(self._headers[column], justify=justify, overflow="fold", min_width=self._least[column])
            for row in self._rows:
                grid.add_row(*(row[column] for column in columns))
            yield grid

    def fits(self, width: int) -> bool:
        """Whether one table of `width` characters holds all columns."""
        return len(self._blocks(width)) == 1

    def _blocks(self, width: int) -> list[list[int]]:
        """The columns of each table, from left to right."""
        keys = list(range(self._keys))
        blocks = [list(keys)]
        for column in range(self._keys, len(self._headers)):
            if len(blocks[-1]) > len(keys) and sum(self._least[c] + _GAP for c in [*blocks[-1], column]) - _GAP > width:
                blocks.append(list(keys))
            blocks[-1].append(column)
        return blocks


def _least(cells: Sequence[str]) -> int:
    """The width below which a column is not pressed: all of it, or the longest word where it holds long texts."""
    whole = max(map(cell_len, cells))
    return whole if whole <= _SHORT else min(_SHORT, max(cell_len(word) for cell in cells for word in cell.split()))


def table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], *, right: Collection[int] = (), keys: int = 1
) -> PlainTable:
    """A plain table; columns in `right` are aligned to the right, the first `keys` columns name a row."""
    said = [["–" if cell is None else visible(str(cell)) for cell in row] for row in rows]
    return PlainTable(headers, said, right=right, keys=keys)


def pivot(
    columns: Sequence[Hashable], cells: Iterable[tuple[tuple[object, ...], Hashable, object]]
) -> list[list[object]]:
    """Arrange cells (labels of the row, column, content) as rows: the labels, then a content for each column."""
    rows: dict[tuple[object, ...], dict[Hashable, object]] = {}
    for labels, column, content in cells:
        rows.setdefault(labels, {})[column] = content
    return [[*labels, *map(here.get, columns)] for labels, here in rows.items()]
