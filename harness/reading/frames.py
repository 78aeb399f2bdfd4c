"""What the numbers of a box count: pixels, shares or thousandths of the image, x or y first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.errors import UsageError, did_you_mean
from harness.facts import FRAMES, Y_FIRST

_WHOLE: Final[Mapping[str, float]] = {"unit": 1.0, "per-mille": 1000.0, "per-mille-999": 999.0}
"""The number of the right or lower edge, in frames that are shares of the image."""
_SMALL: Final = 16.0
"""An image with fewer pixels a side may well have boxes of one pixel."""
_BEYOND: Final = 2.0
"""Nothing that is meant in a frame reaches further than this many images."""

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """One way of saying where a box lies."""

    name: str = "pixel"
    y_first: bool = False
    resized: Pair | None = None
    """For ``resized``: the image's size after it was resized, where the samples do not carry it."""

    @classmethod
    def parse(cls, text: str, resized: Any = None) -> "Frame":
        """Return the frame of a name.

        Raises:
            UsageError: if there is none.

        >>> Frame.parse("per-mille-yx")
        Frame(name='per-mille', y_first=True, resized=None)
        """
        name = str(text).removesuffix(Y_FIRST)
        if name not in FRAMES:
            raise UsageError(f"unknown frame {text!r}; {did_you_mean(str(text), FRAMES)}")
        return cls(name, text.endswith(Y_FIRST), None if resized is None else pair(resized, "resized"))

    def needs(self) -> tuple[str, ...]:
        """Return the facts without which a box in this frame can't be laid over one in pixels."""
        if self.name == "pixel":
            return ()
        return ("size", "resized") if self.name == "resized" and self.resized is None else ("size",)

    def extent(self, context: Mapping[str, Any]) -> Pair | None:
        """Return the numbers of the right and the lower edge of the image; None where they aren't known."""
        if self.name in _WHOLE:
            return _WHOLE[self.name], _WHOLE[self.name]
        if self.name == "resized":
            return self.resized or pair(context.get("resized"), "resized")
        size = context.get("size")
        return None if size is None else pair(size, "size")


def pair(value: Any, name: str) -> Pair:
    """Return a width and a height.

    Raises:
        ValueError: if it is none.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2 or not all(v > 0 for v in value):
        raise ValueError(f"{name} must be an image's (width, height), got {value!r}")
    return value[0], value[1]


def scales(frame: Frame, other: Frame, context: Mapping[str, Any]) -> tuple[Pair, Pair]:
    """Return the factors, across and down, that bring boxes of two frames onto one.

    Boxes of one frame need none, since overlaps are ratios; else both become pixels.

    Raises:
        ValueError: if that takes the image's size, or the resized image's, and it is not known.
    """
    if frame.name == other.name:
        return (1.0, 1.0), (1.0, 1.0)
    if frame.name in _WHOLE and other.name in _WHOLE and "size" not in context:
        size = 1.0, 1.0
    else:
        said = " and ".join(sorted({frame.name, other.name}))
        if context.get("size") is None:
            raise ValueError(f"size must be the image's (width, height) to compare boxes in {said}, got None")
        size = pair(context["size"], "size")
    return _scale(frame, size, context), _scale(other, size, context)


def _scale(frame: Frame, size: Pair, context: Mapping[str, Any]) -> Pair:
    if frame.name == "pixel":
        return 1.0, 1.0
    across, down = frame.extent(context) or size
    return size[0] / across, size[1] / down


def misfit(frame: Frame, points: Sequence[Pair], context: Mapping[str, Any]) -> str | None:
    """Return why corners can't be meant in a frame, as a complaint; None where they can, or nobody can tell.

    >>> misfit(Frame("unit"), [(120, 40), (300, 90)], {})
    'cannot read the answer in the frame unit: it lies outside the image, up to (300, 90) of (1, 1)'
    >>> misfit(Frame("pixel"), [(0.2, 0.4), (0.6, 0.9)], {"size": (640, 480)})
    'cannot read the answer in the frame pixel: all its numbers lie in 0 to 1, which is a dot'
    """
    extent, said = frame.extent(context), f"cannot read the answer in the frame {frame.name}:"
    if extent is None:
        return None
    outside = any(
        min(values) > whole or max(values) < 0 or max(values) > _BEYOND * whole or min(values) < -_BEYOND * whole
        for values, whole in zip(zip(*points, strict=True), extent, strict=True)
    )
    if outside:
        far, of = (f"({x:g}, {y:g})" for x, y in (points[-1], extent))
        return f"{said} it lies outside the image, up to {far} of {of}"
    numbers = [number for point in points for number in point]
    within = all(0 <= number <= 1 for number in numbers)
    if within and max(extent) >= _SMALL and (numbers == [0, 0, 1, 1] or any(number % 1 for number in numbers)):
        return f"{said} all its numbers lie in 0 to 1, which is a dot"
    return None
