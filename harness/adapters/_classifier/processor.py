"""What ``preprocessor_config.json`` says, as our own preprocessing: the rules of `transformers`' image processors."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from harness.errors import AdapterError
from harness.zoo.preprocessing import Preprocessing, Resample

_SHORTER: Final = frozenset(
    {"CLIP", "ChineseCLIP", "Bit", "ConvNext", "MobileNetV1", "MobileNetV2", "MobileViT", "Levit"}
)
"""Processors to whom one number as `size` means the shorter side; to the others a square."""
_OTHERS: Final = frozenset({"ViT", "DeiT", "Beit", "Siglip", "Blip", "EfficientNet", "Pvt", "Segformer"})
_NOT_OURS: Final = ("do_pad", "do_resize_and_center_crop", "do_thumbnail", "do_align_long_axis", "do_color_quantize")
_RESAMPLES: Final[Mapping[int, Resample]] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers of filters."""
_WARPED: Final = 384
"""The side from which ConvNeXT's processor stretches and no longer crops."""


def from_settings(settings: Mapping[str, Any], file: Path) -> Preprocessing:
    """Return the preprocessing that an image processor's settings describe.

    Held to the processors themselves by a test, on pixels. Source: `transformers` 5, `image_processing_backends` and
    the processors of the models named above.

    Args:
        settings: the content of ``preprocessor_config.json``.
        file: what messages call it.

    Raises:
        AdapterError: if it says something that this harness does not do, or leaves out what has no one default.
    """
    return _Reader(settings, file).preprocessing()


def from_timm(config: Mapping[str, Any], file: Path) -> Preprocessing:
    """Return the preprocessing that timm's ``pretrained_cfg`` describes, as its transforms for evaluation have it.

    Source: `timm.data.transforms_factory.transforms_imagenet_eval`. The shorter side becomes the size over `crop_pct`,
    rounded down (`crop_mode: squash`: both sides do), and the middle is taken.

    Raises:
        AdapterError: if it says something that this harness does not do.
    """
    reader = _Reader(config, file)
    size, share = config.get("input_size"), config.get("crop_pct", 0.875)
    mode, resample = config.get("crop_mode", "center"), config.get("interpolation", "bicubic")
    if not isinstance(size, list) or len(size) != 3 or size[1] != size[2] or not isinstance(size[1], int):
        raise reader.refused(f"`input_size` is {size!r:.40}, which is no square")
    if mode not in ("center", "squash") or resample not in _RESAMPLES.values():
        raise reader.refused(f"`crop_mode: {mode}` with `interpolation: {resample}` is not done here")
    if not isinstance(share, int | float) or not 0 < share <= 1:
        raise reader.refused(f"`crop_pct` is {share!r:.20}, and no share")
    mean, std = (tuple(255 * one for one in reader.channels(key)) for key in ("mean", "std"))
    side, shorter = size[1], math.floor(size[1] / share)
    shown = shorter if mode == "center" else (shorter, shorter)
    return reader.checked(Preprocessing((side, side), mean, std, resize="crop", resample=resample, shown=shown))


class _Reader:
    def __init__(self, settings: Mapping[str, Any], file: Path) -> None:
        self._settings = settings
        self._file = file
        named = str(settings.get("image_processor_type") or settings.get("feature_extractor_type") or "")
        self._kind = re.sub(r"(ImageProcessor(Fast|Pil)?|FeatureExtractor)$", "", named)

    def preprocessing(self) -> Preprocessing:
        kinds = _SHORTER | _OTHERS
        if self._kind and self._kind not in kinds:
            raise self.refused(f"its processor {self._kind!r} is none that is known here ({', '.join(sorted(kinds))})")
        if wanted := [key for key in _NOT_OURS if self._settings.get(key)]:
            raise self.refused(f"`{wanted[0]}` is not done here")
        mean, std = self._normalised()
        geometry = self._geometry()
        flipped = self._settings.get("do_flip_channel_order", self._kind == "MobileViT")
        made = Preprocessing(mean=mean, std=std, reversed=bool(flipped), resample=self._resample(), **geometry)
        return self.checked(made)

    def checked(self, made: Preprocessing) -> Preprocessing:
        if min(made.std) <= 0 or not all(1 <= side <= 4096 for side in made.size):
            raise self.refused("standard deviations lie above 0, and sides between 1 and 4096")
        return made

    def _geometry(self) -> dict[str, Any]:
        if self._settings.get("do_resize", True) is False:
            raise self.refused("`do_resize` is false, and a batch needs images of one size")
        size = self._sides("size", square=self._kind not in _SHORTER)
        crop = self._sides("crop_size", square=True) if self._settings.get("do_center_crop") else None
        if self._kind == "Levit" and isinstance(size, int):
            size = int((256 / 224) * size)
        if self._kind == "ConvNext" and crop is None and isinstance(size, int):
            if size >= _WARPED:
                return {"size": (size, size), "resize": "stretch"}
            crop, size = (size, size), int(size / float(self._settings.get("crop_pct") or 224 / 256))
        if isinstance(crop, tuple):
            return {"size": crop, "resize": "crop", "shown": size}
        if isinstance(size, int):
            raise self.refused("`size` is a shorter side without a crop, and a batch needs images of one size")
        return {"size": size, "resize": "stretch"}

    def _sides(self, key: str, square: bool) -> int | tuple[int, int]:
        value = self._settings.get(key)
        found = {key: value} if isinstance(value, int) else value
        if isinstance(found, Mapping):
            sides = [found.get(name) for name in ("height", "width", "shortest_edge", key)]
            if all(isinstance(side, int) for side in sides[:2]):
                return int(str(sides[0])), int(str(sides[1]))
            if found.get("longest_edge") is None and (side := sides[2] or sides[3]) and isinstance(side, int):
                return (side, side) if square and sides[3] else side
        raise self.refused(f"`{key}` is {value!r:.60}, which does not say the sides of an image")

    def _resample(self) -> Resample:
        number = self._settings.get("resample")
        if not isinstance(number, int) or number not in _RESAMPLES:
            raise self.refused(f"`resample` is {number!r:.20}, which is none of Pillow's filters 0 to 3")
        return _RESAMPLES[number]

    def _normalised(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and standard deviation in grey levels: rescaling and normalising are one line through them."""
        said = self._settings
        factor = float(said.get("rescale_factor") or 1 / 255) if said.get("do_rescale", True) else 1.0
        less = 1.0 if said.get("rescale_offset") else 0.0
        mean: tuple[float, ...] = (0.0,) * 3
        std: tuple[float, ...] = (1.0,) * 3
        if said.get("do_normalize", self._kind != "MobileViT"):
            mean, std = self.channels("image_mean"), self.channels("image_std")
        if said.get("include_top", self._kind == "EfficientNet"):
            std = tuple(one * two for one, two in zip(std, self.channels("image_std"), strict=True))
        return tuple((one + less) / factor for one in mean), tuple(one / factor for one in std)

    def channels(self, key: str) -> tuple[float, ...]:
        value = self._settings.get(key)
        numbers = [value] * 3 if isinstance(value, int | float) else value
        if isinstance(numbers, list) and len(numbers) in (1, 3) and all(isinstance(n, int | float) for n in numbers):
            return tuple(float(number) for number in numbers)
        raise self.refused(f"`{key}` is {value!r:.60}, and not a number for each channel")

    def refused(self, said: str) -> AdapterError:
        return AdapterError(
            f"{self._file}: {said}; give `size`, `mean`, `std`, `resize` and `resample` in the adapter's file, and the "
            "file is not read"
        )
