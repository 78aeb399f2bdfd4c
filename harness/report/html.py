"""The report of a run as one HTML file that needs no network."""

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.images import open_picture
from harness.record.schema import ChartRecord, RunRecord, TableRecord, TaskRecord
from harness.report import numbers, page, reproduce
from harness.report.charts import merged, said
from harness.report.content import Content, Row, gather
from harness.report.embed import Embedded, embedded, embedded_or_beside
from harness.report.failures import SHOWN, failure_lines, place
from harness.report.glossary import glossary
from harness.report.heat import HeatMap, heat_table
from harness.report.label_rows import about, label_lanes
from harness.report.lanes import Lanes, gate_lanes, legend, metric_lanes, slice_lanes, weakest
from harness.report.lead import badge, lead
from harness.report.lineage import lineage
from harness.report.part import fitting
from harness.report.pivots import Pivot, pivots
from harness.report.samples import browser_data, read_columns
from harness.report.shots import contradicted, shots
from harness.report.svg import SMALL, WIDE, chart_svg

if TYPE_CHECKING:
    from markupsafe import Markup

    from harness.comparison.labelled import WithLabels

_TEMPLATE: Final = "run.html.j2"
_FIRST: Final = 8
"""Rows or charts that are shown at once."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as the page shows it: static pictures for a wide and a narrow page, and data for the interactive one."""

    chart: ChartRecord
    picture: "Markup"
    narrow: "Markup | None"
    """None where the picture itself fits a phone."""
    text: str
    number: int

    @property
    def wide(self) -> bool:
        """Whether it takes the card's whole width."""
        return self.narrow is not None


@dataclass(frozen=True, slots=True)
class Section:
    """Everything that one task has to show, its own picture first."""

    name: str
    task: TaskRecord
    headline: Row | None
    figures: Sequence[Figure]
    further: Sequence[Figure]
    """Charts of other families than the first."""
    slices: Lanes
    metrics: Lanes
    """Those without brackets."""
    pivots: Sequence[Pivot]
    tables: Sequence[TableRecord]
    heat: HeatMap | None
    thumbnails: Mapping[str, Sequence[tuple[int, str, tuple[int, int]]]]


def write_html(folder: Path, file: Path, labels: "WithLabels | None" = None, *, draw: bool = False) -> Path:
    """Write the report of the run in ``folder`` to ``file``; a large run's samples go to a file beside it.

    Args:
        folder: of the run.
        file: the page.
        labels: what people say of some answers; by default those that the suite names.
        draw: whether to draw, and keep, the pictures of answers that labels contradict. It reads the run's suite and
            data, so that it is nothing for a record from elsewhere.

    Raises:
        UsageError: if the folder holds no readable run, or the labels do not go with it.
    """
    content = gather(folder, labels)
    if draw and content.labels.apart:
        from harness.engine.thumbnails import keep_also

        keep_also(folder, [key for key, mark in content.labels.marks.items() if mark.apart])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_render(content, embedded_or_beside(_answers(content), file)), encoding="utf-8")
    return file


def render_html(content: Content) -> str:
    """Return the report in one piece. Everything that a model or a dataset said is escaped."""
    return _render(content, embedded(_answers(content)))


def _answers(content: Content) -> dict[str, Any]:
    names = read_columns(content.source.column_names, content.record)
    make = partial(browser_data, content.folder, content.record, marks=content.labels.marks)
    return fitting(make, content.record, content.source, urgent=content.labels.samples, names=names)


def _render(content: Content, samples: Embedded) -> str:
    record = content.record
    sections, flips = _sections(content), _flips(content.folder)
    figures = [one for section in sections for one in (*section.figures, *section.further)]
    gates = gate_lanes(record) if record.gates else metric_lanes(content.headline[:_FIRST])
    return (
        page.environment()
        .get_template(_TEMPLATE)
        .render(
            content=content,
            record=record,
            title=numbers.title(record),
            badge=badge(content),
            lead=lead(content),
            gates=gates,
            legend=list(legend(gates)),
            where=weakest(content.slices, content.rows),
            labels=content.labels,
            by_labels=label_lanes(content.labels.found),
            about=about,
            contradicted=contradicted(content),
            shots=shots(content, flips),
            sections=sections,
            charts=page.as_json([one.chart.model_dump() for one in figures]),
            samples=samples.block,
            beside=samples.beside,
            failures=record.failures[:SHOWN],
            place=place,
            failed=failure_lines(record),
            flips=flips,
            glossary=glossary(record),
            reproduce=reproduce,
            lineage=lineage(record),
        )
    )


