"""Draw the table of docs/labels.md: how often an interval by a few labels holds, and how often the judge's alone does.

``python -m benchmarks.coverage.drawn docs/labels.md docs/images/labels-coverage.svg``, after the table was made by
``python -m benchmarks.coverage labels``.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_ROW = re.compile(r"\|(.*)\|(.*)\| *([0-9]+) \| *([0-9.]+) % \| ([0-9.]+) \| *([0-9.]+) % \|[^|]*\|([^|]*)\|([^|]*)\|")
_COLORS = ("#2a78b5", "#d1691f", "#2f9150", "#8258b4")


class Point(NamedTuple):
    """A row of the table; shares in percent."""

    judge: str
    samples: str
    labels: int
    coverage: float
    width: float
    wrong_pass: float
    alone: float
    alone_wrong: float


def points(text: str) -> Iterator[Point]:
    """Yield the rows of the table in a page; what a row leaves out is as in the row above."""
    judge = samples = ""
    for found in _ROW.finditer(text):
        judge, samples = found[1].strip() or judge, found[2].strip() or samples
        alone, alone_wrong = (float(re.sub(r"[*% ]", "", found[cell])) for cell in (7, 8))
        numbers = float(found[4]), float(found[5]), float(found[6]), alone, alone_wrong
        yield Point(judge, samples, int(found[3]), *numbers)


def draw(table: list[Point], path: Path) -> None:
    """Draw coverage and wrong verdicts by labels, a line a judge; dotted is the judge alone."""
    import matplotlib as mpl

    mpl.rcParams["svg.hashsalt"] = "labels"
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    held, wrong = figure.subplots(1, 2)
    one = [point for point in table if point.samples == "independent"]
    for color, judge in zip(_COLORS, dict.fromkeys(point.judge for point in one), strict=False):
        line = [point for point in one if point.judge == judge]
        at = [point.labels for point in line]
        held.plot(at, [point.coverage for point in line], "o-", color=color, label=judge)
        held.plot(at, [point.alone for point in line], ":", color=color)
        wrong.plot(at, [point.wrong_pass for point in line], "o-", color=color)
        wrong.plot(at, [point.alone_wrong for point in line], ":", color=color)
    held.axhline(95, color="grey", lw=0.8)
    wrong.axhline(5, color="grey", lw=0.8)
    held.set(title="95 % intervals that hold the truth", ylabel="%")
    wrong.set(title="PASS though the drop is the margin", ylabel="%")
    for axes in (held, wrong):
        axes.set(xscale="log", xlabel="labels", ylim=(-3, 103))
        axes.set_xticks([20, 50, 100, 150, 500], ["20", "50", "100", "150", "500"])
        axes.minorticks_off()
    held.legend(title="the judge; dotted: it alone", loc="center right", fontsize=8, title_fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Draw it."""
    page, target = map(Path, sys.argv[1:])
    draw(list(points(page.read_text(encoding="utf-8"))), target)


if __name__ == "__main__":
    main()
