"""The first screen of a run's page answers "did it get worse, where, show me", whatever became of the run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import harness
from harness.comparison.controls import control
from harness.record import Run
from harness.record.schema import CellRecord, FailureRecord, GateRecord, MetricRecord, RunRecord
from harness.record.thumbnails import THUMBNAILS_FILE as FILE
from harness.report.content import Content, Row, gather
from harness.report.html import render_html, write_html
from harness.report.lanes import SHARES, gate_lanes, metric_lanes, weakest
from harness.report.lead import badge, lead
from harness.report.markdown import render_markdown
from harness.report.pivots import pivots

DROPPED = "0.975 → 0.825, n = 200: lower by 0.150, margin 0.02, adjusted p = 1e-06"


@pytest.fixture(scope="module")
def content(small_run: Path) -> Content:
    return gather(small_run)


@pytest.fixture
def having(content: Content) -> Callable[..., Content]:
    return lambda **keys: replace(content, record=content.record.model_copy(update=keys))


def gate(
    verdict: str, rule: str = "≥ 0.9", reason: str = "0.950 [0.911, 0.983], n = 60", metric: str = "m"
) -> GateRecord:
    return GateRecord(metric=f"qa/{metric}", rule=rule, verdict=verdict, reason=reason)  # type: ignore[arg-type]


WAITS = gate("no baseline", "drop ≤ 0.02", "needs a run to compare with")


@pytest.mark.parametrize(
    ("gates", "way", "word", "told"),
    [
        ([gate("pass"), gate("fail", "drop ≤ 0.02", DROPPED)], "bad", "It got worse.", "qa/m: 0.975 → 0.825, n = 200"),
        ([gate("fail"), gate("fail")], "bad", "A gate fails.", "asked for is at least 0.9. 1 more gate fails."),
        ([gate("inconclusive"), gate("pass")], "open", "Not decided.", "0.950 [0.911, 0.983]"),
        ([gate("pass")], "good", "The gate passes.", "qa/m is 0.950"),
        ([gate("pass"), gate("pass"), WAITS], "good", "Both gates that could be judged pass.", "1 gate without a base"),
        ([WAITS], "open", "Not judged.", "1 gate without a baseline."),
        ([], "open", "No gates.", "qa/"),
    ],
)
def test_the_lead_says_what_the_gates_say(having, gates: list[GateRecord], way: str, word: str, told: str) -> None:
    said = lead(having(gates=gates))
    assert (said.way, said.word) == (way, word)
    assert told in said.told
    assert ("harness compare" in said.command) == (way in ("open", "good") and (not gates or WAITS in gates))


def test_the_lead_of_a_run_without_answers_says_why_and_how_to_ask_again(having) -> None:
    first = {"task": "qa", "cell": "clean", "sample_id": "1"}
    why = FailureRecord(
        said="no route to host",
        pattern="",
        stage="answer",
        status="error",
        count=40,
        first=first,
        where={"qa/clean": 40},
    )
    bad = having(status="failed", responses={"error": 40}, failures=[why], gates=[])
    said = lead(bad)
    assert (said.word, said.told) == ("No request was answered.", "40 of 40: no route to host")
    assert said.command.endswith("--failed")
    assert badge(bad) == ("bad", "run failed")
    html = render_html(bad)
    assert "40×" in html
    assert 'id="first"' not in html
    stopped = lead(having(status="interrupted", responses={"ok": 3, "missing": 37}, gates=[]))
    assert (stopped.word, stopped.way) == ("Stopped.", "open")
    assert "3 of 40" in stopped.told


def metric(
    value: float | None, low: float | None = None, high: float | None = None, unit: str = "share"
) -> MetricRecord:
    return MetricRecord(
        value=value, low=low, high=high, n=60, total=60, coverage=1.0, direction="higher", unit=unit,
        statuses={"ok": 60}, method="Wilson", confidence=0.95,
    )  # fmt: skip


def with_metric(record: RunRecord, name: str, value: MetricRecord, **keys: object) -> RunRecord:
    task = record.tasks["qa"].model_copy(update={"metrics": {name: value}, **keys})
    return record.model_copy(update={"tasks": {"qa": task}})


@pytest.mark.parametrize(
    ("rule", "reason", "line", "side", "ghost"),
    [
        ("≥ 0.92", "x", 92.0, (0.0, 92.0), None),
        ("≤ 0.1", "x", 10.0, (10.0, 90.0), None),
        ("drop ≤ 0.02", DROPPED, 95.5, (0.0, 95.5), 97.5),
        ("increase ≤ 0.02", "0.100 → 0.300, n = 60: higher by", 12.0, (12.0, 88.0), 10.0),
        ("drop ≤ 0.02", "needs a run to compare with", None, None, None),
    ],
)
def test_a_gates_line_lies_where_it_fails(content: Content, rule, reason, line, side, ghost) -> None:
    record = with_metric(content.record, "m", metric(0.825, 0.766, 0.871))
    (row,) = gate_lanes(record.model_copy(update={"gates": [gate("fail", rule, reason)]})).rows
    assert (row.line, row.wrong_side, row.ghost) == (line, side, ghost)
    assert (row.dot, row.whisker, row.axis) == (82.5, (76.6, 10.5), SHARES)


def test_what_fails_stands_first_and_a_passing_interval_that_crosses_the_line_is_said(content: Content) -> None:
    record = with_metric(content.record, "m", metric(0.06, 0.041, 0.088))
    gates = [gate("pass", "≤ 0.08"), WAITS, gate("fail", "≤ 0.01")]
    rows = gate_lanes(record.model_copy(update={"gates": gates})).rows
    assert [row.glyph for row in rows] == ["✕", "○", "✓"]
    assert "the interval crosses the line" in rows[-1].note
    assert rows[0].said.endswith("at most 0.01: fail")


def test_another_unit_has_a_scale_of_its_own_and_an_undefined_value_no_dot() -> None:
    delay, none = metric_lanes(
        [Row("t", "delay[ewma]", metric(2.0, 1.0, 4.0, "batches")), Row("t", "m", metric(None))]
    ).rows
    assert "batches, own scale" in delay.note
    assert delay.dot == pytest.approx(46.3, abs=0.1)
    assert (none.value, none.dot, none.ends) == ("–", None, "undefined")


def test_a_control_that_must_stay_low_is_nowhere_said_to_be_better_when_higher(content: Content) -> None:
    suite = content.record.suite
    held = {**suite.content, "gates": [{"metric": "qa/m", "max": 0.1, "control": True}]}
    record = with_metric(content.record, "m", metric(0.05)).model_copy(
        update={"suite": suite.model_copy(update={"content": held})}
    )
    assert control(record, "qa", "m")
    rows = (Row("qa", "m", metric(0.05), control=True),)
    low = replace(content, record=record, rows=rows, slices=())
    html, text = render_html(low), render_markdown(low)
    assert "↑" not in html.partition('id="glossary"')[0]
    assert "a control: low is right" in html
    (line,) = (line for line in text.splitlines() if "qa/m" in line and "0.05" in line)
    assert "↓" in line


def test_what_a_control_of_a_task_scores_must_stay_low_and_the_gap_to_it_high(content: Content) -> None:
    cell = CellRecord(labels={}, metrics={"accuracy": metric(0.1)})
    config = {"controls": ["blank"]}
    record = with_metric(content.record, "accuracy[blank]", metric(0.1), config=config, cells={"blank": cell})
    assert control(record, "qa", "accuracy[blank]")
    record = with_metric(content.record, "gap[blank]", metric(0.8), config=config, cells={"blank": cell})
    assert not control(record, "qa", "gap[blank]")


def test_names_in_brackets_become_rows_and_columns() -> None:
    found = pivots(
        {
            "fpr": metric(0.1),
            "auroc[knn,digits]": metric(0.9),
            "auroc[cosine,digits]": metric(0.8),
            "auroc[knn,photos]": metric(None),
            "delay[a]": metric(2.0, unit="batches"),
            "misses[a]": metric(0.1),
            "delay[b]": metric(3.0, unit="batches"),
            "misses[b]": metric(0.2),
        }
    )
    by_name, by_two = found
    assert by_name.columns == ("a", "b")
    assert [row[0] for row in by_name.rows] == ["delay", "misses"]
    assert by_name.rows[0][1][1][0] == "3"
    assert by_name.heat is None
    assert by_two.columns == ("digits", "photos")
    assert [field[0] for field in by_two.rows[0][1]] == ["0.900", "–"]
    assert by_two.rows[1][1][1] == ("", "")
    assert by_two.heat is not None


def test_the_weakest_slices_are_those_furthest_below_all_samples(content: Content) -> None:
    found = weakest(content.slices, content.rows)
    assert 0 < len(found.rows) <= 7
    assert all(row.dot is not None and row.ghost is not None and row.dot < row.ghost for row in found.rows)


SUITE = """\
suite: shown
version: 1
datasets: {charts: {type: charts, limit: 40}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
gates: [{metric: qa/relaxed_accuracy, min: 0.5}]
"""
_LOWER = "return arguments[0].map(s => document.querySelector(s).getBoundingClientRect().bottom)"


def test_wrong_answers_have_their_pictures_unasked_and_all_three_answers_stand_on_the_first_screen(
    write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, show, audit, picture
) -> None:
    monkeypatch.chdir(tmp_path)
    write("shown.yaml", SUITE)
    run = harness.run("shown.yaml", "mock", out=tmp_path / "runs")
    table = Run(run.folder).table()
    wrong = {row["sample_id"] for row in table.to_pylist() if row["score.relaxed_accuracy"] == 0}
    assert set(pq.read_table(run.folder / FILE)["sample_id"].to_pylist()) == wrong != set()
    browser = show((run.folder / "report.html").as_uri(), width=1280)
    seen = browser.execute_script(_LOWER, [".lead", ".panel:has(#gates)", ".panel:has(#where)", ".shot img"])
    assert seen == sorted(seen) or seen[1] >= seen[2]
    assert max(seen) <= 900
    assert browser.execute_script("return document.querySelector('.shot img').naturalWidth") == 140
    assert audit(browser) == []
    assert browser.get_log("browser") == []
    picture(browser, "first-screen")


def test_pictures_that_cannot_be_drawn_are_no_error(small_run: Path, tmp_path: Path) -> None:
    html = write_html(small_run, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "no pictures kept" in html or "image under" in html
