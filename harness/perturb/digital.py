"""Damage by processing: elastic distortion, pixelation, compression, downscaling, screenshots."""

import io
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from harness.images import decode
from harness.perturb._base import PUBLISHED, SAME_VARIANTS, BaseCorruption, Floats, Level, Parameter, Pixels
from harness.perturb._draw import words
from harness.perturb._filters import gaussian
from harness.perturb._sample import Positions, resampled

ENTRIES: Final = {
    "downscale": "Downscale",
    "elastic_transform": "ElasticTransform",
    "jpeg_compression": "JpegCompression",
    "pixelate": "Pixelate",
    "screenshot": "Screenshot",
}

_NARROW: Final = 16
"""Radius up to which a kernel is applied tap by tap."""

_ELASTIC_VARIANTS: Final = {
    "default": "ImageNet-C's parameters, both maps in one look-up, results rounded",
    "reference": "as the reference implementation: looked up twice, which blurs twice, and truncated",
}


class JpegCompression(BaseCorruption):
    """Saved as JPEG and read back."""

    name = "jpeg_compression"
    parameters = (Parameter("quality", (25, 18, 15, 10, 7), "quality setting of libjpeg", 95),)
    source = PUBLISHED
    variants = SAME_VARIANTS

    def apply(self, image: Pixels, level: Level, rng: np.random.Generator) -> Pixels:
        return np.array(_through_jpeg(Image.fromarray(image), int(level["quality"])))


class Pixelate(BaseCorruption):
    """Reduced by averaging, then enlarged by repeating pixels."""

    name = "pixelate"
    parameters = (Parameter("scale", (0.6, 0.5, 0.4, 0.3, 0.25), "reduced side over original side", 1),)
    source = PUBLISHED
    variants = SAME_VARIANTS

    def apply(self, image: Pixels, level: Level, rng: np.random.Generator) -> Pixels:
        source = Image.fromarray(image)
        small = source.resize(_scaled(source.size, level["scale"]), Image.Resampling.BOX)
        return np.array(small.resize(source.size, Image.Resampling.NEAREST))


class Downscale(BaseCorruption):
    """A small copy from the web, enlarged again: both ways smoothly (bicubic)."""

    name = "downscale"
    parameters = (Parameter("scale", (0.8, 0.6, 0.45, 0.35, 0.25), "reduced side over original side", 1),)

    def apply(self, image: Pixels, level: Level, rng: np.random.Generator) -> Pixels:
        source = Image.fromarray(image)
        small = source.resize(_scaled(source.size, level["scale"]), Image.Resampling.BICUBIC)
        return np.array(small.resize(source.size, Image.Resampling.BICUBIC))


class Screenshot(BaseCorruption):
    """Photographed off a screen by software and sent on: rescaled and saved as JPEG, again and again."""

    name = "screenshot"
    parameters = (
        Parameter("scale", (0.9, 0.8, 0.7, 0.6, 0.5), "side on the last screen over original side", 1),
        Parameter("quality", (85, 70, 55, 40, 25), "quality setting of libjpeg", 95),
        Parameter("rounds", (1, 1, 2, 2, 3), "times that it is passed on"),
    )

    def apply(self, image: Pixels, level: Level, rng: np.random.Generator) -> Pixels:
        source = picture = Image.fromarray(image)
        rounds = int(level["rounds"])
        for turn in range(1, rounds + 1):
            scale = level["scale"] ** (turn / rounds)
            picture = picture.resize(_scaled(source.size, scale), Image.Resampling.BILINEAR)
            picture = _through_jpeg(picture, int(level["quality"]))
        return np.array(picture.resize(source.size, Image.Resampling.BILINEAR))