def _sections(content: Content) -> list[Section]:
    record, made, count = content.record, [], 0
    mark = " (simulated)" if content.simulated else ""
    for name, task in record.tasks.items():
        curves = [merged(task.curves, f"{name}{mark}, by {task.curves[0].x_label}")] if task.curves else []
        first, rest = _families(task.charts)
        if curves:
            first, rest = curves, [*task.charts]
        chosen = _chosen(record, name)
        figures = [_figure(one, chosen, count + i, len(first) == 1) for i, one in enumerate(first)]
        count += len(first)
        further = [_figure(_marked(one, mark), chosen, count + i, wide=False) for i, one in enumerate(rest)]
        count += len(rest)
        graded = any("severity" in cell.labels for cell in task.cells.values())
        pictures = _thumbnails(content.folder, name, record) if graded else {}
        rows = [row for row in content.rows if row.task == name]
        head = next((row for row in content.headline if row.task == name), rows[0] if rows else None)
        made.append(
            Section(
                name,
                task,
                head,
                [replace(one, chart=_marked(one.chart, "" if curves else mark)) for one in figures],
                further,
                slice_lanes([one for one in content.slices if one.task == name], rows),
                metric_lanes([row for row in rows if "[" not in row.metric], named=False),
                pivots(task.metrics),
                task.tables,
                heat_table(task),
                pictures,
            )
        )
    return made


def _figure(chart: ChartRecord, chosen: Collection[str], number: int, wide: bool) -> Figure:
    text = said(chart)
    small = chart_svg(chart, text, SMALL, chosen)
    return Figure(chart, chart_svg(chart, text, WIDE, chosen) if wide else small, small if wide else None, text, number)


def _marked(chart: ChartRecord, mark: str) -> ChartRecord:
    return chart.model_copy(update={"name": chart.name + mark})


def _families(charts: Sequence[ChartRecord]) -> tuple[list[ChartRecord], list[ChartRecord]]:
    """Return the charts that are of one family with the first (``ROC: digits``), and the others."""
    first = charts[0].name.partition(":")[0] if charts else ""
    family = [one for one in charts if one.name.partition(":")[0] == first][:_FIRST]
    return family, [one for one in charts if one not in family]


def _chosen(record: RunRecord, task: str) -> set[str]:
    """Return what the gates of a task name in brackets: the lines that matter in its charts."""
    gated = [gate.metric for gate in record.gates if gate.metric.startswith(f"{task}/")]
    return {name for metric in gated for name in metric.rpartition("[")[2].removesuffix("]").split(",")}


def _thumbnails(folder: Path, task: str, record: RunRecord) -> dict[str, list[tuple[int, str, tuple[int, int]]]]:
    """Return, by corruption, the first sample's image or filmstrip at each severity, as data URIs with their sizes."""
    found: dict[str, list[tuple[int, str, tuple[int, int]]]] = {}
    for cell, body in record.tasks[task].cells.items():
        file = folder / "artifacts" / task / f"{cell}.png"
        if file.is_file():
            uri = _data_uri(file)
            corruption, severity = str(body.labels.get("corruption", cell)), int(body.labels.get("severity", 0))
            with open_picture(file, file.name, formats=("PNG",)) as image:
                found.setdefault(corruption, []).append((severity, uri, image.size))
    clean = found.pop("none", [])
    return {corruption: sorted(clean + images) for corruption, images in found.items()}


def _flips(folder: Path) -> list[dict[str, Any]]:
    """Return the kept flips with their pictures as data URIs."""
    file = folder / "artifacts" / "flips.json"
    if not file.is_file():
        return []
    flips = json.loads(file.read_text(encoding="utf-8"))
    inside = (folder / "artifacts").resolve()
    for flip in flips:
        pictures = [folder / name for name in flip["pictures"]]
        flip["pictures"] = [_data_uri(p) for p in pictures if p.resolve().is_relative_to(inside) and p.is_file()]
    return list(flips)


def _data_uri(file: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode("ascii")
