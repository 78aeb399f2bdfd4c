"""How findings say a number."""

from harness.types import MetricValue


def with_interval(value: MetricValue) -> str:
    """Return a value as findings print it: ``0.412 [0.301, 0.523]``."""
    return f"{value.value:.3f} [{value.low:.3f}, {value.high:.3f}]"
