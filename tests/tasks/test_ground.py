"""Where is what a phrase names: frames, refusals, counts, mirrored pictures, and models that are broken in each way."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageOps

import harness
from harness.errors import SpecError
from harness.record import Run
from tests.doubles import Double
from tests.tasks.finders import (
    Centre,
    Finder,
    Left,
    LeftSighted,
    NeverThere,
    Pointer,
    Shifted,
    Small,
    Swapped,
    Thousandths,
)
from tests.tasks.seeing import resumed, verdict
from tests.tasks.seeing import run as asked

SUITE = """\
suite: grounding
version: 1
datasets: {shapes: {type: shapes, limit: 14, names: color}}
tasks:
  where: {kind: ground, dataset: shapes, phrases: labels}
gates:
  - {metric: where/acc_at_iou, max_drop: 0.1}
  - {metric: where/no_target_accuracy, max_drop: 0.2}
  - {metric: where/mirror_agreement, max_drop: 0.1}
"""


def run(model: type[Double], folder: Path, suite: str = SUITE) -> Run:
    return asked(suite, model, folder)


def values(made: Run, task: str = "where") -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks[task].metrics.items()}


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(Finder, tmp_path_factory.mktemp("finder"))


def test_a_model_that_finds_everything_is_right_by_every_number(finder: Run) -> None:
    found = values(finder)
    assert {name: value for name, value in found.items() if value != 1.0} == {"false_boxes": 0.0}
    assert {"acc_at_iou[size=small]", "acc_at_iou[size=large]", "right_both_ways", "acc_at_iou[mirrored]"} <= set(found)


@pytest.mark.parametrize("model", [Shifted, Swapped, Small, Centre, NeverThere])
def test_the_gate_catches_a_model_that_places_boxes_wrongly(model: type[Double], finder: Run, tmp_path: Path) -> None:
    assert verdict(SUITE, model, finder, tmp_path) == "fail"


@pytest.mark.parametrize("model", [Centre, Left])
def test_a_box_that_stays_when_the_picture_is_mirrored_agrees_with_nothing(model: type[Double], tmp_path: Path) -> None:
    found = values(run(model, tmp_path))
    assert found["mirror_agreement"] == 0.0
    assert found["right_both_ways"] <= 0.2
    assert (found["no_target_accuracy"], found["target_accuracy"], found["false_boxes"]) == (0.0, 1.0, 1.0)


def test_the_evidence_of_a_flip_shows_the_mirrored_picture_beside_the_other(tmp_path: Path) -> None:
    made = run(LeftSighted, tmp_path)
    (flip, *_) = json.loads((made.folder / "artifacts" / "flips.json").read_text())
    before, after = (Image.open(made.folder / name).convert("RGB") for name in flip["pictures"])
    assert ImageOps.mirror(before).tobytes() == after.tobytes() != before.tobytes()


def test_a_model_that_always_says_none_is_right_about_absent_phrases_alone(tmp_path: Path) -> None:
    found = values(run(NeverThere, tmp_path))
    assert (found["no_target_accuracy"], found["target_accuracy"], found["acc_at_iou"]) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("model", "keys"), [(Thousandths, "frame: per-mille"), (Small, "frame: resized, resized: [84, 56]")]
)
def test_a_frame_that_is_declared_is_read_as_it_is_meant(model: type[Double], keys: str, tmp_path: Path) -> None:
    told = SUITE.replace("phrases: labels", f"phrases: labels, {keys}")
    assert values(run(model, tmp_path, told))["acc_at_iou"] == 1.0
    assert values(run(model, tmp_path))["acc_at_iou"] < 0.2


def test_points_are_pointed_at_and_nothing_is_said_of_boxes(tmp_path: Path) -> None:
    found = values(
        run(Pointer, tmp_path, SUITE.split("gates", maxsplit=1)[0].replace("labels}", "labels, answer: point}"))
    )
    assert {name: value for name, value in found.items() if value != 1.0} == {"false_boxes": 0.0}
    assert {"pointing_accuracy", "pointing_accuracy[mirrored]", "right_both_ways"} <= set(found)
    assert not {"iou", "mirror_agreement"} & set(found)


def test_boxes_that_an_adapter_has_of_its_own_count_and_refuse(tmp_path: Path) -> None:
    made = run(Finder, tmp_path, SUITE.replace("phrases: labels", "phrases: labels, by: ground"))
    found = values(made)
    assert (found["acc_at_iou"], found["no_target_accuracy"], found["count_accuracy"]) == (1.0, 1.0, 1.0)
    again = harness.score(made, "no_target_accuracy")
    assert again["where/clean"].value == 1.0


def test_stored_answers_are_scored_again_to_the_same_numbers(finder: Run) -> None:
    again = harness.score(finder, "iou")
    assert again["where/clean"].value == pytest.approx(values(finder)["iou"])
    assert again["where/clean"].n == finder.record.tasks["where"].metrics["iou"].n


def test_a_run_that_was_killed_goes_on_to_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    continued, whole = resumed(SUITE, tmp_path, monkeypatch, Finder)
    assert values(continued) == values(whole)


def test_left_and_right_of_a_phrase_change_places_in_the_mirrored_picture(bind, tmp_path: Path) -> None:
    Image.new("RGB", (100, 40), "white").save(tmp_path / "a.png")
    rows = [
        {"id": "a", "question": "the Left cup", "image": "a.png", "answer": "[10, 0, 30, 20]"},
        {"id": "b", "question": "a dog", "image": "a.png", "answer": "none", "boxes": [[1, 1, 9, 9], [2, 2, 9, 9]]},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    suite = bind(
        "suite: s\nversion: 1\ndatasets: {rows: {type: jsonl, path: rows.jsonl}}\n"
        "tasks: {where: {kind: ground, dataset: rows}}\n"
    )
    task = suite.tasks["where"]
    there, absent = task.samples(task.cells()[1])
    assert (there.question, json.loads(there.references[0])) == ("the Right cup", [70.0, 0.0, 90.0, 20.0])
    assert (absent.references, absent.facts["boxes"], absent.tags["present"]) == (("none",), [], "no")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("frame: permille", "unknown frame 'permille'"),
        ("by: ground, frame: unit", "boxes of `by: ground` are in pixels"),
        ("count: '{{ what }}'", "what"),
        ("metrics: [{metric: acc_at_iou, threshold: 2}]", "threshold"),
    ],
)
def test_a_mistake_is_named_where_it_stands(bind, keys: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        bind(SUITE.replace("phrases: labels", f"phrases: labels, {keys}"))


def test_a_stranger_runs_the_suite_from_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness", "run", "ground", "-a", "color-blobs", "--limit", "2", "--json", "-q"]
    done = subprocess.run(
        [*command, "--no-report", "--out", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 3), done.stderr
    assert "mirror_agreement" in done.stdout
