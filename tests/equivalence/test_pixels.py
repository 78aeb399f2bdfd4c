"""What is read off two tensors of one image: each way to prepare it otherwise has its own words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image

from harness.equivalence import noise, pixels
from harness.traces import Pixels

Floats = NDArray[np.float32]

TOLERANCE = 1e-5


def scene(seed: int, height: int = 64, width: int = 80) -> NDArray[np.uint8]:
    """Return an image with colours, edges and a wash, which no symmetry keeps as it is."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (height // 8, width // 8, 3)).repeat(8, 0).repeat(8, 1)
    wash = np.linspace(0, 60, width)[None, :, None]
    return np.clip(blocks * 0.7 + wash, 0, 255).astype(np.uint8)


def normalised(image: NDArray[np.uint8], mean: float = 0.5, std: float = 0.5) -> Floats:
    return ((image.astype(np.float32) / 255 - np.float32(mean)) / np.float32(std)).astype(np.float32)


seeds = st.integers(0, 2**32 - 1)


@given(seeds)
def test_swapped_channels_are_told_whether_before_or_after_normalising(seed: int) -> None:
    image = scene(seed)
    mean, std = np.array([0.48, 0.46, 0.41], np.float32), np.array([0.27, 0.26, 0.28], np.float32)
    a = (image.astype(np.float32) / 255 - mean) / std
    before = (image[..., ::-1].astype(np.float32) / 255 - mean) / std
    for b in (before, a[..., ::-1]):
        assert "channels swapped" in pixels.cause(a, b, TOLERANCE)


@given(seeds, st.floats(0.05, 0.45), st.floats(0.6, 1.8))
def test_another_mean_and_deviation_give_the_map_between_them(seed: int, mean: float, times: float) -> None:
    image = scene(seed)
    said = pixels.cause(normalised(image), normalised(image, mean, 0.5 * times), TOLERANCE)
    assert said.startswith(("another mean", "B is not normalised"))
    slope = float(said.partition("B = ")[2].partition(" ")[0]) if "· A" in said and "(" not in said else None
    assert slope is None or slope == pytest.approx(1 / times, rel=2e-3)


def test_a_scale_that_is_left_out_is_told_as_such() -> None:
    image = scene(1).astype(np.float32)
    assert pixels.cause(image / 255, image, TOLERANCE).startswith("B is not rescaled by 1/255")
    assert pixels.cause(image, image / 255, TOLERANCE).startswith("A is not rescaled by 1/255")
    assert "not normalised" in pixels.cause(normalised(scene(1)), image / 255, TOLERANCE)
    assert pixels.cause(image / 255, image / 255 - np.float32(0.2), TOLERANCE).startswith(
        "another mean: B = 1 · A − 0.2"
    )


@given(seeds)
def test_an_image_that_is_turned_or_mirrored_is_told(seed: int) -> None:
    a = normalised(scene(seed))
    assert "mirrored" in pixels.cause(a, a[:, ::-1], TOLERANCE)
    assert "upside down" in pixels.cause(a, a[::-1], TOLERANCE)
    square = a[:64, :64]
    assert "rows and columns swapped" in pixels.cause(square, square.transpose(1, 0, 2), TOLERANCE)


@given(seeds)
def test_patches_in_another_order_are_the_same_numbers_in_other_places(seed: int) -> None:
    image = normalised(scene(seed, 56, 112))
    rows, columns, side = 4, 8, 14
    merged = image.transpose(2, 0, 1).reshape(3, rows // 2, 2, side, columns // 2, 2, side)
    fed = np.ascontiguousarray(merged.transpose(1, 4, 2, 5, 0, 3, 6)).reshape(rows * columns, -1)
    plain = image.transpose(2, 0, 1).reshape(3, rows, side, columns, side)
    read = np.ascontiguousarray(plain.transpose(1, 3, 0, 2, 4)).reshape(rows * columns, -1)
    a, b = (Pixels(values, "patches", (rows, columns), 2).picture() for values in (fed, read))
    assert a is not None
    assert b is not None
    np.testing.assert_array_equal(a, image)
    assert "order of patches" in pixels.cause(a, b, TOLERANCE)


@given(seeds)
def test_another_crop_is_told_by_how_far_it_lies_beside(seed: int) -> None:
    image = normalised(scene(seed, 80, 80))
    said = pixels.cause(image[2:66, 2:66], image[1:65, 3:67], TOLERANCE)
    assert said == "B lies +1 rows and -1 columns beside A: another crop"


@given(seeds)
def test_another_filter_is_told_by_fine_differences_in_grey_levels(seed: int) -> None:
    image = Image.fromarray(scene(seed, 120, 120))
    filters = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR
    a, b = (normalised(np.asarray(image.resize((84, 84), one))) for one in filters)
    said = pixels.cause(a, b, TOLERANCE)
    assert "another resampling filter" in said
    assert "grey levels at most" in said


def test_an_unlike_image_and_one_that_is_no_number_are_told() -> None:
    a = normalised(scene(1))
    assert pixels.cause(a, normalised(scene(2)), TOLERANCE).startswith("no simple change")
    assert "not finite" in pixels.cause(a, a * np.float32(np.nan), TOLERANCE)
    blank = np.zeros_like(a)
    assert pixels.cause(blank, blank + np.float32(0.5), TOLERANCE).startswith("another mean")


@given(seeds, st.permutations([0, 1, 2, 3, 4]))
def test_the_order_of_roundings_stays_within_the_noise_and_a_grey_level_does_not(seed: int, order: list[int]) -> None:
    image, mean, std = scene(seed).astype(np.float32), np.float32(0.48), np.float32(0.27)
    ways = [
        (image / np.float32(255) - mean) / std,
        (image * np.float32(1 / 255) - mean) / std,
        (image - mean * np.float32(255)) / (std * np.float32(255)),
        image * (np.float32(1) / (std * np.float32(255))) - mean / std,
        ((image.astype(np.float64) / 255 - float(mean)) / float(std)).astype(np.float32),
    ]
    tolerance = noise.of_pixels(ways[0], noise.coarser("float32", "float32"))
    assert noise.furthest(ways[order[0]], ways[order[1]]) <= tolerance
    assert tolerance < 1 / 255 / std / 100


@given(
    arrays(np.float32, array_shapes(min_dims=3, max_dims=3, max_side=20), elements=st.floats(-3, 3, width=32)), seeds
)
def test_there_are_words_for_any_two_tensors_of_one_shape(a: Floats, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for b in (rng.permutation(a.ravel()).reshape(a.shape), a * 0, rng.normal(size=a.shape).astype(np.float32)):
        assert pixels.cause(a, b, TOLERANCE)
