"""The blind controls: what the model is shown instead, and what the gap says."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import SpecError
from harness.record import Run
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.types import Request, Response
from tests.doubles import Double

QA = "  qa: {kind: qa, dataset: d, metrics: [exact_match]}\n"
BLIND = QA + "  blind: {kind: blind, of: qa}\n"
CHARTS = """\
suite: s
version: 1
datasets: {charts: {type: charts, limit: 12, questions_per_chart: 2}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [exact_match]}
  blind: {kind: blind, of: qa}
"""


def answers(run: Run, cell: str) -> dict[str, str]:
    rows = run.table().to_pylist()
    return {row["sample_id"]: row["response"] for row in rows if row["task"] == "blind" and row["cell"] == cell}


def test_a_model_that_looks_loses_everything_with_its_image(run_levels: Callable[..., Run]) -> None:
    run = run_levels(BLIND)
    task = run.record.tasks["blind"]
    for control in ("blank", "mismatched", "no_image"):
        gap = task.metrics[f"blind_gap[{control}]"]
        assert (gap.value, gap.n) == (1.0, 6)
        assert task.metrics[f"exact_match[{control}]"].value == 0.0
    assert task.metrics["exact_match[clean]"].value == 1.0
    assert set(answers(run, "blank").values()) == {"128"}
    assert set(answers(run, "no_image").values()) == {"nothing"}
    assert [one.text for one in task.findings] == [
        "this model answers 0% [0%, 39%] without looking (no_image), and 100% with the image"
    ]


def test_a_mismatched_image_is_another_samples_and_does_not_depend_on_the_limit(run_levels: Callable[..., Run]) -> None:
    whole, part = (answers(run_levels(BLIND, limit=limit), "mismatched") for limit in (None, 3))
    assert all(int(identity[1:]) != int(seen) for identity, seen in whole.items())
    assert all(int(seen) in range(10, 70, 10) for seen in whole.values())
    assert part.items() <= whole.items()
    assert len(set(whole.values())) > 1


def test_questions_about_one_image_never_get_each_others_and_share_a_cluster(run_levels, levels) -> None:
    rows = [f'{{"id": "{i}", "image": "{10 * (i // 2 + 1)}.png", "question": "q", "answer": "a"}}' for i in range(8)]
    (levels / "pairs.jsonl").write_text("\n".join(rows))
    tasks = BLIND.replace("dataset: d", "dataset: pairs")
    run = run_levels(tasks, "  pairs: {type: jsonl, path: pairs.jsonl}\n")
    for identity, seen in answers(run, "mismatched").items():
        assert int(seen) != 10 * (int(identity) // 2 + 1)
    assert run.record.tasks["blind"].metrics["blind_gap[mismatched]"].method != "t"


def test_where_the_images_do_not_matter_a_finding_says_so(run_levels: Callable[..., Run], levels) -> None:
    (levels / "d2.jsonl").write_text(
        "\n".join(f'{{"image": "{i}.png", "question": "q", "answer": "x"}}' for i in (10, 20))
    )
    run = run_levels(BLIND.replace("dataset: d", "dataset: d2"), "  d2: {type: jsonl, path: d2.jsonl}\n")
    (first, *_) = run.record.tasks["blind"].findings
    assert first.level == "warning"
    assert "may not matter" in first.text


def test_a_crash_without_the_image_is_no_proof_of_looking(bind: Callable[[str], Suite], levels: Path) -> None:
    class Needs(Double):
        """Says the same whatever image it gets, and cannot do without one."""

        def generate(self, requests: Sequence[Request]) -> list[Response]:
            return [Response("10" if request.images[0] else "") for request in requests]

    suite = bind(
        "suite: s\nversion: 1\ndatasets: {d: {type: jsonl, path: levels.jsonl}}\n"
        f"tasks:\n{BLIND}gates: [{{metric: 'blind/blind_gap[no_image]', min: 0.0}}]\n"
    )
    _, record = run_suite(suite, Needs.choice(levels), RunOptions(out=levels / "runs"), Silent())
    task = record.tasks["blind"]
    gap = task.metrics["blind_gap[no_image]"]
    assert (gap.value, gap.n, gap.statuses) == (None, 0, {"error": 6})
    assert any("6 of 6 questions were never answered blind" in finding.text for finding in task.findings)
    assert (record.status, record.gates) == ("failed", [])
    same = task.metrics["blind_gap[mismatched]"]
    assert (same.value, same.n) == (0.0, 6)
    assert same.low is not None
    assert same.low < 0, "six equal differences claim no certainty"


def test_charts_draw_their_own_controls(bind: Callable[[str], Suite]) -> None:
    task = bind(CHARTS).tasks["blind"]
    cells = {cell.id: cell for cell in task.cells()}
    drawn = {
        name: [np.asarray(task.requests(cell, sample, oracle=False)[0].images[0]) for sample in task.samples(cell)]
        for name, cell in cells.items()
        if name != "no_image"
    }
    for clean, blank, wrong in zip(drawn["clean"], drawn["blank"], drawn["mismatched"], strict=True):
        assert clean.shape == blank.shape == wrong.shape
        assert len(np.unique(blank.reshape(-1, 3), axis=0)) == 1
        assert (clean != wrong).any()
    assert all(not task.requests(cells["no_image"], s, oracle=False)[0].images for s in task.samples(cells["no_image"]))


def test_all_metrics_that_a_gate_may_name_are_there(run_levels: Callable[..., Run], bind) -> None:
    record = run_levels(BLIND).record.tasks["blind"]
    assert set(record.metrics) == {f"blind_gap[{c}]" for c in ("blank", "mismatched", "no_image")} | {
        f"exact_match[{c}]" for c in ("clean", "blank", "mismatched", "no_image")
    }
    assert set(record.metrics) == {one.name for one in bind(CHARTS).tasks["blind"].statistics()}


def test_the_simulated_adapter_is_told_that_it_cannot_see(bind: Callable[[str], Suite]) -> None:
    task = bind(CHARTS).tasks["blind"]
    cell = task.cells()[1]
    request = task.requests(cell, next(iter(task.samples(cell))), oracle=True)[0]
    assert request.oracle is not None
    assert request.oracle.severity == 5
    assert read_adapter("mock").simulated


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("of: qa", "of: qb"), "does not stand before this one"),
        (("of: qa", "of: qa, metric: mape"), "has no metric 'mape'"),
        (("metrics: [exact_match]", "metrics: [mape]"), "needs a metric from 0 to 1"),
        (("of: qa", "of: qa, controls: [dark]"), "controls"),
    ],
)
def test_what_cannot_be_compared_is_refused_at_its_line(bind, change: tuple[str, str], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        bind(CHARTS.replace(*change))


def test_a_task_without_images_has_nothing_to_be_blind_to(bind, write) -> None:
    write("text.jsonl", '{"question": "q", "answer": "a"}\n')
    with pytest.raises(SpecError, match="has an image to take away"):
        bind(CHARTS.replace("{type: charts, limit: 12, questions_per_chart: 2}", "{type: jsonl, path: text.jsonl}"))


def test_a_single_image_has_no_other_to_be_swapped_with(run_levels: Callable[..., Run], levels) -> None:
    (levels / "one.jsonl").write_text('{"image": "10.png", "question": "level", "answer": "10"}')
    run = run_levels(BLIND.replace("dataset: d", "dataset: one"), "  one: {type: jsonl, path: one.jsonl}\n")
    errors = [row["error"] for row in run.table().to_pylist() if row["cell"] == "mismatched"]
    assert errors == ["there is no other image to show instead"]
