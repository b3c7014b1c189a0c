"""Rows of any shape on a terminal: a table that fits its width or, where even the words do not fit side by side, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

# long texts: these give way first, and break anywhere
FREE = ("title", "url", "because of", "last_error", "last error")
LEAST = 16  # columns of a terminal that a long text gets
GAP = 3  # between two cells; the first has one in front


def draw(names: Sequence[str], values: Sequence[Sequence[str]], out: Console) -> None:
    """Draw rows of cells under the names of their columns."""
    columns = [(name.replace("_", " "), *(row[at] for row in values)) for at, name in enumerate(names)]
    widest = [max(map(cell_len, cells)) for cells in columns]
    least = [
        min(wide, LEAST) if name in FREE else max(cell_len(word) for cell in cells for word in [*cell.split(), ""])
        for name, cells, wide in zip(names, columns, widest, strict=True)
    ]
    room = out.width - GAP * len(names) + 1
    if sum(least) > room:
        _row_by_row([cells[0] for cells in columns], values, out)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for cells, width in zip(columns, _widths(names, widest, least, room), strict=True):
        table.add_column(cells[0], overflow="fold", width=width)
    for row in values:
        table.add_row(*(Text(value) for value in row))
    out.print(table)


def _widths(names: Sequence[str], widest: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """The width of each column: as wide as its cells, or less, long texts first, and of these the widest."""
    widths = list(widest)
    while sum(widths) > room:
        can = [at for at, width in enumerate(widths) if width > least[at]]
        free = [at for at in can if names[at] in FREE and widths[at] > 2 * LEAST] or can
        widths[max(free, key=lambda at: widths[at] - least[at])] -= 1
    return widths


def _row_by_row(titles: Sequence[str], values: Sequence[Sequence[str]], out: Console) -> None:
    wide = max(map(cell_len, titles))
    for number, row in enumerate(values):
        if number:
            out.print()
        for title, value in zip(titles, row, strict=True):
            if value:
                out.print(Text(f"{title:>{wide}}  ", style="dim") + Text(value))
