"""Charts of any task: whatever the data, the picture is well-formed, inert and says the same in words."""

import json
import math
import re
import shutil
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from harness.record.folder import RUN_FILE
from harness.record.schema import ChartRecord, LineRecord, MarkRecord
from harness.report.charts import said
from harness.report.content import gather
from harness.report.glossary import glossary
from harness.report.html import render_html, write_html
from harness.report.svg import chart_svg
from tests.edited import put

NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)
VALUES = st.one_of(st.none(), NUMBERS)
HOSTILE = "</text></svg><script>owned()</script>\"'&"


@st.composite
def lines(draw: st.DrawFn) -> LineRecord:
    n = draw(st.integers(0, 8))
    column = st.lists(VALUES, min_size=n, max_size=n)
    x = draw(st.lists(NUMBERS, min_size=n, max_size=n))
    band = draw(st.booleans())
    style = draw(st.sampled_from(["line", "step", "points", "bars"]))
    low, high = (draw(column), draw(column)) if band else ([], [])
    return LineRecord(name=draw(st.text(max_size=8)), x=x, y=draw(column), low=low, high=high, style=style)


@st.composite
def charts(draw: st.DrawFn) -> ChartRecord:
    scales = st.sampled_from(["linear", "log"])
    marks = st.builds(MarkRecord, label=st.text(max_size=8), x=VALUES, y=VALUES)
    return ChartRecord(
        name=draw(st.text(max_size=8)), x_label=HOSTILE, y_label="y",
        lines=draw(st.lists(lines(), max_size=4)), marks=draw(st.lists(marks, max_size=3)),
        x_scale=draw(scales), y_scale=draw(scales),
    )  # fmt: skip


NEIGHBOURS = ChartRecord(
    name="", x_label="x", y_label="y", lines=[LineRecord(name="", x=[0.0, 1.0], y=[999999999.9999999, 1e9])],
    marks=[], x_scale="linear", y_scale="log",
)  # fmt: skip


SMALLEST = ChartRecord(
    name="", x_label="x", y_label="y", lines=[LineRecord(name="", x=[0.0, 1.0], y=[0.0, 5e-324])]
)  # fmt: skip


@given(charts())
@example(NEIGHBOURS)
@example(SMALLEST)
def test_any_chart_becomes_one_well_formed_picture_within_its_frame(chart: ChartRecord) -> None:
    svg = str(chart_svg(chart, said(chart)))
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", svg)
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert "<script" not in svg
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    assert 0 < width < 1000
    assert 0 < height < 1000
    for path in root.iter("path"):
        for number in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", path.attrib["d"]):
            assert math.isfinite(float(number))
            assert -60 <= float(number) <= 1000


def test_the_words_give_few_values_in_full_and_many_as_a_range() -> None:
    few = LineRecord(name="few", x=[0, 1], y=[0.25, None])
    many = LineRecord(name="many", x=[float(i) for i in range(50)], y=[i / 10 for i in range(50)])
    chart = ChartRecord(name="c", x_label="x", y_label="y", lines=[few, many], marks=[MarkRecord(label="onset", x=3)])
    assert said(chart) == "c: y by x. few: 0.25, undefined; many: 50 points from 0 to 4.9; marked: onset"


_INKED = """
    return [...document.querySelectorAll('figure[data-chart] canvas')].map(canvas => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let coloured = 0;
        for (let i = 0; i < data.length; i += 4) {
            const rgb = data.slice(i, i + 3);
            coloured += data[i + 3] > 0 && Math.max(...rgb) - Math.min(...rgb) > 60;
        }
        return coloured;
    })"""


