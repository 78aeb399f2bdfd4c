"""Put detectors on trial: fit, calibrate, score."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.detect import OodDetector, Views
from harness.detect.column import Column
from harness.tasks.ood.splits import Known

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One detector's scores and its calibrated threshold."""

    label: str
    threshold: float
    scores: Mapping[str, Floats]
    """By split: of the test split, and of every set out of distribution."""


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
    for name, found in scores.items():
        if len(found) < 2:
            raise ValueError(f"{name} has {len(found)} scores; separating two classes needs at least 2 of each")
    return Trial(label, threshold_for(calibration, target), scores)
