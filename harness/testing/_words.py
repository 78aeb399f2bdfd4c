"""The words in which laws are written."""

import math
from typing import Any

from harness.asks import require
from harness.metrics import MetricValue

__all__ = ["check_value", "close", "require", "same"]


def same(first: Any, second: Any) -> bool:
    """Tell whether two results are the same to the last bit; NaN is itself."""
    return repr(first) == repr(second)


def close(first: float, second: float) -> bool:
    """Tell whether two values are the same but for rounding."""
    both_nan = math.isnan(first) and math.isnan(second)
    return both_nan or first == second or math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-12)


def check_value(value: MetricValue, bounds: tuple[float, float]) -> None:
    """Require a value and an interval that make sense together, within the bounds."""
    if math.isnan(value.value):
        require(value.n == 0, f"NaN with n = {value.n}")
        return
    slack = 1e-9
    require(bounds[0] - slack <= value.value <= bounds[1] + slack, f"{value.value} lies outside {bounds}")
    if not (math.isnan(value.low) or math.isnan(value.high)):
        require(value.low <= value.high, f"the interval is inverted: {value.low} to {value.high}")
        require(bounds[0] - slack <= value.low, f"the interval leaves {bounds}: {value.low}")
        require(value.high <= bounds[1] + slack, f"the interval leaves {bounds}: {value.high}")