def extended(small_run: Path, folder: Path) -> Path:
    """A run whose sweep also brought charts and a table of its own, as a new kind of task would."""
    shutil.copytree(small_run, folder)
    record = json.loads((folder / RUN_FILE).read_text())
    roc = ChartRecord(
        name="ROC", x_label="false positive rate", y_label="true positive rate", note="Positive: OOD.",
        lines=[LineRecord(name="detector", x=[0, 0, 0.1, 0.1, 1], y=[0, 0.5, 0.5, 0.9, 1], style="step"),
               LineRecord(name="chance", x=[0, 1], y=[0, 1])],
        marks=[MarkRecord(label="operating point", x=0.1, y=0.9)],
    )  # fmt: skip
    delay = ChartRecord(
        name="Delay", x_label="false alarms", y_label="delay", x_scale="log", y_scale="log",
        lines=[LineRecord(name="cusum", x=[0.001, 0.01, 0.1], y=[100, 10, 1], low=[80, 8, 0.5], high=[120, 12, 2],
                          style="points"),
               LineRecord(name="counts", x=[0.001, 0.01, 0.1], y=[3, None, 5], style="bars")],
        marks=[MarkRecord(label="limit", y=10), MarkRecord(label="onset", x=0.01)],
    )  # fmt: skip
    rows = [["pass", 3], ["<b>flag</b>", None], ["0.5 [0.4, 0.6]", 1]]
    table = {"name": "Tiers", "columns": ["tier", "n"], "rows": rows, "note": "n: rows"}
    record["tasks"]["sweep"] |= {"charts": [roc.model_dump(), delay.model_dump()], "tables": [table], "kind": "novel"}
    put(folder, record)
    return folder


def test_labels_of_marks_that_lie_together_do_not_cover_each_other() -> None:
    marks = [MarkRecord(label=f"detector {i}: calibrated", x=0.01 * i, y=0.02 * i) for i in range(5)]
    marks += [MarkRecord(label="worse", x=0.9), MarkRecord(label="other questions", x=0.91)]
    line = LineRecord(name="chance", x=[0, 1], y=[0, 1])
    picture = chart_svg(ChartRecord(name="ROC", x_label="x", y_label="y", lines=[line], marks=marks), "ROC")
    labels = re.findall(r'<text x="[^"]+" y="([^"]+)" text-anchor="(?:start|end)">([^<]*[a-z]{4}[^<]*)<', picture)
    assert [name for _, name in labels] == [mark.label for mark in marks]
    for some in (labels[:5], labels[5:]):
        lines = sorted(float(y) for y, _ in some)
        assert all(below - above >= 11.9 for above, below in pairwise(lines))
        assert all(0 < at < 300 for at in lines)


def test_charts_and_tables_of_an_unknown_kind_of_task_are_shown_without_an_edit(
    small_run: Path, tmp_path: Path
) -> None:
    html = render_html(gather(extended(small_run, tmp_path / "run")))
    assert "<strong>ROC (simulated)</strong>" in html
    assert "Positive: OOD." in html
    assert "<caption>Tiers (simulated)</caption>" in html
    assert "&lt;b&gt;flag&lt;/b&gt;" in html
    assert '<td class="text">0.5 [0.4,\N{NO-BREAK SPACE}0.6]</td>' in html
    assert html.count("<figure data-chart=") == 3


def test_steps_with_one_x_twice_logarithms_gaps_and_bars_draw_in_a_browser(
    small_run: Path, tmp_path: Path, show, audit, picture
) -> None:
    page = write_html(extended(small_run, tmp_path / "run"), tmp_path / "report.html")
    browser = show(page.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    for number in range(3):
        browser.execute_script(f"document.querySelector('[data-chart=\"{number}\"] button.zoom').click()")
        browser.execute_async_script("setTimeout(arguments[0], 150)")
    picture(browser, "charts")
    inked = browser.execute_script(_INKED)
    assert len(inked) == 3
    assert all(count > 100 for count in inked)
    assert browser.get_log("browser") == []
    assert audit(browser) == []


def test_the_glossary_explains_every_metric_on_the_page(small_run: Path) -> None:
    record = gather(small_run).record
    terms = {term.name: term for term in glossary(record)}
    shown = {name.partition("[")[0] for task in record.tasks.values() for name in task.metrics}
    assert set(terms) == shown
    assert all(len(term.definition) > 10 and term.direction in ("higher", "lower") for term in terms.values())
    assert "within tolerance" in terms["relaxed_accuracy"].definition
    assert terms["relaxed_accuracy"].source
    assert "clean" in terms["retained_accuracy"].definition
