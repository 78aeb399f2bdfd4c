"""How near two numbers are: a relative tolerance in exact arithmetic, and by doubles where those can tell."""

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.reading.numbers import Number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def number_as_published(text: str) -> float | None:
    """Return the number of a text as pix2struct's scripts read it, and DePlot's with them; None where it is none.

    >>> number_as_published("12%"), number_as_published("1e3"), number_as_published("1,000")
    (0.12, 1000.0, None)
    """
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def exact_tolerance(tolerance: float, argument: str = "tolerance") -> Fraction:
    """Return a tolerance as the decimal that was written, so that 0.05 is 1/20 and not the nearest double.

    Raises:
        ValueError: if it is negative, infinite or not a number, naming ``argument``.

    >>> exact_tolerance(0.05)
    Fraction(1, 20)
    """
    value = Decimal(repr(float(tolerance)))
    if not value.is_finite() or value < 0:
        raise ValueError(f"{argument} must be a finite number of at least 0, got {tolerance!r}")
    return Fraction(value)


def within(value: Fraction, target: Fraction, tolerance: Fraction) -> bool:
    """Say whether ``value`` is within a relative ``tolerance`` of ``target``, edge included; a zero target is exact.

    >>> within(Fraction("1.05"), Fraction(1), Fraction("0.05")), within(Fraction("0.001"), Fraction(0), Fraction(1))
    (True, False)
    """
    return abs(value - target) <= tolerance * abs(target)


def near(value: Number, target: Number, tolerance: Fraction) -> bool:
    """As :func:`within`, on numbers as read; exact arithmetic only where doubles cannot tell.

    >>> near(Number("1.05"), Number("1"), Fraction("0.05")), near(Number("1.051"), Number("1"), Fraction("0.05"))
    (True, False)
    """
    given, wanted, limit = value.approx, target.approx, float(tolerance)
    # Each reading and each operation is off by at most one part in 2^53; eight of them stay below this doubt.
    gap, edge = abs(given - wanted), limit * abs(wanted)
    doubt = 1e-15 * (abs(given) + abs(wanted)) * (1 + limit) + 1e-300
    if gap > edge + doubt:
        return False
    return gap < edge - doubt or within(value.value, target.value, tolerance)


def near_columns(
    values: "NDArray[np.float64]", targets: "NDArray[np.float64]", limits: "NDArray[np.float64]"
) -> "tuple[NDArray[np.bool_], NDArray[np.bool_]]":
    """As :func:`near`, on the doubles nearest to many numbers, up to the exact arithmetic.

    Args:
        values: [n]; NaN is near nothing. One further rounding (a division by 100) stays within the doubt.
        targets: [n].
        limits: the relative tolerance of each row, [n].

    Returns:
        The rows that are near beyond doubt, and those that doubles cannot decide; NaN is in neither.
    """
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        gap, edge = np.abs(values - targets), limits * np.abs(targets)
        doubt = 1e-15 * (np.abs(values) + np.abs(targets)) * (1 + limits) + 1e-300
        near_ = gap < edge - doubt
        open_ = ~(gap > edge + doubt) & ~near_ & ~np.isnan(values) & ~np.isnan(targets)
    return near_, open_


def scaled(value: Number, target: Number) -> Fraction | None:
    """Return ``value`` in the units of ``target`` where only one of them has a percent sign, else None.

    The other may or may not be in percent: "62%" is 62, as written, and 0.62.

    >>> scaled(Number("62", percent=True), Number("0.62")), scaled(Number("1"), Number("1"))
    (Fraction(31, 50), None)
    """
    if value.percent == target.percent:
        return None
    return value.value / 100 if value.percent else value.value * 100


def meets(value: Number, target: Number, tolerance: Fraction) -> bool:
    """As :func:`near`, whichever way a percent sign on one side alone is meant.

    >>> meets(Number("62", percent=True), Number("0.62"), Fraction(0))
    True
    """
    if near(value, target, tolerance):
        return True
    other = scaled(value, target)
    return other is not None and within(other, target.value, tolerance)


def same_unit(value: Number, target: Number) -> bool:
    """Say whether two numbers can be compared: they have the same unit, or one of them has none.

    >>> same_unit(Number("5", unit="kg"), Number("5", unit="g")), same_unit(Number("5", unit="kg"), Number("5"))
    (False, True)
    """
    return not (value.unit and target.unit) or value.unit.casefold() == target.unit.casefold()
