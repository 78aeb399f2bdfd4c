"""Labelled boxes over a list of classes: perfect detectors, those broken in one way, and pictures without objects."""

import json
from pathlib import Path

import pytest

import harness
from harness.errors import SpecError
from harness.record import Run
from tests.doubles import Double
from tests.tasks.finders import Confused, Detector, Everywhere, OffDetector, PerMilleDetector
from tests.tasks.seeing import run as asked
from tests.tasks.seeing import verdict

SUITE = """\
suite: detecting
version: 1
datasets: {shapes: {type: shapes, limit: 14, names: color, empty: 0.2}}
tasks:
  shapes: {kind: detect, dataset: shapes}
gates:
  - {metric: shapes/map, max_drop: 0.1}
  - {metric: "shapes/no_target_accuracy[blank]", max_drop: 0.1}
"""


def run(model: type[Double], folder: Path, suite: str = SUITE) -> Run:
    return asked(suite, model, folder)


def values(made: Run) -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks["shapes"].metrics.items()}


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(Detector, tmp_path_factory.mktemp("detector"))


def test_a_detector_that_finds_everything_has_an_ap_of_one_in_each_class(detector: Run) -> None:
    found = values(detector)
    wrong = {name: value for name, value in found.items() if value != 1.0}
    assert wrong == {"false_boxes": 0.0, "false_boxes[blank]": 0.0}
    assert {"map[class=red]", "map_small", "ar_1", "no_target_accuracy[blank]"} <= set(found)


@pytest.mark.parametrize("model", [OffDetector, Everywhere, Confused, PerMilleDetector])
def test_the_gate_catches_a_detector_that_is_broken(model: type[Double], detector: Run, tmp_path: Path) -> None:
    assert verdict(SUITE, model, detector, tmp_path) == "fail"


def test_confused_classes_show_in_theirs_alone(tmp_path: Path) -> None:
    found = values(run(Confused, tmp_path))
    assert found["map[class=red]"] == found["map[class=blue]"] == 0.0
    assert found["map[class=green]"] == 1.0


def test_boxes_of_nothing_are_counted_on_empty_and_on_blank_pictures(tmp_path: Path) -> None:
    found = values(run(Everywhere, tmp_path))
    assert (found["false_boxes"], found["false_boxes[blank]"], found["no_target_accuracy"]) == (6.0, 6.0, 0.0)


def test_a_declared_frame_is_read_as_it_is_meant(tmp_path: Path) -> None:
    told = SUITE.replace("dataset: shapes}", "dataset: shapes, frame: per-mille}")
    framed = values(run(PerMilleDetector, tmp_path, told))
    assert framed["map_50"] == 1.0
    assert framed["map"] > 0.9


def test_boxes_of_the_adapters_own_are_judged_by_the_classes_they_were_asked_for(tmp_path: Path) -> None:
    told = SUITE.replace("dataset: shapes}", "dataset: shapes, by: ground, classes: [red, green]}")
    made = run(Detector, tmp_path, told)
    found = values(made)
    assert (found["map"], found["map[class=red]"], found["no_target_accuracy[blank]"]) == (1.0, 1.0, 1.0)
    assert "map[class=blue]" not in found
    assert harness.score(made, "map")["shapes/clean"].value == 1.0


@pytest.mark.parametrize(
    ("rows", "keys", "said"),
    [
        ({"boxes": [[1, 1, 5, 5]]}, "", "no box of dataset 'shapes' has a label"),
        ({"boxes": [{"box": [1, 1, 5, 5], "label": "cup"}]}, ", frame: mille", "unknown frame 'mille'"),
    ],
)
def test_a_mistake_is_named(bind, tmp_path: Path, rows: dict[str, object], keys: str, said: str) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "a", "question": "?", "answer": "-", **rows}))
    text = SUITE.replace("{type: shapes, limit: 14, names: color, empty: 0.2}", "{type: jsonl, path: rows.jsonl}")
    with pytest.raises(SpecError, match=said):
        bind(text.replace("dataset: shapes}", f"dataset: shapes{keys}}}"))
