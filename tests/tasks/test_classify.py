"""Classification by logits: the first classes, confidences, and declining; beside a model that does not look."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import harness
from harness.record import Run
from tests.tasks.seeing import NAMES, Eye, Sightless, pictures, resumed, run, verdict

SUITE = """\
suite: classes
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  colours: {kind: classify, dataset: rows, slices: [half]}
  blind: {kind: blind, of: colours, controls: [mismatched]}
gates:
  - {metric: colours/top_1, max_drop: 0.3}
  - {metric: "blind/top_1[mismatched]", max: 0.5, control: true}
  - {metric: colours/ece, max: 0.3}
"""


class Unsure(Eye):
    """Is right where it is sure, and takes blue for green, of which it is not."""

    def classify(self, images: Sequence[Image.Image]) -> np.ndarray:
        rows = super().classify(images) * 3
        rows[:, NAMES.index("blue")] = np.where(rows[:, NAMES.index("green")] > 0, 6.1, rows[:, NAMES.index("blue")])
        return rows


def values(made: Run) -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks["colours"].metrics.items()}


@pytest.fixture
def seen(tmp_path: Path) -> Run:
    pictures(tmp_path)
    return run(SUITE, Eye, tmp_path)


def test_a_model_that_sees_is_right_everywhere_and_its_softmax_is_its_confidence(seen: Run) -> None:
    found = values(seen)
    assert (found["top_1"], found["top_5"], found["macro_f1"], found["top_1[half=second]"]) == (1.0, 1.0, 1.0, 1.0)
    sure = 1 / (1 + 5 * np.exp(-4.0))
    assert found["ece"] == pytest.approx(1 - sure, abs=1e-6)
    assert (found["aurc"], found["selective_risk"]) == (0.0, 0.0)


def test_what_it_errs_is_declined_first_and_the_second_class_counts_among_five(seen: Run, tmp_path: Path) -> None:
    made = run(SUITE, Unsure, tmp_path)
    found = values(made)
    assert (found["top_1"], found["top_5"]) == (pytest.approx(5 / 6), 1.0)
    assert found["selective_risk"] == 0.0
    assert found["aurc"] is not None
    assert 0 < found["aurc"] < 1 / 6
    task = made.record.tasks["colours"]
    assert [chart.name for chart in task.charts] == ["reliability", "risk by coverage"]
    (table,) = task.tables
    assert {row[0]: (row[1], row[2], row[3]) for row in table.rows}["green"] == (4, 0.0, "blue")
    assert {row[0]: row[2] for row in table.rows}["red"] == 1.0


def test_a_planted_blindness_fails_the_gates_and_the_same_model_passes(seen: Run, tmp_path: Path) -> None:
    assert verdict(SUITE, Sightless, seen, tmp_path) == "fail"
    assert verdict(SUITE, Eye, seen, tmp_path) == "pass"


def test_stored_classes_are_scored_again_first_or_listed(seen: Run, tmp_path: Path) -> None:
    assert harness.score(seen, "exact_match")["colours/clean"].value == 1.0
    assert harness.score(run(SUITE, Unsure, tmp_path), "top_k_accuracy", k=2)["colours/clean"].value == 1.0


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path, monkeypatch) -> None:
    pictures(tmp_path)
    continued, whole = resumed(SUITE, tmp_path, monkeypatch)
    assert continued.record.tasks == whole.record.tasks


def test_an_adapter_without_names_of_classes_is_told_so(tmp_path: Path) -> None:
    class Nameless(Eye):
        classes = ()

    pictures(tmp_path, 3)
    made = run(SUITE.replace(", slices: [half]", ""), Nameless, tmp_path)
    errors = made.table().column("error").to_pylist()
    assert made.record.status == "failed"
    assert all("the adapter does not name its classes" in str(error) for error in errors)