class ElasticTransform(BaseCorruption):
    """A random affine map and a smooth random displacement; the border is mirrored.

    As published, severities 1 and 2 move the image as a whole and 3 to 5 tear at its details,
    so that the distance to the clean image does not grow steadily.
    """

    name = "elastic_transform"
    parameters = (
        Parameter("alpha", (488, 488, 12.2, 17.08, 29.28), "displacement in pixels, before smoothing"),
        Parameter("sigma", (170.8, 19.52, 2.44, 2.44, 2.44), "standard deviation of the smoothing in pixels"),
        Parameter(
            "affine", (24.4, 48.8, 4.88, 4.88, 4.88), "farthest shift of the affine map's three points in pixels"
        ),
    )
    source = PUBLISHED
    variants = _ELASTIC_VARIANTS
    random = True
    monotone = False

    def apply(self, image: Pixels, level: Level, rng: np.random.Generator) -> Pixels:
        height, width = image.shape[:2]
        matrix = _random_affine(height, width, level["affine"], rng)
        own_rows, own_columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
        columns = _displacement(height, width, level["alpha"], level["sigma"], rng) + own_columns
        rows = _displacement(height, width, level["alpha"], level["sigma"], rng) + own_rows
        if self.variant == "reference":
            image = resampled(image, *_mapped(matrix, own_rows, own_columns), self.quantise)
        else:
            rows, columns = _mapped(matrix, rows, columns)
        return resampled(image, rows, columns, self.quantise)


def _random_affine(height: int, width: int, reach: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the 2 × 3 matrix from output (row, column, 1) to input (row, column) that moves three points at random.

    The points span a square of a third of the shorter side about the centre. Where the draw
    flattens their triangle (small images), the map is the identity.
    """
    centre = np.array([height // 2, width // 2], np.float64)
    arm = min(height, width) // 3
    before = centre + arm * np.array([[1, 1], [1, -1], [-1, -1]])
    after = before + rng.uniform(-reach, reach, (3, 2))
    homogeneous = np.column_stack([after, np.ones(3)])
    if arm == 0 or abs(np.linalg.det(homogeneous)) < 0.4 * arm * arm:
        return np.eye(2, 3)
    return np.linalg.solve(homogeneous, before).T


def _mapped(matrix: npt.NDArray[np.float64], rows: Positions, columns: Positions) -> tuple[Positions, Positions]:
    first, second = matrix.tolist()
    return (
        first[0] * rows + first[1] * columns + first[2],
        second[0] * rows + second[1] * columns + second[2],
    )


def _displacement(height: int, width: int, alpha: float, sigma: float, rng: np.random.Generator) -> Positions:
    """Return smoothed uniform noise between −1 and 1, times ``alpha``."""
    noise = words((height, width), rng).astype(np.float32)
    noise *= np.float32(2 / 65535)
    noise -= 1
    return _smoothed(noise, sigma) * np.float32(alpha)


def _smoothed(noise: Floats, sigma: float) -> Floats:
    """Return ``noise`` under a Gaussian kernel cut off at three standard deviations; the border is mirrored.

    With mirrored borders it is a product in the cosine domain, however wide it is: the faster way
    unless the kernel is narrow.
    """
    from scipy.fft import dctn, idctn

    radius = int(3 * sigma + 0.5)
    if radius <= _NARROW:
        mirrored = np.pad(noise, radius, mode="symmetric")
        return gaussian(mirrored, sigma, 3)[radius : radius + len(noise), radius : radius + noise.shape[1]]
    spectrum = dctn(noise)
    spectrum *= _response(len(noise), sigma)[:, None]
    spectrum *= _response(noise.shape[1], sigma)
    smooth: Floats = idctn(spectrum, overwrite_x=True)
    return smooth


@lru_cache(maxsize=64)
def _response(length: int, sigma: float) -> Floats:
    """Return the frequency response of a Gaussian kernel cut off at three standard deviations."""
    steps = np.arange(1, int(3 * sigma + 0.5) + 1)
    taps = np.exp(-0.5 * (steps / sigma) ** 2)
    waves = np.cos(np.pi / length * np.outer(np.arange(length), steps))
    response = (1 + 2 * (waves * taps).sum(axis=1)) / (1 + 2 * taps.sum())
    single: Floats = response.astype(np.float32)
    return single


def _through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return decode(file.getvalue(), "the JPEG", formats=("JPEG",), most=image.width * image.height)


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(int(size[0] * scale), 1), max(int(size[1] * scale), 1)
