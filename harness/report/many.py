"""What the page of several runs shows beside their numbers: the leaderboard, its plots against cost, the matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path
from typing import Final

from harness.comparison.board import Board, board
from harness.comparison.matrix import Matrix, matrix
from harness.record import Run
from harness.record.thumbnails import Thumbnails
from harness.report import board as shown
from harness.report.board import Head
from harness.report.label_marks import NO_MARKS, Key, Mark
from harness.report.lanes import Lane, Way
from harness.report.lead import Lead
from harness.report.pareto import Picture, pictures
from harness.report.samples import as_uri

_ABREAST: Final = 3
"""Columns that stand beside each other."""
_REPORT: Final = "report.html"
NO_REPORTS: Final[Mapping[Path, str]] = {}
NOBODYS: Final[Mapping[Path, Mapping[Key, Mark]]] = {}


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One run."""

    title: str
    simulated: bool
    when: str
    address: str
    """Of its own report, where there is one; empty elsewhere."""
    lanes: Mapping[str, Lane]
    """By column."""
    seconds: str
    price: str


@dataclass(frozen=True, slots=True)
class Many:
    """All of it."""

    titles: tuple[str, ...]
    badge: tuple[Way, str]
    lead: Lead
    groups: Sequence[Sequence[Head]]
    """Columns, as many as stand beside each other."""
    rows: Sequence[BoardRow]
    priced: bool
    pictures: Sequence[Picture]
    clock: str
    matrix: Matrix
    thumbnails: Mapping[tuple[str, str], str]
    """By task and sample, as data URIs."""
    marks: Sequence[Mapping[Key, Mark]]
    """Of each run, what people say of some answers."""


def many(
    runs: Sequence[Run],
    page: Path,
    reports: Mapping[Path, str] = NO_REPORTS,
    marks: Mapping[Path, Mapping[Key, Mark]] = NOBODYS,
) -> Many:
    """Rank some runs of one suite for a page.

    Args:
        runs: two or more.
        page: the file that will be written; links to the runs' reports start there.
        reports: addresses of those reports by the runs' folders; else ``report.html`` in each, where there is one.
        marks: what people say of answers, by the runs' folders.

    Raises:
        UsageError: if they are of different suites, or samples cannot be read.
    """
    ranking = board(runs)
    heads, costs, found = shown.heads(ranking), shown.spent(ranking), matrix(ranking.runs)
    kept: dict[tuple[str, str], str] = {}
    for run in ranking.runs:
        own = Thumbnails.read(run.folder, run.record)
        there = {(line.task, line.sample_id): own.of(line.task, line.sample_id) for line in found.lines}
        kept = {key: as_uri(webp) for key, webp in there.items() if webp} | kept
    rows = [
        BoardRow(
            ranking.titles[i],
            run.record.adapter.simulated,
            f"{run.record.started:%d %b %H:%M}" + (f" · {run.record.git.commit[:7]}" if run.record.git else ""),
            _address(run.folder, page) if not reports else reports.get(run.folder, ""),
            {head.column.name: shown.lane(head, head.column.entries[i]) for head in heads},
            shown.amount(costs[i].seconds),
            shown.amount(costs[i].price),
        )
        for i, run in enumerate(ranking.runs)
    ]
    groups = [heads[i : i + _ABREAST] for i in range(0, len(heads), _ABREAST)]
    priced = any(one.price for one in costs)
    plots = pictures(ranking, costs)
    return Many(ranking.titles, shown.badge(ranking), shown.lead(ranking), groups, rows, priced, plots, _clock(ranking),
                found, kept, [marks.get(run.folder, NO_MARKS) for run in ranking.runs])  # fmt: skip


def _address(folder: Path, page: Path) -> str:
    return Path(relpath(folder / _REPORT, page.parent)).as_posix() if (folder / _REPORT).is_file() else ""


def _clock(ranking: Board) -> str:
    """Return what the times are, and are not."""
    task = ranking.columns[0].task if ranking.columns else ""
    return f"Time: of the calls in these runs, an answer of {task}; a latency task measures it apart from the machine."
