"""Several runs of one suite as one HTML file: who is first, at what cost, on which samples they differ, and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.comparison.controls import control
from harness.errors import UsageError
from harness.record import Run, RunRecord
from harness.report import numbers
from harness.report.heat import HeatMap, heat_rows
from harness.report.label_marks import NO_LABELS, RunLabels, labels_of
from harness.report.label_rows import label_lanes
from harness.report.lanes import Lanes
from harness.report.many import NO_REPORTS, Many, many
from harness.report.page import environment

if TYPE_CHECKING:
    from harness.comparison.labelled import WithLabels

_TEMPLATE: Final = "overview.html.j2"
_SCRIPT: Final = "many.js"
_PREFIX: Final = "retained_accuracy["


def write_overview(
    folders: Sequence[Path],
    file: Path,
    reports: Mapping[Path, str] = NO_REPORTS,
    labels: Sequence["WithLabels | None"] | None = None,
) -> Path:
    """Write the overview of the runs in ``folders`` to ``file``.

    Args:
        folders: of the runs.
        file: the page.
        reports: addresses of the runs' own pages, by folder; else ``report.html`` in each folder, where there is one.
        labels: of each run, what people say of some answers; by default those that the suites name.

    Raises:
        UsageError: if a folder holds no readable run, or the runs are of different suites.
    """
    runs = [Run(folder) for folder in folders]
    file.parent.mkdir(parents=True, exist_ok=True)
    records = [run.record for run in runs]
    _check(records)
    said = [labels_of(run, given) for run, given in zip(runs, labels or [None] * len(runs), strict=True)]
    marks = {folder: one.marks for folder, one in zip(folders, said, strict=True)}
    ranked, why_not = None, ""
    try:
        ranked = many(runs, file, reports, marks) if len(runs) > 1 else None
    except UsageError as error:  # samples that cannot be read cost the ranking, not the numbers
        why_not = str(error)
    file.write_text(render_overview(records, ranked, why_not, said), encoding="utf-8")
    return file


def _check(records: Sequence[RunRecord]) -> None:
    suites = sorted({f"{record.suite.name} {record.suite.version}" for record in records})
    if len(suites) > 1:
        raise UsageError(f"these runs are of different suites: {', '.join(suites)}")


def render_overview(
    records: Sequence[RunRecord], ranked: Many | None = None, why_not: str = "", labels: Sequence[RunLabels] = ()
) -> str:
    """Return the overview as HTML, with the ranking, or why there is none, and what labels say of each run."""
    _check(records)
    titles = [numbers.title(record) for record in records]
    maps = {name: _map(name, records) for name in _sweeps(records)}
    return (
        environment()
        .get_template(_TEMPLATE)
        .render(
            records=records,
            titles=titles,
            by_labels=_by_labels(titles, labels),
            labels=labels,
            simulated=any(record.adapter.simulated for record in records),
            rows=_rows(records),
            cut=_cut_off(records),
            maps=maps,
            many=ranked,
            why_not=why_not,
            scripts=[_SCRIPT] if ranked and ranked.matrix.lines else [],
        )
    )


def _by_labels(titles: Sequence[str], labels: Sequence[RunLabels]) -> Lanes:
    """Return a row for each task of each run that has labels, those of one task beside each other."""
    rows = [
        replace(lane, of=title)
        for title, one in zip(_distinct(titles), labels or [NO_LABELS] * len(titles), strict=True)
        for lane in label_lanes(one.found).rows
    ]
    tasks = list(dict.fromkeys(row.label for row in rows))
    return Lanes(tuple(sorted(rows, key=lambda row: tasks.index(row.label))))


def _rows(records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    names = dict.fromkeys((task, metric) for r in records for task, body in r.tasks.items() for metric in body.metrics)
    rows = []
    for task, metric in names:
        values = [r.tasks[task].metrics.get(metric) if task in r.tasks else None for r in records]
        held = any(control(r, task, metric) for r in records if task in r.tasks)
        way = "lower" if held else numbers.known(values).direction
        rows.append({"name": f"{task}/{metric}", "direction": way, "arrow": numbers.way(way), "values": values})
    return rows


def _cut_off(records: Sequence[RunRecord]) -> dict[str, list[str]]:
    """Return how many answers were cut off, of each task where any was: a text for each run."""
    names = dict.fromkeys(task for record in records for task in record.tasks)
    told = {name: [numbers.cut_off(r.tasks[name]) if name in r.tasks else "" for r in records] for name in names}
    return {name: texts for name, texts in told.items() if any(texts)}


def _sweeps(records: Sequence[RunRecord]) -> list[str]:
    return list(dict.fromkeys(name for r in records for name, body in r.tasks.items() if body.curves))


def _map(task: str, records: Sequence[RunRecord]) -> HeatMap:
    metrics = [record.tasks[task].metrics if task in record.tasks else {} for record in records]
    names = list(dict.fromkeys(name for found in metrics for name in found if name.startswith(_PREFIX)))
    corruptions = [name.removeprefix(_PREFIX).rstrip("]") for name in names]
    titles = _distinct([numbers.title(record) for record in records])
    rows = {title: [found.get(name) for name in names] for title, found in zip(titles, metrics, strict=True)}
    return heat_rows("retained accuracy", "corruption", corruptions, rows)


def _distinct(titles: Sequence[str]) -> list[str]:
    """Return titles of which no two are alike: the second run of one adapter is numbered."""
    return [
        title if titles.count(title) == 1 else f"{title} #{titles[: i + 1].count(title)}"
        for i, title in enumerate(titles)
    ]
