"""What a gate may ask of a metric: a number within its bounds, on the side that is worse."""

from collections.abc import Iterator

from harness.estimate import Statistic
from harness.spec.models import GateSpec

Finding = tuple[str, str, str]
"""The gate's key, what is wrong with its value, and what to write instead."""


def limits_nothing(gate: GateSpec, statistic: Statistic) -> Iterator[Finding]:
    """Yield the numbers of a gate that no value of the metric, or every value, satisfies.

    >>> from harness.estimate import column, mean
    >>> share = Statistic("accuracy", mean(column("accuracy", "qa")))
    >>> [found[1:] for found in limits_nothing(GateSpec(metric="qa/accuracy", max_drop=2), share)]
    [('a drop of 2 can never happen: qa/accuracy lies between 0 and 1', 'did you mean 0.02?')]
    """
    low, high = statistic.bounds
    within = f"{gate.metric} lies between {_told(low)} and {_told(high)}"
    for key in ("max_drop", "max_increase"):
        value = getattr(gate, key)
        if value is not None and low is not None and high is not None and value >= high - low:
            moved = "a drop" if key == "max_drop" else "an increase"
            yield key, f"{moved} of {value:g} can never happen: {within}", _percent(value, high - low)
    if gate.min is not None:
        if high is not None and gate.min > high:
            yield "min", f"nothing can reach {gate.min:g}: {within}", _percent(gate.min, high)
        elif low is not None and gate.min <= low:
            yield "min", f"every value is at least {gate.min:g}: {within}", "drop the key, or ask for more"
    if gate.max is not None:
        if low is not None and gate.max < low:
            yield "max", f"nothing can stay below {gate.max:g}: {within}", "drop the key, or allow more"
        elif high is not None and gate.max >= high:
            yield "max", f"every value is at most {gate.max:g}: {within}", _percent(gate.max, high)


def unread(gate: GateSpec) -> Iterator[Finding]:
    """Yield the keys of a gate that do nothing without another one.

    >>> [found[1] for found in unread(GateSpec(metric="qa/accuracy", min=0.9, floor=0.1))]
    ['`floor` does nothing without `max_ratio`']
    """
    for key in ("floor", "launch_spread"):
        if gate.max_ratio is None and key in gate.model_fields_set:
            yield key, f"`{key}` does nothing without `max_ratio`", "drop the key"


def turned_round(gate: GateSpec, statistic: Statistic) -> Iterator[Finding]:
    """Yield the key of a gate that limits a metric on its better side, unless the gate says that it is a control."""
    if gate.control:
        return
    if gate.max is not None and gate.min is None and statistic.direction == "higher":
        said = f"`max` limits how good {gate.metric} may get: higher is better"
        yield "max", said, "use `min`, or say `control: true` where a low value is the right one"
    if gate.min is not None and gate.max is None and statistic.direction == "lower":
        said = f"`min` limits how good {gate.metric} may get: lower is better"
        yield "min", said, "use `max`, or say `control: true` where a high value is the right one"


def _told(bound: float | None) -> str:
    return "no limit" if bound is None else f"{bound:g}"


def _percent(value: float, most: float) -> str:
    """Suggest the share that was meant where a percentage was written."""
    share = value / 100
    return f"did you mean {share:g}?" if value > 1 and share < most <= 1 else "drop the key, or ask for less"
