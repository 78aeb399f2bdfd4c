"""The adapter's own image preprocessing against that of transformers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import Qwen2VLImageProcessorPil

from harness.adapters._qwen2_vl.images import ImageSettings, fit, to_patches, to_rgb
from harness.errors import AdapterError, SampleError

SETTINGS = ImageSettings(max_pixels=28 * 28 * 64)
REFERENCE = Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=28 * 28 * 64)
MODES = ("RGB", "L", "RGBA", "LA", "P", "1", "CMYK", "YCbCr", "HSV")


def noise(mode: str, width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    return Image.fromarray(pixels).convert("RGB" if mode in ("YCbCr", "HSV") else "RGBA").convert(mode)


def assert_same(image: Image.Image) -> None:
    expected = REFERENCE([image], return_tensors="np")
    patches, grid = to_patches(image, SETTINGS)
    assert patches.dtype == np.float32
    np.testing.assert_array_equal(patches, expected["pixel_values"], strict=True)
    assert [list(grid)] == expected["image_grid_thw"].tolist()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(140, 112), (57, 99), (20, 30), (500, 400), (29, 400), (1, 56), (1, 1), (28, 28)])
def test_pixels_equal_those_of_transformers_bit_for_bit(mode: str, size: tuple[int, int]) -> None:
    assert_same(noise(mode, *size))


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from(MODES),
    width=st.integers(1, 420),
    height=st.integers(1, 420),
    seed=st.integers(0, 2**32 - 1),
)
def test_pixels_equal_those_of_transformers_whatever_the_size(mode: str, width: int, height: int, seed: int) -> None:
    if max(width, height) > 200 * min(width, height):
        width = height = max(width, height)
    assert_same(noise(mode, width, height, seed))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_levels_that_nobody_knows_the_white_of_are_refused_where_transformers_clips_them(mode: str) -> None:
    with pytest.raises(SampleError, match="nothing says which of them is white"):
        to_patches(Image.new(mode, (56, 56), 9), SETTINGS)


def test_a_transparent_palette_entry_is_white() -> None:
    image = Image.new("P", (60, 60), 3)
    image.putpalette([0, 0, 0] * 256)
    image.info["transparency"] = 3
    assert to_rgb(image).getpixel((0, 0)) == (255, 255, 255)
    assert_same(image)


def test_what_lies_under_full_transparency_is_not_shown() -> None:
    assert to_rgb(Image.new("RGBA", (4, 4), (200, 0, 0, 0))).getpixel((0, 0)) == (255, 255, 255)


@given(width=st.integers(1, 3000), height=st.integers(1, 3000))
def test_an_image_is_fitted_into_the_area_in_whole_tokens(width: int, height: int) -> None:
    if max(width, height) > 200 * min(width, height):
        return
    fitted = fit(height, width, SETTINGS)
    assert all(side % 28 == 0 and side > 0 for side in fitted)
    assert fitted[0] * fitted[1] >= SETTINGS.min_pixels or 28 in fitted
    long_side = max(fitted)
    assert fitted[0] * fitted[1] <= SETTINGS.max_pixels or long_side * 28 == fitted[0] * fitted[1]


@pytest.mark.parametrize(
    ("size", "says"),
    [((0, 20), "no pixels"), ((20, 0), "no pixels"), ((2010, 10), "over 200 times"), ((10, 2010), "over 200 times")],
)
def test_an_impossible_shape_is_the_samples_fault(size: tuple[int, int], says: str) -> None:
    with pytest.raises(SampleError, match=says):
        to_patches(Image.new("RGB", size), SETTINGS)


def test_old_and_new_spellings_of_the_size_are_read() -> None:
    new = ImageSettings.from_json({"size": {"shortest_edge": 3136, "longest_edge": 50176}})
    old = ImageSettings.from_json({"min_pixels": 3136, "max_pixels": 50176})
    older = ImageSettings.from_json({"size": {"min_pixels": 3136, "max_pixels": 50176}})
    assert new == old == older == SETTINGS


def test_the_adapters_file_overrides_the_size() -> None:
    overridden = ImageSettings.from_json({"min_pixels": 3136, "max_pixels": 50176}, min_pixels=784, max_pixels=7840)
    assert (overridden.min_pixels, overridden.max_pixels) == (784, 7840)


@pytest.mark.parametrize(
    ("content", "says"),
    [({"do_resize": False}, "do_resize"), ({"min_pixels": 100, "max_pixels": 10}, "exceeds max_pixels")],
)
def test_settings_that_cannot_be_followed_are_refused(content: dict[str, object], says: str) -> None:
    with pytest.raises(AdapterError, match=says):
        ImageSettings.from_json(content)


def test_one_number_stands_for_all_channels() -> None:
    one, three = (ImageSettings(mean=(0.5,) * count, std=(0.25,) * count) for count in (1, 3))
    image = noise("RGB", 60, 90)
    np.testing.assert_array_equal(to_patches(image, one)[0], to_patches(image, three)[0])
