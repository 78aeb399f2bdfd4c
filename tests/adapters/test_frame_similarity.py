"""The adapter that looks for a picture in a clip by a model's own embeddings."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.adapters.frame_similarity import FrameSimilarityAdapter, FrameSimilarityConfig, most_alike
from harness.errors import AdapterError, SampleError
from harness.types import Request, Status
from tests.doubles import Double


class Colours(Double):
    """Embeds an image as its mean colour beside a large constant, as real features are mostly alike; refuses white."""

    capabilities = frozenset({"generate", "embed"})
    batch_size = 2

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        rows = np.array([[*np.asarray(image).mean(axis=(0, 1)), 9000.0] for image in images], np.float32)
        if (rows[:, :3] == 255).all(axis=1).any():
            raise SampleError("too bright")
        return rows


def plain(*colors: tuple[int, int, int]) -> tuple[Image.Image, ...]:
    return tuple(Image.new("RGB", (4, 4), color) for color in colors)


RED, BLUE, WHITE = (200, 0, 0), (0, 0, 200), (255, 255, 255)
TIMES = (0.5, 1.5, 2.5, 3.5)


def adapter() -> FrameSimilarityAdapter:
    return FrameSimilarityAdapter(FrameSimilarityConfig(model={"type": "x"}), Colours())


def test_the_window_is_where_the_frames_look_like_the_picture() -> None:
    request = Request("r", "When?", plain(RED, BLUE, RED, (190, 10, 0), BLUE), times=TIMES)
    (response,) = adapter().generate([request])
    said = json.loads(response.text or "")
    assert said["spans"] == [[1.0, 3.0]]
    assert said["frame_references"] == [1.5, 2.5]
    assert said["confidence"] > 0.9


def test_what_cannot_be_looked_for_costs_its_request_alone() -> None:
    missing, bright, single = adapter().generate(
        [
            Request("a", "When?", plain(RED, BLUE, RED, BLUE), times=TIMES),
            Request("b", "When?", plain(RED, BLUE, WHITE, RED, BLUE), times=TIMES),
            Request("c", "What?", plain(RED)),
        ]
    )
    assert (missing.status, missing.error) == (Status.ERROR, "there is no picture before the frames to look for")
    assert (bright.status, bright.error) == (Status.ERROR, "too bright")
    assert single.text == "seen"


def test_frames_that_are_all_the_same_are_one_window_without_confidence() -> None:
    answer = most_alike(np.ones(3), np.ones((4, 3)), TIMES, 0.5)
    assert (answer.spans, answer.confidence) == (((0.0, 4.0),), 0.0)


def test_the_level_is_part_of_the_fingerprint_and_the_model_says_whether_it_is_simulated() -> None:
    other = FrameSimilarityAdapter(FrameSimilarityConfig(model={"type": "x"}, level=0.7), Colours())
    assert adapter().fingerprint() != other.fingerprint()
    assert adapter().simulated
    other.close()
    with pytest.raises(AdapterError, match="closed"):
        other.generate([])


def test_a_model_that_does_not_embed_is_refused() -> None:
    with pytest.raises(AdapterError, match="does not embed"):
        FrameSimilarityAdapter.from_config(FrameSimilarityConfig(model={"type": "mock"}), Path())
