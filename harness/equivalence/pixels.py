"""What makes two tensors of one image differ, as far as the numbers themselves say."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.equivalence.noise import furthest

Picture = NDArray[np.floating[Any]]
"""[height, width, channels]."""

_EXACT: Final = 1e-3
"""A residual of that share of a channel's spread is none: an affine map explains the channel."""
_BLOCK: Final = 8
_FINE: Final = 0.25
"""A difference of which block means keep less than this share is fine: noise keeps 1/64, a wash nearly all."""
_LIKE: Final = 0.8
_SHIFTS: Final = 2


def cause(a: Picture, b: Picture, tolerance: float) -> str:
    """Return in words what was done otherwise in B; the correlation where nothing of the usual kind explains it.

    Args:
        a: A's pixels, [height, width, channels].
        b: B's, of the same shape.
        tolerance: what rounding may make of them.
    """
    one, other = a.astype(np.float64), b.astype(np.float64)
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return "numbers that are not finite (NaN or infinite)"
    found = (test(one, other, tolerance) for test in (_turned, _colours, _moved, _shifted, _resampled))
    return next((said for said in found if said), "") or _unlike(one, other)


def _turned(a: Picture, b: Picture, tolerance: float) -> str:
    ways = {"upside down": a[::-1], "mirrored": a[:, ::-1], "turned by 180°": a[::-1, ::-1]}
    if a.shape[0] == a.shape[1]:
        turned = {"rows and columns swapped": a.transpose(1, 0, 2), "turned by 90°": np.rot90(a)}
        ways |= turned | {"turned by 270°": np.rot90(a, 3)}
    name = next((name for name, way in ways.items() if furthest(way, b) <= tolerance), None)
    return f"B sees the image {name} (EXIF?)" if name else ""


def _colours(a: Picture, b: Picture, tolerance: float) -> str:
    """Look for an affine map from each channel of A to one of B."""
    channels = range(a.shape[2])
    if fitted := _fits(a, b, [*channels]):
        return _normalised(*fitted, b)
    if a.shape[2] == 3 and _fits(a, b, [2, 1, 0]):
        return "channels swapped: B's first channel is A's last (RGB against BGR)"
    return ""


def _fits(a: Picture, b: Picture, order: list[int]) -> tuple[Picture, Picture] | None:
    """Return slopes and offsets by channel of B, where they explain it; None where they do not."""
    slopes, offsets = [], []
    for channel, source in enumerate(order):
        x, y = a[..., source].ravel(), b[..., channel].ravel()
        spread = float(x.std())
        slope = float(((x - x.mean()) * (y - y.mean())).mean() / spread**2) if spread else 1.0
        offset = float(y.mean() - slope * x.mean())
        if float(np.sqrt(np.mean((y - slope * x - offset) ** 2))) > _EXACT * max(float(y.std()), 1e-12):
            return None
        slopes.append(slope)
        offsets.append(offset)
    return np.array(slopes), np.array(offsets)


def _normalised(slopes: Picture, offsets: Picture, b: Picture) -> str:
    told = f"B = {_listed(slopes)} · A {_signed(offsets)}"
    for factor, name in ((255.0, "B"), (1 / 255, "A")):
        # Without an offset of its own only the scale is another: taken off before or after, a mean would show.
        if np.allclose(slopes, factor, rtol=0.02):
            return f"{name} is not rescaled by 1/255, or the other twice: {told}"
    if np.allclose(slopes, 1, rtol=_EXACT):
        return f"another mean: {told}"
    if b.min() >= 0 and b.max() <= 1:
        return f"B is not normalised, its numbers lie between 0 and 1: {told}"
    if np.allclose(offsets, 0, atol=_EXACT):
        return f"another standard deviation: {told}"
    return f"another mean and standard deviation: {told}"


def _listed(values: Picture) -> str:
    told = [f"{value:.4g}" for value in values]
    return told[0] if len({*told}) == 1 else f"({', '.join(told)})"


def _signed(values: Picture) -> str:
    return f"+ {_listed(values)}" if len({*np.sign(values)}) > 1 or values[0] >= 0 else f"− {_listed(-values)}"


def _moved(a: Picture, b: Picture, tolerance: float) -> str:
    if furthest(np.sort(a, axis=None), np.sort(b, axis=None)) > tolerance:
        return ""
    return "the same numbers in other places: the order of patches, or of axes"


def _shifted(a: Picture, b: Picture, tolerance: float) -> str:
    for down, right in _small_shifts():
        high, wide = a.shape[0] - abs(down), a.shape[1] - abs(right)
        if min(high, wide) < 2 * _BLOCK:
            continue
        one = a[max(0, -down) : max(0, -down) + high, max(0, -right) : max(0, -right) + wide]
        other = b[max(0, down) : max(0, down) + high, max(0, right) : max(0, right) + wide]
        if furthest(one, other) <= tolerance:
            return f"B lies {down:+d} rows and {right:+d} columns beside A: another crop"
    return ""


def _small_shifts() -> Iterator[tuple[int, int]]:
    steps = range(-_SHIFTS, _SHIFTS + 1)
    return ((down, right) for down in steps for right in steps if (down, right) != (0, 0))


def _resampled(a: Picture, b: Picture, tolerance: float) -> str:
    difference = b - a
    power = float(np.mean(difference**2))
    high, wide = (side // _BLOCK * _BLOCK for side in a.shape[:2])
    if not (high and wide and power) or _correlation(a, b) < _LIKE:
        return ""
    blocks = difference[:high, :wide].reshape(high // _BLOCK, _BLOCK, wide // _BLOCK, _BLOCK, -1).mean(axis=(1, 3))
    coarse = float(np.mean(blocks**2)) / power
    if coarse > _FINE:
        return ""
    level = _grey_level(a, tolerance)
    most = f", {float(np.abs(difference).max()) / level:.0f} grey levels at most" if level else ""
    return (
        f"size and colours agree, and {1 - coarse:.0%} of the difference is finer than {_BLOCK} pixels{most}: "
        "another resampling filter, antialiasing or compression"
    )


def _grey_level(a: Picture, tolerance: float) -> float | None:
    """Return the step between neighbouring values, where they lie on a grid: one of 256 grey levels."""
    steps = np.diff(np.unique(a[..., 0]))
    steps = steps[steps > tolerance]
    return float(steps.min()) if steps.size and steps.min() > 10 * tolerance else None


def _correlation(a: Picture, b: Picture) -> float:
    if not (a.std() and b.std()):
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def _unlike(a: Picture, b: Picture) -> str:
    return f"no simple change of colour, place or sharpness; correlation {_correlation(a, b):.3f}"
