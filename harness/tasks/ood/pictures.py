"""ROC and precision–recall curves with their bands and operating points, as data for the report."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.metrics.ranking import Curve as RankCurve
from harness.seeds import generator
from harness.stats.draws import row_weights
from harness.tasks._pictured import Chart, Line, Mark
from harness.tasks.ood.splits import Known
from harness.tasks.ood.trial import Trial

Floats = NDArray[np.float64]

POINTS: Final = 200
"""Points of a line: the record stays small, and the area moves by less than a thousandth."""
_BAND: Final = 400
"""Draws behind a band; fewer where a split is large, down to 80."""
_MANY: Final = 50_000
"""Samples of a split above which a line has no band: there it would be as thin as the line, and slow."""
_CELLS: Final = 4_000_000

Draws = Mapping[str, NDArray[np.float64]]
"""By split: how often each of its samples is drawn, [B, n]; without any, lines have no bands."""
_NOTE: Final = (
    "Positive: out of distribution. Band: 95 % of bootstrap draws at each {axis}, classes drawn by themselves. "
    "Marks: the threshold that was calibrated beforehand."
)


def draws(splits: Sequence[Known], *seed: str | int) -> Draws:
    """Return draws of whole clusters, each split by itself: the same for all detectors."""
    largest = max((len(known.samples) for known in splits), default=0)
    if not 0 < largest <= _MANY:
        return {}
    count = min(_BAND, _CELLS // largest)
    found = {}
    for known in splits:
        clusters = [sample.cluster or f"\0{sample.id}" for sample in known.samples]
        rng = generator(*seed, known.split.name, "draws")
        found[known.split.name] = np.concatenate([*row_weights(len(clusters), clusters, count, rng)])
    return found


def roc_chart(name: str, trials: Sequence[Trial], test: str, other: str, drawn: Draws) -> Chart:
    """Return the ROC of all detectors against one set."""
    lines = [_line(trial, test, other, drawn, _roc) for trial in trials]
    marks = [Mark(f"{trial.label}: calibrated", *_operating(trial, test, other)[:2]) for trial in trials]
    return Chart(
        name, "false positive rate", "true positive rate", tuple(lines), tuple(marks),
        note=_NOTE.format(axis="false positive rate"),
    )  # fmt: skip


def precision_chart(name: str, trials: Sequence[Trial], test: str, other: str, drawn: Draws) -> Chart:
    """Return precision over recall of all detectors against one set."""
    lines = [_line(trial, test, other, drawn, _precision) for trial in trials]
    marks = []
    for trial in trials:
        false, true, precision = _operating(trial, test, other)
        if false + true > 0:
            marks.append(Mark(f"{trial.label}: calibrated", true, precision))
    return Chart(name, "recall", "precision", tuple(lines), tuple(marks), note=_NOTE.format(axis="recall"))


def severity_chart(name: str, trial: Trial, test: str, others: Sequence[tuple[str, str]], drawn: Draws) -> Chart:
    """Return one detector's ROC against growing severities; ``others`` are splits and what to call them."""
    lines = [_line(trial, test, split, drawn, _roc, label) for split, label in others]
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


def _line(trial: Trial, test: str, other: str, drawn: Draws, rates: Rates, label: str = "") -> Line:
    ids, oods = trial.scores[test], trial.scores[other]
    labels = np.repeat([0, 1], [len(ids), len(oods)])
    curve = RankCurve.of(np.concatenate([ids, oods]), labels).thinned(POINTS)
    x, y = rates(curve.positives.astype(np.float64), curve.negatives.astype(np.float64))
    low, high = _band(trial, test, other, drawn, rates, x)
    return Line(label or trial.label, _plain(x), _plain(y), _plain(low), _plain(high))


def _band(trial: Trial, test: str, other: str, drawn: Draws, rates: Rates, x: Floats) -> tuple[Floats, Floats]:
    if not drawn:
        return np.zeros(0), np.zeros(0)
    rows = []
    for up, down in zip(*_counts(trial.scores[test], trial.scores[other], drawn[test], drawn[other]), strict=True):
        if up[-1] > 0 and down[-1] > 0:
            drawn_x, drawn_y = rates(up, down)
            rows.append(np.interp(x, drawn_x, drawn_y))
    low, high = np.quantile(rows, [0.025, 0.975], axis=0)
    return low, high


def _counts(ids: Floats, oods: Floats, id_weights: Floats, ood_weights: Floats) -> tuple[Floats, Floats]:
    """Return the weight of each class at or above each distinct score, [B, scores]: others, in distribution."""
    scores = np.concatenate([ids, oods])
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    out = np.concatenate([np.zeros_like(id_weights), ood_weights], axis=1)[:, order]
    within = np.concatenate([id_weights, np.zeros_like(ood_weights)], axis=1)[:, order]
    alarmed, false = (np.cumsum(np.add.reduceat(rows, starts, axis=1), axis=1) for rows in (out, within))
    return alarmed, false


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)
