"""What a run spends is told, and a budget ends a command, not the run."""

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.record import Run, read_run
from harness.record.spent import spent

SUITE = """\
suite: dear
version: 1
engine: {{budget: {budget}}}
datasets: {{charts: {{type: charts, limit: 60}}}}
tasks: {{qa: {{kind: qa, dataset: charts, metrics: [relaxed_accuracy]}}}}
"""


def test_a_budget_of_tokens_ends_commands_until_the_run_is_whole(run_here, write, tmp_path: Path) -> None:
    suite, out = write("dear.yaml", SUITE.format(budget="{tokens: 600}")), tmp_path / "runs"
    first = run_here("run", suite, "-a", "onnx-int8", "-o", out, "-b", 4, "--no-report", "-q")
    assert first.code == 4
    assert "the budget of 600 tokens is spent" in first.out
    (folder,) = out.iterdir()
    told = read_run(folder)
    assert told.spent is not None
    assert told.spent.tokens_in + told.spent.tokens_out >= 600
    assert told.responses["ok"] < 60
    for _ in range(10):
        if run_here("resume", folder, "--no-report", "-q").code == 0:
            break
    whole = Run(folder)
    assert (whole.record.status, whole.record.responses) == ("complete", {"ok": 60})
    table = whole.table()
    assert whole.record.spent == spent({}, *(sum(table[name].to_pylist()) for name in (
        "tokens_in", "image_tokens", "tokens_out")), 60)  # fmt: skip
    assert "tokens read" in run_here("show", folder).out


def test_a_budget_of_images_ends_a_command_and_is_foretold(run_here, write, tmp_path: Path) -> None:
    suite, out = write("dear.yaml", SUITE.format(budget="{images: 20}")), tmp_path / "runs"
    first = run_here("run", suite, "-a", "onnx-int8", "-o", out, "-b", 4, "--no-report", "-q")
    assert (first.code, "the budget of 20 images is spent" in first.out) == (4, True)
    (folder,) = out.iterdir()
    assert 20 <= read_run(folder).responses["ok"] < 60  # what is under way ends
    told = run_here("run", suite, "-a", "onnx-int8", "--dry-run")
    assert "that is more than the budget of 20 images: 60" in told.out + told.err


def test_a_budget_of_money_needs_prices(bind, run_here, write, tmp_path: Path) -> None:
    suite = write("dear.yaml", SUITE.format(budget="{cost: 1.5}"))
    done = run_here("run", suite, "-a", "onnx-int8", "-o", tmp_path / "runs")
    assert (done.code, "has none: give its file `prices:" in done.err) == (2, True)
    with pytest.raises(UsageError, match="cost"):
        bind(SUITE.format(budget="{}"))


JUDGED = """\
suite: judged
version: 1
engine: {{budget: {{tokens: {tokens}}}}}
datasets: {{charts: {{type: charts, limit: 12, questions: [value_by_letter]}}}}
tasks:
  qa: {{kind: qa, dataset: charts, metrics: [relaxed_accuracy]}}
  judged: {{kind: judge, of: qa, judge: dear.yaml, known: {{limit: 12}}}}
"""


def test_what_a_judge_takes_is_told_counts_in_the_budget_and_is_kept_over_sessions(run_here, write, tmp_path) -> None:
    write("dear.yaml", "{adapter: dear, type: mock, error_rate: 0}")
    out = tmp_path / "runs"
    known = ("-a", "mock", "-b", 4, "--no-report", "-q")
    assert run_here("run", write("rich.yaml", JUDGED.format(tokens=100_000)), *known, "-o", out / "rich").code == 0
    (rich,) = (out / "rich").iterdir()
    took = read_run(rich).spent_by["judged/judge"]
    assert took.asked == 60
    assert took.tokens_in > 600
    poor = write("poor.yaml", JUDGED.format(tokens=400))
    first = run_here("run", poor, *known, "-o", out / "poor")
    assert (first.code, "the budget of 400 tokens is spent" in first.out) == (4, True)
    (folder,) = (out / "poor").iterdir()
    for _ in range(20):
        if run_here("resume", folder, "--no-report", "-q").code == 0:
            break
    assert read_run(folder).spent_by == read_run(rich).spent_by
    assert "spent by judged/judge: " in run_here("show", folder).out
    for shard in ("1/2", "2/2"):
        run_here("run", out.parent / "rich.yaml", *known, "-o", out / "parts", "--shard", shard)
    assert run_here("merge", *(out / "parts").iterdir(), "-o", out / "whole").code == 0
    (whole,) = (out / "whole").iterdir()
    assert read_run(whole).spent_by == read_run(rich).spent_by
