import numpy as np
import pytest
from PIL import Image

from harness.errors import HarnessError, SampleError, UsageError
from harness.perturb import corrupt, get


class Plain:
    """The least that a plug-in must be: no name, no base class."""

    severities = 2

    def __init__(self, result=lambda image: 255 - image):
        self._result = result

    def __call__(self, image, severity, rng):
        return self._result(image)


def rng():
    return np.random.default_rng(0)


def test_a_plug_in_needs_no_base_class(chart):
    assert np.array_equal(np.array(corrupt(chart, Plain(), 1, rng())), 255 - np.array(chart))


def test_a_plug_in_without_a_name_is_called_by_its_type(chart):
    with pytest.raises(UsageError, match="'Plain' has severities 0 to 2, not 3"):
        corrupt(chart, Plain(), 3, rng())


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (lambda image: image[:-1], r"returned ndarray of uint8 \(111, 140, 3\); it must return .* \(112, 140, 3\)"),
        (lambda image: image / 255, "float64"),
        (lambda image: None, "NoneType"),
    ],
)
def test_a_plug_in_that_returns_something_else_is_told_what_it_must_return(result, told, chart):
    with pytest.raises(HarnessError, match=told):
        corrupt(chart, Plain(result), 1, rng())


def test_a_plug_in_cannot_write_to_the_image(chart):
    def vandal(image):
        image[:] = 0
        return image

    before = chart.tobytes()
    with pytest.raises(ValueError, match="read-only"):
        corrupt(chart, Plain(vandal), 1, rng())
    assert chart.tobytes() == before


def test_numpy_integers_are_severities(chart):
    assert corrupt(chart, get("contrast"), np.int64(2), rng()) == corrupt(chart, get("contrast"), 2, rng())


def test_noise_on_greyscale_is_as_strong_as_on_one_channel():
    grey = Image.new("L", (200, 200), 128)
    noisy = np.array(corrupt(grey, get("gaussian_noise"), 1, rng()), float)
    assert noisy.std() == pytest.approx(0.08 * 255, rel=0.05)


def test_tinted_results_on_greyscale_keep_their_luma():
    grey = Image.new("L", (40, 40), 128)
    colour = corrupt(grey.convert("RGB"), get("frost"), 3, rng())
    assert corrupt(grey, get("frost"), 3, rng()) == colour.convert("L")


def test_a_palette_with_a_transparent_colour_becomes_rgba():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    image.info["transparency"] = 1
    result = corrupt(image, get("contrast"), 1, rng())
    assert result.mode == "RGBA"
    assert result.getchannel("A").tobytes() == bytes([255, 0])


def test_sixteen_bit_grey_is_scaled_not_clipped():
    image = Image.fromarray(np.array([[0, 128 << 8, 65535]], np.uint16))
    assert np.array(corrupt(image, Plain(lambda pixels: pixels.copy()), 1, rng())).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("mode", ["F", "I"])
def test_a_mode_without_a_defined_white_is_refused_by_name(mode):
    with pytest.raises(SampleError, match=f"mode '{mode}'"):
        corrupt(Image.new(mode, (4, 4)), get("contrast"), 1, rng())


def test_an_empty_image_is_refused():
    with pytest.raises(SampleError, match="0 × 5 pixels"):
        corrupt(Image.new("RGB", (0, 5)), get("contrast"), 1, rng())


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_a_corruption_called_by_hand_refuses_other_shapes(shape):
    with pytest.raises(UsageError, match=r"'contrast' takes uint8 \[height, width, 3\], not uint8"):
        get("contrast")(np.zeros(shape, np.uint8), 1, rng())


def test_a_corruption_called_by_hand_refuses_floats():
    with pytest.raises(UsageError, match=r"not float64 \[4, 4, 3\]"):
        get("contrast")(np.zeros((4, 4, 3)), 1, rng())


def test_a_corruption_called_by_hand_at_severity_0_returns_a_copy(charts):
    result = get("contrast")(charts[0], 0, rng())
    assert np.array_equal(result, charts[0])
    assert not np.shares_memory(result, charts[0])
