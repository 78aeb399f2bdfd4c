"""How findings say a number."""

import math

from harness.types import MetricValue


def with_interval(value: MetricValue) -> str:
    """Return a value as findings print it: ``0.412 [0.301, 0.523]``, ``0.412 [no interval]``, ``undefined``."""
    if math.isnan(value.value):
        return "undefined"
    if math.isnan(value.low) or math.isnan(value.high):
        return f"{value.value:.3f} [no interval]"
    return f"{value.value:.3f} [{value.low:.3f}, {value.high:.3f}]"
