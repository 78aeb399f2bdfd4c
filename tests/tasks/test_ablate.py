"""What is taken away from an image, and what a model that needs it, or does not, then scores."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import harness
from harness.errors import SpecError
from harness.record import Run
from harness.tasks._views import noise, reduced, shuffled
from tests.tasks.seeing import Eye, Sightless, pictures, resumed, run, verdict

SUITE = """\
suite: ablated
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  qa: {kind: qa, dataset: rows, metrics: [exact_match]}
  away: {kind: ablate, of: qa, resolutions: [0.5]}
gates:
  - {metric: "away/ablation_gap[no_image]", min: 0.5}
  - {metric: "away/exact_match[mismatched]", max: 0.5, control: true}
"""


def values(made: Run, task: str = "away") -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks[task].metrics.items()}


def test_a_model_that_looks_loses_what_is_taken_away_and_nothing_else(tmp_path: Path) -> None:
    pictures(tmp_path)
    made = run(SUITE, Eye, tmp_path)
    found = values(made)
    assert found["ablation_gap[mismatched]"] == pytest.approx(1.0, abs=0.25)
    assert (found["exact_match[no_image]"], found["exact_match[clean]"]) == (pytest.approx(1 / 6), 1.0)
    assert (found["ablation_gap[resolution@0.5]"], found["ablation_gap[shuffled]"]) == (0.0, 0.0)
    task = made.record.tasks["away"]
    assert not [one for one in task.findings if one.level == "warning"]
    assert [(curve.name, curve.x) for curve in task.curves] == [("exact_match by resolution", [0.5, 1.0])]
    assert "this model answers 21% [9%, 40%] without looking (mismatched), and 100% with the image" in [
        one.text for one in task.findings
    ]


def test_a_model_that_does_not_look_fails_the_gates_and_one_that_does_passes(tmp_path: Path) -> None:
    pictures(tmp_path)
    good = run(SUITE, Eye, tmp_path)
    assert verdict(SUITE, Sightless, good, tmp_path) == "fail"
    assert verdict(SUITE, Eye, good, tmp_path) == "pass"


def test_a_question_of_several_requests_is_asked_again_as_it_was(tmp_path: Path) -> None:
    pictures(tmp_path, choices=lambda name, i: ["red", "green", "blue", "yellow", "white", "black"])
    text = SUITE.replace("{kind: qa, dataset: rows, metrics: [exact_match]}", "{kind: choice, dataset: rows}")
    made = run(text.replace("exact_match", "accuracy"), Eye, tmp_path)
    assert values(made)["accuracy[clean]"] == 1.0
    assert values(made)["accuracy[no_image]"] == pytest.approx(1 / 6)
    assert harness.score(made, "exact_match")["away/clean"].value == 1.0


def test_the_images_of_a_sample_are_blanked_one_at_a_time_and_samples_without_say_nothing(tmp_path: Path) -> None:
    rows = pictures(tmp_path, images=lambda name, i: [f"{i}.png", f"{i}.png"] if i % 2 else [f"{i}.png"])
    lines = enumerate(rows.read_text().splitlines())
    rows.write_text("\n".join(line.replace(f'"image": "{i}.png", ', "") for i, line in lines))
    text = SUITE.replace("resolutions: [0.5]", "resolutions: [], ablations: [no_image], each_image: true")
    made = run(
        text.replace('  - {metric: "away/exact_match[mismatched]", max: 0.5, control: true}\n', ""), Eye, tmp_path
    )
    gaps = {name: one for name, one in made.record.tasks["away"].metrics.items() if "@" in name}
    assert gaps["ablation_gap[image@1]"].n == gaps["ablation_gap[image@2]"].n == 12
    assert (gaps["ablation_gap[image@1]"].value, gaps["ablation_gap[image@2]"].value) == (
        pytest.approx(2 / 3),  # grey is nearest to green, which a third of them are
        0.0,
    )


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path, monkeypatch) -> None:
    pictures(tmp_path)
    continued, whole = resumed(SUITE, tmp_path, monkeypatch)
    assert continued.record.tasks == whole.record.tasks


def test_patches_are_moved_and_kept_noise_is_seeded_and_fewer_pixels_keep_the_size() -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (11, 13, 3), np.uint8)
    image = Image.fromarray(drawn)
    moved = np.asarray(shuffled(4, "a")(image))
    assert moved.shape == drawn.shape
    assert (moved != drawn).any()
    assert sorted(map(tuple, moved.reshape(-1, 3))) == sorted(map(tuple, drawn.reshape(-1, 3)))
    assert (np.asarray(shuffled(4, "a")(image)) == moved).all()
    assert (np.asarray(noise("a")(image)) != np.asarray(noise("b")(image))).any()
    assert reduced(0.25)(image).size == image.size
    assert np.asarray(reduced(0.25)(image)).std() < drawn.std()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("resolutions: [0.5]", "resolutions: [1.5]"), "not above 0 and below 1"),
        (("of: qa", "of: which"), "does not stand before this one"),
        (("resolutions: [0.5]", "ablations: [dark]"), "ablations"),
    ],
)
def test_what_cannot_be_taken_away_is_refused_at_its_line(tmp_path: Path, bind, change, said: str) -> None:
    pictures(tmp_path)
    with pytest.raises(SpecError, match=said):
        bind(SUITE.replace(*change))
