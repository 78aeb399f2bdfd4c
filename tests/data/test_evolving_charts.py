"""Clips of evolving charts: what is asked is true in the window, and nowhere else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.data.evolving_charts.dataset import ChartClip, EvolvingChartsConfig, EvolvingChartsDataset
from harness.data.evolving_charts.story import EVENT_TYPES, draw_story
from harness.errors import ConfigError
from harness.frames import open_clip
from harness.seeds import Stream
from harness.types import Sample


def dataset(**keys: Any) -> EvolvingChartsDataset:
    return EvolvingChartsDataset.from_config(EvolvingChartsConfig(**keys), Path(), ())


def story_of(sample: Sample) -> Any:
    assert isinstance(sample.clip, ChartClip)
    return sample.clip.story


@pytest.mark.parametrize("event", EVENT_TYPES)
def test_what_is_asked_is_true_in_the_window_and_nowhere_else(event: str) -> None:
    for sample in dataset(limit=20, events=(event,), event_seconds=(0.5, 5)):
        story, ((start, end),) = story_of(sample), sample.spans
        for time in np.arange(0, 12, 0.05):
            if min(abs(time - start), abs(time - end)) < 0.06:
                continue  # at a crossing the two are equal
            first, second, third = story.chart_at(float(time), (0, 1, 2)).values
            holds = first > second and (event != "when_highest" or first > third)
            assert holds == (start <= time < end), (sample.id, time)


def test_samples_follow_from_the_configuration_alone() -> None:
    first, again, other = dataset(limit=6), dataset(limit=9), dataset(limit=6, seed=1)
    assert list(first) == list(again)[:6]
    assert [s.spans for s in first] != [s.spans for s in other]
    assert len({first.content_hash(), again.content_hash(), other.content_hash()}) == 3
    assert first.content_hash() == dataset(limit=6).content_hash()
    assert len({sample.id for sample in again}) == 9


def test_a_clip_is_a_real_encode_whose_frames_are_the_charts() -> None:
    (sample,) = dataset(limit=1, seconds=4, event_seconds=(1, 2))
    assert sample.clip is not None
    assert sample.clip.fetch() is not sample.clip.fetch()
    with open_clip(sample.clip.fetch()) as clip:
        assert clip.timeline.times.tolist() == pytest.approx([i / 4 for i in range(16)])
        assert clip.timeline.duration == pytest.approx(4)
        frames = clip.frames([0, 15])
    assert {frame.size for frame in frames} == {(140, 112)}
    assert json.loads(sample.evidence or "") == {"spans": [list(sample.spans[0])], "duration": 4.0}
    assert json.loads(sample.references[0]) == [list(sample.spans[0])]


def test_a_question_of_order_is_answered_by_the_one_that_comes_from_below() -> None:
    for sample in dataset(limit=8, events=("overtakes",)):
        story = story_of(sample)
        assert sample.references == (story.chart.letters[0],)
        assert story.chart.values[0] < story.chart.values[1]
        assert sample.spans[0][1] == 12.0


def test_both_letters_overtake_about_equally_often_in_the_order_of_the_question() -> None:
    named_first = [
        sample.question.split()[2] == sample.references[0] for sample in dataset(limit=100, events=("overtakes",))
    ]
    assert 30 < sum(named_first) < 70


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"events": ("when_hgher",)}, "unknown event 'when_hgher'"),
        ({"styles": ("vbar-lght",)}, "unknown style 'vbar-lght'"),
        ({"event_seconds": (3, 2)}, "an event lasts"),
        ({"event_seconds": (1, 11)}, "up to 10 s"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        dataset(**keys)


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown event"):
        draw_story(Stream(0), "explodes", "vbar-light", 12, (1, 2))
