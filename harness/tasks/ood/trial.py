"""Put detectors on trial: fit, calibrate, score, and what the scores are worth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.detect import OodDetector, Views
from harness.detect.column import Column
from harness.metrics.ranking import FprAt95Tpr, ood_report
from harness.seeds import generator
from harness.stats.bootstrap import RESAMPLES, draw_weights, percentile_interval
from harness.stats.intervals import mean_interval, wilson
from harness.tasks.ood.separation import STATISTICS, Separation, under_draws
from harness.tasks.ood.splits import Known
from harness.types import Direction, MetricValue, Status

Floats = NDArray[np.float64]

LOWER: Final = ("fpr_at_95_tpr", "fpr_at_95_tpr_ood_positive", "detection_error", "fpr")
_MANY: Final = 50_000
"""Samples of a split above which the closed forms serve: there the bootstrap would say the same, slowly."""
_CELLS: Final = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One detector's scores and its calibrated threshold."""

    label: str
    threshold: float
    scores: Mapping[str, Floats]
    """By split: of the test split, and of every set out of distribution."""
    separations: Mapping[str, Separation] = field(default_factory=dict)
    """By set out of distribution, against the test split."""


def threshold_for(calibration: Floats, target_fpr: float) -> float:
    """Return the threshold that a new in-distribution score exceeds with a chance of at most ``target_fpr``.

    The ⌈(n + 1)(1 − target)⌉-th smallest of n scores: split conformal, which holds for every n and every
    distribution, over the draw of calibration and test scores.

    Raises:
        ValueError: if there are too few scores for the target.

    Source:
        Vovk et al. 2005; Angelopoulos and Bates 2023, "Conformal Prediction: A Gentle Introduction".

    >>> threshold_for(np.arange(1.0, 20.0), 0.05)
    19.0
    """
    n = len(calibration)
    rank = math.ceil((n + 1) * (1 - target_fpr) - 1e-9)
    if rank > n:
        raise ValueError(
            f"{n} calibration scores are too few for a false positive rate of {target_fpr:g}; "
            f"at least {least_for(target_fpr)} are needed"
        )
    return float(np.partition(calibration, rank - 1)[rank - 1])


def least_for(target_fpr: float) -> int:
    """Return the fewest calibration scores that hold a false positive rate.

    >>> least_for(0.05), least_for(0.01)
    (19, 99)
    """
    return math.ceil(1 / target_fpr - 1 - 1e-9)


def try_detector(
    label: str,
    detector: OodDetector,
    splits: Mapping[str, Known],
    roles: Mapping[str, str],
    options: tuple[str | None, float],
) -> Trial:
    """Fit, calibrate and score.

    Args:
        label: what the suite calls it.
        detector: a new one.
        splits: by name.
        roles: names of the splits ``fit``, ``calibrate`` (absent: leave one out) and ``test``.
        options: the tag that names classes, and the target false positive rate.

    Raises:
        ValueError: if it cannot be done, with the reason.
    """
    tag, target = options

    def views(known: Known) -> Views:
        return known.for_column(detector.tag) if isinstance(detector, Column) else known.views

    fit = splits[roles["fit"]]
    fitted = detector.fit(views(fit) if isinstance(detector, Column) else fit.with_labels(tag))
    if "calibrate" in roles:
        calibration: Floats | None = fitted.score(views(splits[roles["calibrate"]]))
    else:
        calibration = fitted.score_left_out()
    if calibration is None:
        raise ValueError("it cannot be calibrated by leaving one out; declare a `calibrate` split")
    skipped = {roles["fit"], roles.get("calibrate")}
    scores = {name: fitted.score(views(known)) for name, known in splits.items() if name not in skipped}
    test = scores[roles["test"]]
    for name, found in scores.items():
        if len(found) < 2:
            raise ValueError(f"{name} has {len(found)} scores; separating two classes needs at least 2 of each")
    separations = {name: Separation.of(test, found) for name, found in scores.items() if name != roles["test"]}
    return Trial(label, threshold_for(calibration, target), scores, separations)


