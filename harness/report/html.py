"""The report of a run as one HTML file that needs no network."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.images import open_picture
from harness.record.schema import ChartRecord, RunRecord, TableRecord, TaskRecord
from harness.report import numbers, page, reproduce
from harness.report.charts import merged, said
from harness.report.content import Content, gather
from harness.report.embed import Embedded, embedded, embedded_or_beside
from harness.report.failures import failure_lines
from harness.report.glossary import glossary
from harness.report.heat import HeatMap, heat_table
from harness.report.lineage import lineage
from harness.report.samples import browser_data
from harness.report.svg import chart_svg

if TYPE_CHECKING:
    from markupsafe import Markup

_TEMPLATE: Final = "run.html.j2"


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as the page shows it: a static picture, and data for the interactive one."""

    chart: ChartRecord
    picture: "Markup"
    text: str
    number: int
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Everything that one task has to show."""

    name: str
    task: TaskRecord
    figures: Sequence[Figure]
    tables: Sequence[TableRecord]
    heat: HeatMap | None
    thumbnails: Mapping[str, Sequence[tuple[int, str, tuple[int, int]]]]


def write_html(folder: Path, file: Path) -> Path:
    """Write the report of the run in ``folder`` to ``file``; a large run's samples go to a file beside it.

    Raises:
        UsageError: if the folder holds no readable run.
    """
    content = gather(folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    samples = embedded_or_beside(browser_data(folder, content.record, content.table), file)
    file.write_text(_render(content, samples), encoding="utf-8")
    return file


def render_html(content: Content) -> str:
    """Return the report in one piece. Everything that a model or a dataset said is escaped."""
    return _render(content, embedded(browser_data(content.folder, content.record, content.table)))


def _render(content: Content, samples: Embedded) -> str:
    record = content.record
    sections = _sections(content)
    charts = [figure.chart.model_dump() for section in sections for figure in section.figures]
    return (
        page.environment()
        .get_template(_TEMPLATE)
        .render(
            content=content,
            record=record,
            title=numbers.title(record),
            sections=sections,
            charts=page.as_json(charts),
            samples=samples.block,
            beside=samples.beside,
            failed=failure_lines(record),
            flips=_flips(content.folder),
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
        charts = [*curves, *(one.model_copy(update={"name": one.name + mark}) for one in task.charts)]
        figures = [
            Figure(chart, chart_svg(chart, said(chart)), said(chart), count + i, wide=i < len(curves))
            for i, chart in enumerate(charts)
        ]
        count += len(figures)
        graded = any("severity" in cell.labels for cell in task.cells.values())
        pictures = _thumbnails(content.folder, name, record) if graded else {}
        made.append(Section(name, task, figures, task.tables, heat_table(task), pictures))
    return made


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
