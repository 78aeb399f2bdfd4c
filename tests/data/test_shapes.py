"""Drawn shapes: boxes that are exact, pictures that are the same each time, and splits that share nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.shapes import HEIGHT, PALETTE, WIDTH, ShapesConfig, ShapesDataset
from harness.errors import SpecError

configs = st.builds(
    ShapesConfig,
    seed=st.integers(0, 1000),
    most=st.integers(1, 6),
    names=st.sampled_from(["color", "both"]),
    repeats=st.booleans(),
    empty=st.sampled_from([0.0, 0.5, 1.0]),
)


@settings(max_examples=40, deadline=None)
@given(configs, st.integers(0, 10_000))
def test_a_box_holds_the_pixels_of_its_shape_and_not_one_row_more(config: ShapesConfig, index: int) -> None:
    sample = ShapesDataset(config).sample(index)
    (source,) = sample.images
    pixels = np.asarray(source.load()).astype(int)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert len(source.shapes) == len(sample.facts["boxes"])
    for shape in source.shapes:
        x0, y0, x1, y1 = shape.box
        ys, xs = np.nonzero((pixels[y0:y1, x0:x1] == PALETTE[shape.color]).all(axis=2))
        assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (0, 0, x1 - x0, y1 - y0)
    outside = sum((pixels == PALETTE[color]).all(axis=2).sum() for color in PALETTE)
    inside = sum((pixels[y0:y1, x0:x1] == PALETTE[one.color]).all(axis=2).sum() for one in source.shapes
                 for x0, y0, x1, y1 in [one.box])  # fmt: skip
    assert outside == inside


def test_names_stand_once_in_a_picture_unless_they_may_repeat() -> None:
    once = [sample.facts["objects"] for sample in ShapesDataset(ShapesConfig(limit=60))]
    assert all(len(set(names)) == len(names) for names in once)
    again = [sample.facts["objects"] for sample in ShapesDataset(ShapesConfig(limit=60, repeats=True))]
    assert any(len(set(names)) < len(names) for names in again)


def test_a_picture_is_the_same_each_time_and_the_splits_are_apart() -> None:
    test, train = (
        {str(one.facts["boxes"]) for one in ShapesDataset(ShapesConfig(limit=100, split=s))} for s in ("test", "train")
    )
    assert not test & train
    first, again = (next(iter(ShapesDataset(ShapesConfig(limit=1)))) for _ in range(2))
    assert first.images[0].load().tobytes() == again.images[0].load().tobytes()
    assert first.images[0].mismatched().load().tobytes() != first.images[0].load().tobytes()
    assert not ShapesDataset(ShapesConfig(limit=1)).sample(0).images[0].blank().shapes


def test_more_names_than_there_are_is_a_mistake_at_its_line(bind) -> None:
    text = "suite: s\nversion: 1\ndatasets: {d: {type: shapes, names: form, most: 4}}\n"
    with pytest.raises(SpecError, match="there are 3 names"):
        bind(text + "tasks: {t: {kind: qa, dataset: d, metrics: [exact_match]}}\n")
