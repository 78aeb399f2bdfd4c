"""ROC and precision–recall curves with their bands and operating points, as data for the report."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.metrics.ranking import Curve as RankCurve
from harness.tasks._base import Chart, Line, Mark
from harness.tasks.ood.trial import Draws, Trial

Floats = NDArray[np.float64]

POINTS: Final = 200
"""Points of a line: the record stays small, and the area moves by less than a thousandth."""
_BAND: Final = 400
"""Draws behind a band."""
_NOTE: Final = (
    "Positive: out of distribution. Band: 95 % of bootstrap draws at each {axis}, classes drawn by themselves. "
    "Marks: the threshold that was calibrated beforehand."
)


def roc_chart(name: str, trials: Sequence[Trial], test: str, other: str, draws: Draws) -> Chart:
    """Return the ROC of all detectors against one set."""
    lines = [_line(trial, test, other, draws, _roc) for trial in trials]
    marks = [Mark(f"{trial.label}: calibrated", *_operating(trial, test, other)[:2]) for trial in trials]
    return Chart(
        name, "false positive rate", "true positive rate", tuple(lines), tuple(marks),
        note=_NOTE.format(axis="false positive rate"),
    )  # fmt: skip


def precision_chart(name: str, trials: Sequence[Trial], test: str, other: str, draws: Draws) -> Chart:
    """Return precision over recall of all detectors against one set."""
    lines = [_line(trial, test, other, draws, _precision) for trial in trials]
    marks = []
    for trial in trials:
        false, true, precision = _operating(trial, test, other)
        if false + true > 0:
            marks.append(Mark(f"{trial.label}: calibrated", true, precision))
    return Chart(name, "recall", "precision", tuple(lines), tuple(marks), note=_NOTE.format(axis="recall"))


def severity_chart(name: str, trial: Trial, test: str, others: Sequence[tuple[str, str]], draws: Draws) -> Chart:
    """Return one detector's ROC against growing severities; ``others`` are splits and what to call them."""
    lines = [_line(trial, test, split, draws, _roc, label) for split, label in others]
    return Chart(
        name, "false positive rate", "true positive rate", tuple(lines),
        note=_NOTE.format(axis="false positive rate"),
    )  # fmt: skip


def _operating(trial: Trial, test: str, other: str) -> tuple[float, float, float]:
    """Return false and true positive rate and precision at the calibrated threshold."""
    false, true = trial.scores[test] > trial.threshold, trial.scores[other] > trial.threshold
    caught = int(true.sum())
    return float(false.mean()), float(true.mean()), caught / max(1, caught + int(false.sum()))


Rates = Callable[[Floats, Floats], tuple[Floats, Floats]]
"""Weights of both classes at or above each threshold → x, growing, and y."""


def _roc(alarmed: Floats, false: Floats) -> tuple[Floats, Floats]:
    return np.r_[0.0, false / false[-1]], np.r_[0.0, alarmed / alarmed[-1]]


def _precision(alarmed: Floats, false: Floats) -> tuple[Floats, Floats]:
    seen = alarmed + false > 0
    recall, precision = (alarmed / alarmed[-1])[seen], (alarmed[seen] / (alarmed + false)[seen])
    return np.r_[0.0, recall], np.r_[precision[:1], precision]


def _line(trial: Trial, test: str, other: str, draws: Draws, rates: Rates, label: str = "") -> Line:
    ids, oods = trial.scores[test], trial.scores[other]
    labels = np.repeat([0, 1], [len(ids), len(oods)])
    curve = RankCurve.of(np.concatenate([ids, oods]), labels).thinned(POINTS)
    x, y = rates(curve.positives.astype(np.float64), curve.negatives.astype(np.float64))
    low, high = _band(trial, test, other, draws, rates, x)
    return Line(label or trial.label, _plain(x), _plain(y), _plain(low), _plain(high))


def _band(trial: Trial, test: str, other: str, draws: Draws, rates: Rates, x: Floats) -> tuple[Floats, Floats]:
    if not draws.count:
        return np.zeros(0), np.zeros(0)
    separation = trial.separations[other]
    alarmed, false = separation.counts(draws.of(test)[:_BAND], draws.of(other)[:_BAND])
    rows = []
    for up, down in zip(alarmed, false, strict=True):
        if up[-1] > 0 and down[-1] > 0:
            drawn_x, drawn_y = rates(up, down)
            rows.append(np.interp(x, drawn_x, drawn_y))
    low, high = np.quantile(rows, [0.025, 0.975], axis=0)
    return low, high


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)
