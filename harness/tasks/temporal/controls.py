"""What a temporal task's controls show: the baseline that does not look, and gaps to it and to each control."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.facts import context
from harness.metrics import SampleMetric
from harness.seeds import generator
from harness.tasks._pictured import Finding, Table
from harness.tasks._said import with_interval
from harness.tasks.temporal.timeline import duration_of
from harness.types import MetricValue, Sample

BASELINE: Final = "uniform_span"
_DRAWS: Final = 40
"""Windows that the baseline draws a sample; their mean is what it expects."""


def expected(samples: Sequence[Sample], metric: SampleMetric, seed: int, task: str) -> NDArray[np.float64]:
    """Return what each sample is worth to one who draws windows without looking: both ends uniform over the clip.

    Args:
        samples: the clips, [n]; one whose duration is not known is NaN.
        metric: what judges the windows.
        seed: of the suite.
        task: whose samples they are, by name.
    """
    values = np.full(len(samples), math.nan)
    for i, sample in enumerate(samples):
        duration = duration_of(sample)
        if duration is None:
            continue
        ends = np.sort(generator(seed, task, BASELINE, sample.id).uniform(0, duration, (_DRAWS, 2)), axis=1)
        known = context(sample)
        scores = [metric.score(json.dumps({"spans": [window]}), sample.references, **known) for window in ends.tolist()]
        values[i] = float(np.mean([metric.worth(score) for score in scores]))
    return values


def findings(gaps: Mapping[str, MetricValue], normal: MetricValue, primary: str) -> Iterable[Finding]:
    """Say of each control whether the model falls under it.

    Args:
        gaps: by control.
        normal: the first metric without a control.
        primary: its name.
    """
    if not normal.value > 0:
        yield Finding("warning", f"uninformative: {primary} is 0 or undefined, so no control can fall below it")
        return
    for control, gap in gaps.items():
        if math.isnan(gap.value):
            said = f"what {primary} is with {control.replace('_', ' ')} is undefined"
            yield Finding("warning", f"not shown to be grounded: {said}")
            continue
        said = f"{primary} is higher by {with_interval(gap)} than with {control.replace('_', ' ')}"
        if gap.low > 0:
            yield Finding("note", f"grounded: {said}")
        else:
            yield Finding("warning", f"not shown to be grounded: {said}, which may be nothing")


def table(gaps: Mapping[str, MetricValue], under: Mapping[str, MetricValue], primary: str) -> Table:
    """Return the gaps beside what is left under each control."""
    rows = tuple((name, under[name].value, gap.value, gap.low, gap.high, gap.n) for name, gap in gaps.items())
    columns = ("control", primary, "gap", "low", "high", "n")
    return Table("controls", columns, rows, "paired differences to the normal view, 95 % intervals")
