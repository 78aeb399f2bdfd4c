"""Rows of text that fit the terminal: no boxes; where a line is too long, its first cell stands above the others."""

from collections.abc import Collection, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from harness.report.text import plain

_GAP: Final = "  "
_FEWEST: Final = 32
"""Characters in which a sentence can still be read: with less room it is not broken."""

Cells = Sequence[Text]


def console() -> Console:
    """Return a console for standard output: as wide as the terminal, and wide enough for a log."""
    made = Console(highlight=False, soft_wrap=True)
    return made if made.is_terminal else Console(highlight=False, soft_wrap=True, width=200)


def print_grid(
    out: Console, heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = (), title: str = ""
) -> None:
    """Print rows below their heads.

    Where a line would be wider than the console, the last column is wrapped; where that is not enough, what stands in
    the first column gets a line of its own, once for all rows that share it. However narrow it is, no number is cut.

    Args:
        out: the console.
        heads: what the columns are called; an empty one has no name.
        rows: rich markup; what came from elsewhere is escaped already.
        right: names of columns that are aligned on the right.
        title: a line above, markup too.
    """
    if title:
        out.print(f"[bold]{title}[/]", soft_wrap=True)
    names = [Text(head, style="dim") for head in heads]
    table = [[Text.from_markup(cell) for cell in row] for row in rows]
    aligned = [head in right for head in heads]
    for line in _fitted(out.width, names, table, aligned):
        out.print(line, soft_wrap=True)


def fits(width: int, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether such rows fit a line each."""
    return _natural([Text(head) for head in heads], [[Text.from_markup(cell) for cell in row] for row in rows]) <= width


def _fitted(width: int, names: Cells, table: Sequence[Cells], right: Sequence[bool]) -> list[Text]:
    if _natural(names, table) <= width:
        return _flat(_grouped(names, table, right))
    if _wraps(width, names, table):
        return _flat(_grouped(names, table, right, width))
    inside = width - len(_GAP)
    rest = [row[1:] for row in table]
    room = inside if len(names) > 1 and _wraps(inside, names[1:], rest) else None
    lines: list[Text] = []
    above = ""
    for row, group in zip([names, *table], _grouped(names[1:], rest, right[1:], room), strict=True):
        if row[0].plain and row[0].plain != above:
            lines.append(row[0])
            above = row[0].plain
        lines += [Text(_GAP).append_text(line) for line in group]
    return lines


def _flat(groups: Sequence[Sequence[Text]]) -> list[Text]:
    return [line for group in groups for line in group]


def _widths(names: Cells, table: Sequence[Cells]) -> list[int]:
    return [max(name.cell_len, *(row[i].cell_len for row in table), 0) for i, name in enumerate(names)]


def _natural(names: Cells, table: Sequence[Cells]) -> int:
    return sum(_widths(names, table)) + len(_GAP) * (len(names) - 1)


def _wraps(width: int, names: Cells, table: Sequence[Cells]) -> bool:
    """Return whether the last column can be read in what the others leave of the width."""
    return _natural(names[:-1], [row[:-1] for row in table]) + len(_GAP) + _FEWEST <= width


def _grouped(names: Cells, table: Sequence[Cells], right: Sequence[bool], room: int | None = None) -> list[list[Text]]:
    """Return the lines of the heads (none where no column has a name) and of each row, wrapped to ``room``."""
    widths = _widths(names, table)
    before = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    groups = [[] if not any(name.plain for name in names) else [_joined(names, widths, right)]]
    for row in table:
        last = [*row[-1].wrap(Console(width=room), room - before)] if room and row else []
        rest = [[*(Text() for _ in row[:-1]), part] for part in last[1:]]
        groups.append([_joined(cells, widths, right) for cells in [[*row[:-1], *last[:1]] if last else row, *rest]])
    return groups


def _joined(cells: Cells, widths: Sequence[int], right: Sequence[bool]) -> Text:
    line = Text()
    for i, (cell, width, end) in enumerate(zip(cells, widths, right, strict=True)):
        pad = " " * (width - cell.cell_len)
        line.append((_GAP if i else "") + (pad if end else "")).append_text(cell).append("" if end else pad)
    line.rstrip()
    return line


def safe(text: str, limit: int = 2_000) -> str:
    r"""Return text for a cell or a line, whatever a data set or a model called things: nothing in it means anything.

    >>> print(safe("[red]a\x1b[2J"))
    \[red]a\x1b[2J
    """
    return escape(plain(text, limit))
