"""Which frames each sampler takes, and what all samplers keep to."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.errors import SampleError, UsageError
from harness.frames import Timeline, get
from harness.metrics.spans import evidence_recall
from harness.registry import registry

NAMES = [name for name in registry("samplers").names() if name != "all"]


class Levels:
    """A clip of plain grey frames, one a number."""

    name = "levels"

    def __init__(self, levels: Sequence[int], times: Sequence[float] | None = None) -> None:
        self._levels = levels
        shown = np.arange(len(levels)) / 10 if times is None else np.array(times)
        self.timeline = Timeline(shown, float(shown[-1]) + 0.1)
        self.looked = 0

    def frames(self, indices: Sequence[int]) -> list[Image.Image]:
        return [Image.new("RGB", (32, 24), (self._levels[i],) * 3) for i in indices]

    def thumbnails(self) -> Iterator[np.ndarray]:
        for level in self._levels:
            self.looked += 1
            yield np.full((24, 32, 3), level, np.uint8)

    def __enter__(self) -> "Levels":
        return self

    def __exit__(self, *exc: object) -> None: ...


def pick(name: str, clip: Levels, budget: int, seed: int = 0, **params: object) -> list[int]:
    return get(name, **params).pick(clip, budget, np.random.default_rng(seed)).tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=40), st.integers(1, 50), st.sampled_from(NAMES))
def test_every_sampler_spends_its_whole_budget_on_frames_that_grow(levels: list[int], budget: int, name: str) -> None:
    picked = pick(name, Levels(levels), budget)
    assert picked == sorted(set(picked))
    assert len(picked) == min(budget, len(levels))
    assert all(0 <= index < len(levels) for index in picked)
    assert picked == pick(name, Levels(levels), budget)


def test_uniform_takes_centres_or_endpoints_by_time_and_looks_at_no_picture() -> None:
    clip = Levels([0] * 100)
    assert pick("uniform", clip, 4) == [12, 37, 62, 87]
    assert pick("uniform", clip, 4, place="endpoints") == [0, 33, 66, 99]
    assert pick("uniform", clip, 1, place="endpoints") == [50]
    varying = Levels([0] * 5, times=[0.0, 0.1, 0.2, 0.3, 9.0])
    assert pick("uniform", varying, 2) == [1, 3], "both centres show frame 3; the widest gap gets what is left"
    assert clip.looked == 0


def test_keyframe_takes_the_middle_of_each_scene() -> None:
    clip = Levels([10] * 20 + [200] * 4 + [90] * 40)
    assert pick("keyframe", clip, 3) == [9, 21, 43]
    assert clip.looked == 64


def test_motion_spends_more_where_more_moves() -> None:
    clip = Levels([50] * 40 + [50 + 10 * i for i in range(10)] + [140] * 50)
    picked = pick("motion", clip, 10)
    assert sum(38 <= index <= 50 for index in picked) >= 6
    assert pick("motion", clip, 10, still=1.0) == pick("motion", Levels([50] * 100), 10)


def test_random_follows_its_seed() -> None:
    clip = Levels([0] * 100)
    assert pick("random", clip, 8, seed=1) == pick("random", clip, 8, seed=1) != pick("random", clip, 8, seed=2)


def test_all_refuses_to_be_a_part() -> None:
    assert pick("all", Levels([0] * 5), 5) == [0, 1, 2, 3, 4]
    with pytest.raises(SampleError, match="6 frames are more than the budget of 5"):
        pick("all", Levels([0] * 6), 5)


def test_a_brief_event_is_found_by_those_that_look_and_missed_by_the_clock() -> None:
    clip = Levels([10] * 53 + [200] * 3 + [10] * 44)
    span = [(5.3, 5.6)]

    def recall(name: str) -> float:
        return evidence_recall(clip.timeline.times[pick(name, clip, 4)], span)

    assert (recall("uniform"), recall("keyframe"), recall("motion")) == (0.0, 1.0, 1.0)


def test_a_mistake_in_a_sampler_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'uniform'"):
        get("unifrom")
    with pytest.raises(UsageError, match="place"):
        get("uniform", place="corners")
