"""How often intervals hold the truth, as a page: ``python -m benchmarks.coverage.page reports/coverage.html``."""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.coverage.cells import GROUPS
from benchmarks.coverage.cover import Held, covered, plainest, product
from harness.report.page import environment

_LEAST: Final = 0.70
"""Where the axis begins; what lies below is drawn at its end."""
_WIDTH: Final = 260
_PAGE: Final = Path(__file__).with_suffix(".html.j2")


@dataclass(frozen=True, slots=True)
class Row:
    """One number of one population."""

    name: str
    data: str
    truth: float
    plain: Held
    ours: Held


def write(file: Path, runs: int) -> None:
    """Simulate every population and write the page."""
    cells = [cell for group in GROUPS.values() for cell in group()]
    rows = [
        Row(cell.statistic.name, cell.data, cell.truth, covered(cell, plainest, runs), covered(cell, product, runs))
        for cell in cells
    ]
    error = 2 * math.sqrt(0.95 * 0.05 / runs)
    band = (0.95 - error, min(1.0, 0.95 + error))
    text = environment().from_string(_PAGE.read_text(encoding="utf-8")).render(
        rows=rows,
        runs=runs,
        band=band,
        right=sum(row.ours.held >= band[0] for row in rows),
        plain_right=sum(row.plain.held >= band[0] for row in rows),
        least=f"{_LEAST:.0%}".rstrip("%"),
        width=_WIDTH,
        x=_place,
        file=file.as_posix(),
    )  # fmt: skip
    file.write_text(text, encoding="utf-8")


def _place(held: float) -> float:
    share = 0.0 if math.isnan(held) else max(0.0, held - _LEAST) / (1 - _LEAST)
    return round(6 + share * (_WIDTH - 12), 1)


def main() -> None:
    """Write the page that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--runs", type=int, default=400)
    given = parser.parse_args()
    write(given.file, given.runs)


if __name__ == "__main__":
    main()
