"""Ranks by embeddings, in both directions: ties, items of one's own, images that failed, and chance."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import SpecError
from harness.record import Run
from tests.tasks.seeing import NAMES, Eye, Sightless, pictures, resumed, run, verdict

SUITE = """\
suite: near
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  near: {kind: retrieve, dataset: rows, by: texts, k: [1, 2], slices: [half]}
gates:
  - {metric: "near/retrieved@1[image-to-text]", max_drop: 0.3}
  - {metric: "near/retrieved@1[text-to-image]", min: 0.5}
"""
BY_TAG = SUITE[: SUITE.index("gates")].replace("by: texts, k: [1, 2], slices: [half]", "by: colour")


def own_texts(name: str, number: int) -> list[list[float]]:
    """Two texts of each image that say its colour, one of them a little askew."""
    one = [float(name == other) for other in NAMES]
    return [one, [value + 0.1 for value in one]]


def values(made: Run) -> dict[str, float | None]:
    return {name: one.value for name, one in made.record.tasks["near"].metrics.items()}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    pictures(tmp_path, 6, reference_embeddings=own_texts)
    return tmp_path


def test_who_sees_finds_the_texts_and_the_images_first(rows: Path) -> None:
    found = values(run(SUITE, Eye, rows))
    for way in ("image-to-text", "text-to-image"):
        assert (found[f"retrieved@1[{way}]"], found[f"median_rank[{way}]"]) == (1.0, 1.0)
    assert found["by_chance[image-to-text]"] == pytest.approx(1 / 6)
    assert found["retrieved@1[image-to-text][half=second]"] == 1.0


def test_one_embedding_for_all_finds_nothing_and_fails_the_gates(rows: Path) -> None:
    good = run(SUITE, Eye, rows)
    found = values(run(SUITE, Sightless, rows))
    assert found["retrieved@2[text-to-image]"] == 0.0  # six images alike: a tie counts against the right one
    assert verdict(SUITE, Sightless, good, rows) == "fail"
    assert run(SUITE, Sightless, rows).record.tasks["near"].findings[0].level == "warning"


def test_images_of_one_value_find_each_other_and_never_themselves(tmp_path: Path) -> None:
    pictures(tmp_path, 12, tags=lambda name, i: {"colour": name} if i != 11 else {})
    made = run(BY_TAG, Eye, tmp_path).record.tasks["near"].metrics["retrieved@1"]
    assert (made.value, made.n) == (1.0, 10)  # the last has no colour, and its twin is then alone
    assert run(BY_TAG, Eye, tmp_path).record.tasks["near"].metrics["by_chance"].value == pytest.approx(1 / 11)


def test_an_image_that_failed_finds_nothing_and_is_found_last(rows: Path) -> None:
    class Torn(Eye):
        def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
            found = super().embed(images)
            found[found[:, NAMES.index("blue")] > 0] = np.nan
            return found

    found = values(run(SUITE, Torn, rows))
    assert found["retrieved@1[image-to-text]"] == pytest.approx(5 / 6)
    assert found["retrieved@1[text-to-image]"] == pytest.approx(10 / 12)


def test_texts_of_another_model_are_told_from_those_of_this_one(tmp_path: Path) -> None:
    pictures(tmp_path, 3, reference_embeddings=lambda name, i: [[1.0, float(i)]])
    (said, *_) = [one.text for one in run(SUITE.replace("[half]", "[]"), Eye, tmp_path).record.tasks["near"].findings]
    assert said == "texts have 2 numbers and images 6: they are no embeddings of one model"


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path, monkeypatch) -> None:
    pictures(tmp_path, 24, reference_embeddings=own_texts)
    continued, whole = resumed(SUITE, tmp_path, monkeypatch)
    assert continued.record.tasks == whole.record.tasks


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("by: texts", "by: shade"), "no sample has the tag 'shade'"),
        (("k: [1, 2]", "k: [0]"), "0 is not above 0"),
        (("dataset: rows", "dataset: row"), "no dataset is called 'row'"),
    ],
)
def test_what_cannot_be_ranked_is_refused_at_its_line(rows: Path, bind, change, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        bind(SUITE.replace(*change))


def test_data_without_embeddings_of_texts_are_refused(tmp_path: Path, bind) -> None:
    pictures(tmp_path)
    with pytest.raises(SpecError, match="gives no embeddings of texts"):
        bind(SUITE)


def test_an_item_that_is_near_to_everything_is_a_hub(tmp_path: Path) -> None:
    class Drawn(Eye):
        """Half of every image is one direction; one colour is that direction alone."""

        def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
            found = np.hstack([super().embed(images), np.ones((len(images), 1), np.float32)])
            found[found[:, NAMES.index("red")] > 0, : len(NAMES)] = 0
            return found

    pictures(tmp_path, 6, tags=lambda name, i: {"colour": name})
    told = BY_TAG.replace("by: colour", "by: colour, k: [1]")
    even, drawn = values(run(told, Eye, tmp_path)), values(run(told, Drawn, tmp_path))
    assert (drawn["hubness"] or 0) > 1.5  # red is the nearest of all others: five times found, four never
    assert drawn["anti_hubs"] == pytest.approx(4 / 6)
    assert "hubness" in even


def test_what_texts_find_is_counted_with_the_images(tmp_path: Path) -> None:
    pictures(tmp_path, 6, reference_embeddings=own_texts)
    found = run(SUITE, Eye, tmp_path).record.tasks["near"].metrics
    assert (found["anti_hubs[text-to-image]"].n, found["anti_hubs[image-to-text]"].n) == (6, 12)
    assert found["anti_hubs[text-to-image]"].value == 0.0
