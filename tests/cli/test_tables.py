"""Tables on the terminal."""

import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli._errors import render
from harness.cli._tables import WHOLE, Choice, print_runs
from harness.errors import Mark, Problem
from harness.record import RunRecord, read_run
from harness.record.schema import GateRecord
from harness.report.overview import render_overview

LONG = f"qa/auroc_near[{'k' * 30}]"


def printed(records: Sequence[RunRecord], width: int, choice: Choice = WHOLE) -> str:
    out = StringIO()
    print_runs(Console(file=out, width=width, soft_wrap=True, color_system=None), records, choice)
    return out.getvalue()


@pytest.mark.parametrize("width", [20, 60, 200])
def test_a_narrow_terminal_loses_no_number_no_direction_and_no_count(small_run: Path, width: int) -> None:
    record = read_run(small_run)
    text = printed([record, record], width)
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("qa/relaxed_accuracy"))
    line = " ".join(lines[start : start + 2])
    metric = record.tasks["qa"].metrics["relaxed_accuracy"]
    assert "↑" in line
    assert line.count(f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]") >= 2
    assert len(re.findall(r"\b20\b", line)) >= 2
    assert not set("…│┃━─") & set(text)


@pytest.fixture
def families(small_run: Path) -> RunRecord:
    """A run with numbers of detectors and of sets, a control, and two gates."""
    record = read_run(small_run)
    task = record.tasks["qa"]
    metric = task.metrics["relaxed_accuracy"]
    names = [f"{base}[{detector}]" for base in ("auroc_near", "fpr") for detector in ("knn", "cosine")]
    names += [f"auroc[{detector},set-{i:02}]" for detector in ("knn", "cosine") for i in range(12)]
    body = task.model_copy(update={"metrics": {**task.metrics, **dict.fromkeys(names, metric)}, "primary": names[0]})
    content = record.suite.content | {"gates": [{"metric": "qa/relaxed_accuracy", "max": 0.1, "control": True}]}
    suite = record.suite.model_copy(update={"content": content})
    reason = "0.000 [0.000, 0.133], n = 25: a sentence that does not fit beside its rule"
    gates = [GateRecord(metric=LONG, rule=rule, verdict="inconclusive", reason=reason)
             for rule in ("≥ 0.92", "drop ≤ 0.02")]  # fmt: skip
    return record.model_copy(update={"tasks": {"qa": body}, "suite": suite, "gates": gates})


def test_names_in_brackets_are_tables_that_fit_eighty_columns(families: RunRecord) -> None:
    text = printed([families], 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "auroc_near[" not in text.partition("gates:")[0]
    assert re.search(r"^knn +\d\.\d{3} \[.*\]$", text, re.MULTILINE)
    assert text.count("set-") == 12
    assert "not shown: fpr; harness show --all" in text
    assert "fpr" in printed([families], 80, Choice(everything=True)).replace("not shown: fpr", "")


def test_a_gate_stands_under_its_metric_once_where_it_does_not_fit(families: RunRecord) -> None:
    lines = printed([families], 80).partition("gates:")[2].splitlines()
    assert sum(line == LONG for line in lines) == 1
    assert sum(line.strip().startswith(("≥ 0.92", "drop ≤ 0.02")) for line in lines) == 2


def test_a_control_is_shown_with_its_ceiling_and_not_as_better_when_higher(families: RunRecord) -> None:
    (line,) = (line for line in printed([families], 200).splitlines() if line.startswith("qa/relaxed_accuracy"))
    assert "≤ 0.1" in line
    assert "↑" not in line


def test_numbers_are_chosen_by_name_and_sorted_by_what_is_worst(families: RunRecord) -> None:
    text = printed([families], 200, Choice(pattern="qa/auroc[*,set-0?]", order="name"))
    names = [line.partition(" ")[0] for line in text.splitlines() if line.startswith("qa/")]
    assert names == sorted(names)
    assert len(names) == 20
    assert "no number is called nowhere" in printed([families], 80, Choice(pattern="nowhere"))
    metrics = families.tasks["qa"].metrics
    low = metrics["relaxed_accuracy"].model_copy(update={"value": -1.0})
    task = families.tasks["qa"].model_copy(update={"metrics": {**metrics, "zero": low}})
    worst = printed([families.model_copy(update={"tasks": {"qa": task}})], 200, Choice(order="value"))
    assert next(line for line in worst.splitlines() if line.startswith("qa/")).startswith("qa/zero")


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
