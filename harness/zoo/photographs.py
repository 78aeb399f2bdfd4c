"""The photographs that scikit-image and scikit-learn carry, and seeded crops of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from harness.errors import SampleError
from harness.extras import install
from harness.seeds import Stream

if TYPE_CHECKING:
    from PIL import Image

CROPS_VERSION: Final = 1
"""Raise it whenever the same seed draws other crops."""

Part = Literal["evaluation", "calibration"]

_SKIMAGE: Final = ("skimage", "data")
_SKLEARN: Final = ("sklearn", "datasets/images")


@dataclass(frozen=True, slots=True)
class Photograph:
    """One picture, and what ImageNet would call it."""

    name: str
    file: str
    home: tuple[str, str]
    """The package that carries it, and the folder in it."""
    part: Part
    labels: tuple[str, ...] = ()
    """ImageNet's names for what it shows, any of which is right; none where no class fits."""

    def path(self) -> Path:
        """Return where it lies.

        Raises:
            SampleError: if its package is not installed.
        """
        package, folder = self.home
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise SampleError(f"{self.name} comes with {_DISTRIBUTIONS[package]}; run `{install('imagenet')}`")
        return Path(spec.submodule_search_locations[0]) / folder / self.file


_DISTRIBUTIONS: Final = {"skimage": "scikit-image", "sklearn": "scikit-learn"}

PHOTOGRAPHS: Final = (
    Photograph("astronaut", "astronaut.png", _SKIMAGE, "evaluation"),
    Photograph("cat", "chelsea.png", _SKIMAGE, "evaluation", ("tabby, tabby cat", "tiger cat", "Egyptian cat")),
    Photograph("coffee", "coffee.png", _SKIMAGE, "evaluation", ("espresso", "cup", "coffee mug")),
    Photograph("rocket", "rocket.jpg", _SKIMAGE, "evaluation", ("missile", "projectile, missile", "space shuttle")),
    Photograph("cameraman", "camera.png", _SKIMAGE, "evaluation", ("tripod",)),
    Photograph("temple", "china.jpg", _SKLEARN, "evaluation", ("palace", "stupa, tope", "bell cote, bell cot")),
    Photograph(
        "motorcycle",
        "motorcycle_left.png",
        _SKIMAGE,
        "evaluation",
        ("moped", "motor scooter, scooter", "disk brake, disc brake", "crash helmet"),
    ),
    Photograph("clock", "clock_motion.png", _SKIMAGE, "calibration"),
    Photograph("flower", "flower.jpg", _SKLEARN, "calibration"),
    Photograph("coins", "coins.png", _SKIMAGE, "calibration"),
    Photograph("galaxies", "hubble_deep_field.jpg", _SKIMAGE, "calibration"),
    Photograph("tissue", "ihc.png", _SKIMAGE, "calibration"),
    Photograph("grass", "grass.png", _SKIMAGE, "calibration"),
    Photograph("bricks", "brick.png", _SKIMAGE, "calibration"),
    Photograph("moon", "moon.png", _SKIMAGE, "calibration"),
)
"""No photograph is in both parts, nor is a near twin of one (the motorcycle's stereo partner is left out)."""


@lru_cache(maxsize=4)
def _decoded(path: Path) -> "Image.Image":
    from harness.images import decode, to_rgb

    return to_rgb(decode(path, path.name))


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a photograph, perhaps mirrored; pixels are cut when it is loaded."""

    photograph: Photograph
    number: int
    seed: int
    area: tuple[float, float]
    """Smallest and largest share of the photograph's area."""

    def load(self) -> "Image.Image":
        """Return the crop, RGB, in the photograph's own resolution.

        Raises:
            SampleError: if the photograph is not installed or cannot be read.
        """
        from PIL import ImageOps

        try:
            whole = _decoded(self.photograph.path())
        except OSError as cause:
            raise SampleError(f"{self.photograph.name}: {cause}") from cause
        stream = Stream("photo crop", self.seed, self.photograph.name, self.number)
        share = stream.uniform(*self.area) ** 0.5
        width, height = max(1, round(whole.width * share)), max(1, round(whole.height * share))
        left, top = stream.integer(0, whole.width - width), stream.integer(0, whole.height - height)
        cut = whole.crop((left, top, left + width, top + height))
        return ImageOps.mirror(cut) if stream.integer(0, 1) else cut


def crops(
    part: Part, count: int, seed: int, area: tuple[float, float] = (0.35, 1.0), labelled: bool = False
) -> Sequence[Crop]:
    """Return ``count`` different crops, the photographs of the part taking turns.

    Args:
        part: which photographs.
        count: how many crops.
        seed: of place, size and mirroring.
        area: smallest and largest share of a photograph's area, in (0, 1].
        labelled: only photographs that show a class of ImageNet.
    """
    chosen = [p for p in PHOTOGRAPHS if p.part == part and (p.labels or not labelled)]
    return [Crop(chosen[i % len(chosen)], i // len(chosen), seed, area) for i in range(count)]
