"""Tables on the terminal."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli._errors import render
from harness.cli._tables import print_runs
from harness.errors import Mark, Problem
from harness.record import read_run
from harness.report.overview import render_overview


@pytest.mark.parametrize("width", [20, 60, 200])
def test_a_narrow_terminal_loses_no_number_no_direction_and_no_count(small_run: Path, width: int) -> None:
    out = StringIO()
    record = read_run(small_run)
    print_runs(Console(file=out, force_terminal=True, width=width, soft_wrap=True, color_system=None), [record, record])
    text = out.getvalue()
    assert "…" not in text
    (line,) = (line for line in text.splitlines() if "qa/relaxed_accuracy" in line and "↑" in line)
    metric = record.tasks["qa"].metrics["relaxed_accuracy"]
    assert line.count(f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]") == 2
    assert line.count(" 20 ") == 2


def test_the_arrow_is_that_of_a_run_that_has_a_value(small_run: Path) -> None:
    out = StringIO()
    record = read_run(small_run)
    task = record.tasks["qa"]
    gone = {"value": None, "low": None, "high": None, "direction": "lower"}
    undefined = task.metrics["relaxed_accuracy"].model_copy(update=gone)
    other = task.model_copy(update={"metrics": {**task.metrics, "relaxed_accuracy": undefined}})
    broken = record.model_copy(update={"tasks": {**record.tasks, "qa": other}})
    print_runs(Console(file=out, width=400), [broken, record])
    (line,) = (line for line in out.getvalue().splitlines() if "qa/relaxed_accuracy" in line and "undefined" in line)
    assert "↑" in line
    row = render_overview([broken, record]).partition("<code>qa/relaxed_accuracy</code>")[2]
    assert row.partition("</tr>")[0].count("↑ ") == 1


@pytest.mark.parametrize("column", [1, 80, 500])
def test_the_caret_stands_under_the_place_even_far_to_the_right(write, column: int) -> None:
    file = write("suite.yaml", "x" * (column - 1) + "!" + "x" * 600)
    _, line, pointer = render(Problem(Mark(file, 1, column), "wrong")).splitlines()
    assert line[pointer.index("^")] == "!"
    assert len(line) < 200