class Draws:
    """Bootstrap weights of every split: the same for all detectors, and in every run over the same data."""

    def __init__(self, splits: Sequence[Known], seed: int, task: str) -> None:
        largest = max((known.expected for known in splits), default=0)
        self.count = 0 if largest > _MANY else int(np.clip(_CELLS // max(1, largest), 200, RESAMPLES))
        self._weights = {known.split.name: self._draw(known, seed, task) for known in splits} if self.count else {}

    def _draw(self, known: Known, seed: int, task: str) -> Floats:
        rng = generator(seed, task, known.split.name, "draws")
        drawn = draw_weights(known.expected, rng, self.count, clusters=np.array(known.clusters))
        parts = [known.weights(weights) for weights in drawn]
        return np.concatenate(parts) if parts else np.zeros((self.count, 0))

    def of(self, name: str) -> Floats:
        """Return the weights of a split's known samples, [B, n]."""
        return self._weights[name]


def separation_values(
    trial: Trial, name: str, test: Known, other: Known, draws: Draws
) -> tuple[dict[str, MetricValue], Floats]:
    """Return every statistic of one detector against one set, and its AUROC under the draws."""
    ids, oods = trial.scores[test.split.name], trial.scores[name]
    scores, labels = np.concatenate([ids, oods]), np.repeat([0, 1], [len(ids), len(oods)])
    closed = ood_report(scores, labels)
    closed["fpr_at_95_tpr_ood_positive"] = FprAt95Tpr(variant="ood-positive").compute(scores, labels)
    separation = trial.separations[name]
    exact = separation.statistics(np.ones((1, len(ids))), np.ones((1, len(oods))))
    drawn = under_draws(separation, draws.of(test.split.name), draws.of(name)) if draws.count else {}
    smaller = min(test.groups, other.groups)
    alone = test.groups == len(ids) and other.groups == len(oods)
    failed = test.expected + other.expected - len(scores)
    statuses = {str(Status.OK): len(scores)} | ({str(Status.ERROR): failed} if failed else {})
    values = {}
    for statistic in STATISTICS:
        value = float(exact[statistic][0])
        low, high, method = _interval(value, drawn.get(statistic), closed.get(statistic) if alone else None, smaller)
        values[statistic] = MetricValue(
            value, low, high, len(scores), len(scores) + failed,
            "lower" if statistic in LOWER else "higher", statuses=statuses, method=method,
            replicates=drawn.get(statistic), units=smaller,
        )  # fmt: skip
    return values, drawn.get("auroc", np.zeros(0))


def _interval(value: float, drawn: Floats | None, closed: MetricValue | None, smaller: int) -> tuple[float, float, str]:
    if drawn is not None:
        low, high = percentile_interval(drawn)
        if low < high:
            return min(low, value), max(high, value), f"stratified bootstrap, percentile, B={len(drawn)}"
    if closed is not None:
        return closed.low, closed.high, closed.method
    low, high = (float(bound) for bound in wilson(value * smaller, smaller))
    return low, high, "wilson on the independent samples of the smaller class"


def mean_auroc(parts: Sequence[tuple[MetricValue, Floats]]) -> MetricValue:
    """Return the mean AUROC over several sets; the in-distribution draws are shared, so the interval knows of it."""
    if not parts:
        return MetricValue(math.nan, math.nan, math.nan, 0, 0, "higher")
    values = [value for value, _ in parts]
    value = float(np.mean([part.value for part in values]))
    drawn = np.mean([draws for _, draws in parts], axis=0)
    low, high = percentile_interval(drawn) if drawn.size else (math.nan, math.nan)
    if not low < high:
        # Nothing moved in any draw, or nothing was drawn: at worst all parts lie at their own ends.
        low, high = float(np.mean([part.low for part in values])), float(np.mean([part.high for part in values]))
    n, total = sum(part.n for part in values), sum(part.total for part in values)
    statuses = {str(Status.OK): n} | ({str(Status.ERROR): total - n} if total > n else {})
    return MetricValue(
        value, low, high, n, total, "higher", statuses=statuses,
        method=f"mean of {len(parts)} sets, shared draws", replicates=drawn if drawn.size else None,
        units=min(part.units or part.n for part in values),
    )  # fmt: skip


def flagged(trial: Trial, known: Known, direction: Direction, draws: Draws) -> MetricValue:
    """Return the share of a split's samples above the calibrated threshold, with its interval."""
    flags = trial.scores[known.split.name] > trial.threshold
    n, share = len(flags), float(flags.mean())
    clusters = np.array(known.clusters)[known.places]
    low, high, method = math.nan, math.nan, "wilson"
    if known.groups < n:
        low, high = mean_interval(flags.astype(np.float64), np.unique(clusters, return_inverse=True)[1])
        low, high, method = max(0.0, low), min(1.0, high), "clustered t"
    if not low < high:
        low, high = (float(bound) for bound in wilson(share * known.groups, known.groups))
        method = "wilson" if known.groups == n else "wilson on clusters"
    failed = known.expected - n
    statuses = {str(Status.OK): n} | ({str(Status.ERROR): failed} if failed else {})
    drawn = None
    if draws.count:
        weights = draws.of(known.split.name)
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = (weights @ flags) / weights.sum(axis=1)
    return MetricValue(
        share, low, high, n, known.expected, direction, statuses=statuses, method=method, replicates=drawn,
        units=known.groups,
    )  # fmt: skip
