"""What ``harness why --layers`` found beside causes: rows of steps, and whether the model still looks, as text."""

import math
from typing import Final

from harness.causes.layers import Step
from harness.causes.looking import Looking
from harness.report import why_rows
from harness.report.numbers import interval
from harness.report.text import plain

_SAID: Final = {
    "looks": "still looks",
    "looks less": "looks less than it did",
    "looks no longer": "NO LONGER LOOKS at its images",
    "undecided": "whether it still looks is not decided",
    "did not look": "these questions do not show whether it looks: not even the float model's gap is above 0",
}


def heads(metric: str) -> tuple[str, ...]:
    """Return the heads of the table of steps."""
    return ("", "in float", f"{plain(metric)} [95 % interval]", "to float, paired", "speed-up", "MiB")


def row(step: Step) -> tuple[str, ...]:
    """Return a step's cells."""
    return (
        "*" if step.pareto else "",
        plain(step.name),
        interval(step.metric) if step.metric else "undefined",
        why_rows.interval(step.change) if step.change else "",
        "1" if step.name == "float" else "{:.2f}× [{:.2f}, {:.2f}]".format(*step.ratio),
        f"{step.bytes / 2**20:.1f}",
    )


def sight(found: Looking) -> str:
    """Return in a line whether a quantised model still looks.

    ``still looks: gap to another sample's image 0.952 → 0.934, −0.018 [−0.040, +0.004], n = 240``
    """
    gaps = " → ".join("undefined" if one.value is None else f"{one.value:.3f}" for one in (found.before, found.after))
    moved = "" if math.isnan(found.change.value) else f", {why_rows.interval(found.change)}"
    return f"{_SAID[found.sight]}: gap to another sample's image {gaps}{moved}, n = {found.after.n:,}"
