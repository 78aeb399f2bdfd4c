"""Tables as text models write them: a title, a line of headers, lines of cells."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, NamedTuple

MAX_CELLS: Final = 1_000_000
"""A larger table, or a larger comparison of two, is not read: transposing or matching it would eat the memory."""


class TooLargeError(ValueError):
    """A table has too many cells to compare."""


class Entries(NamedTuple):
    """The cells of a table, each with the headers of its row and column as one text."""

    keys: list[str]
    values: list[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table as text models write it: a title, a line of headers, lines of cells."""

    title: str | None
    lines: tuple[tuple[str, ...], ...]

    def transposed(self) -> "Table":
        """Return the table with rows and columns exchanged."""
        limit(len(self.lines) * max(map(len, self.lines), default=0))
        return Table(self.title, tuple(zip_longest(*self.lines, fillvalue="")))

    def entries(self) -> Entries:
        """Return the title and every cell that is neither row header nor column header."""
        found = Entries([], []) if self.title is None else Entries(["title"], [self.title])
        if len(self.lines) > 1 and len(self.lines[0]) > 1:
            headers, width = self.lines[0][1:], len(self.lines[0])
            for line in self.lines[1:]:
                name, beside = line[0], headers if len(line) >= width else headers[: len(line) - 1]
                found.keys.extend([f"{name} {header}" for header in beside])
                found.values.extend(line[1:width])
        return found


def limit(cells: int) -> None:
    if cells > MAX_CELLS:
        raise TooLargeError(f"a table or a comparison of {cells} cells; at most {MAX_CELLS} are read")


def parse_table(text: str) -> Table:
    r"""Read a table of lines with cells between " | ", optionally under a line "title | …"; case is dropped.

    Also read: a leading and trailing "|" and the rule of Markdown tables ("|---|---|").

    >>> parse_table("Title | Sales\nyear | A\n2001 | 3").entries()
    Entries(keys=['title', '2001 a'], values=['sales', '3'])
    """
    lines = [line.strip() for line in text.lower().replace("<0x0a>", "\n").splitlines()]
    lines = [line for line in lines if line[:1].isalnum() or not _is_rule(line)]  # most begin with a letter or a digit
    title = None
    if lines and lines[0].startswith("title |"):
        title = lines.pop(0)[len("title |") :].strip()
    return Table(title, tuple([_cells(line) for line in lines]))


def _is_rule(line: str) -> bool:
    """Say whether a line holds no cells: blank, or a rule of Markdown. "- | -" is a row of missing values."""
    return not line.strip("|-: ") and (line.startswith("|") or "---" in line or "-" not in line)


def _cells(line: str) -> tuple[str, ...]:
    if line.startswith("|"):
        line = line.removeprefix("|").removesuffix("|")
    return tuple([cell.strip() for cell in line.split("|")])


def parse_as_published(text: str) -> Table:
    lines = text.lower().splitlines()
    title = None
    if lines and lines[0].startswith("title |"):
        title = lines.pop(0)[len("title |") :].strip()
    return Table(title, tuple(tuple(cell.strip() for cell in line.split(" | ")) for line in lines))
