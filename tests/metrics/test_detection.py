"""Mean average precision beside a plain greedy matching, where boxes and scores tie."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.metrics.detection import Detection, MeanAveragePrecision, MeanAveragePrecision50, Truth
from harness.seeds import generator

Box = tuple[float, float, float, float]


def overlap(found: Box, there: Box, crowd: bool) -> float:
    width = min(found[2], there[2]) - max(found[0], there[0])
    height = min(found[3], there[3]) - max(found[1], there[1])
    shared = max(width, 0.0) * max(height, 0.0)
    area, other = ((box[2] - box[0]) * (box[3] - box[1]) for box in (found, there))
    union = area if crowd else area + other - shared
    return shared / union if union > 0 else 0.0


def greedy(detections: list[Detection], truths: list[Truth], threshold: float) -> float:
    """AP of one label at one threshold, detection by detection."""
    outcomes = []
    for image in sorted({row.image for row in detections}):
        there = sorted((row for row in truths if row.image == image), key=lambda row: (row.crowd, row.box))
        free = [not row.crowd for row in there]
        found = sorted((r for r in detections if r.image == image), key=lambda r: (-r.score, r.id, r.box))[:100]
        for row in found:
            shares = [overlap(row.box, truth.box, truth.crowd) for truth in there]
            usable = [i for i, share in enumerate(shares) if free[i] and share >= min(threshold, 1 - 1e-10)]
            best = max(usable, key=lambda i: (shares[i], i), default=None)
            on_crowd = any(truth.crowd and share >= threshold for truth, share in zip(there, shares, strict=True))
            if best is not None:
                free[best] = False
            if best is not None or not on_crowd:
                outcomes.append((-row.score, best is not None))
    total = sum(not row.crowd for row in truths)
    if not total:
        return math.nan
    above = [[hit for score, hit in outcomes if score <= least] for least in sorted({score for score, _ in outcomes})]
    precision = np.array([np.mean(hits) for hits in above])
    recall = np.array([sum(hits) / total for hits in above])
    points = np.linspace(0, 1, 101)
    return float(np.mean([max(precision[recall >= point], default=0.0) for point in points]))


def tied_scene(seed: int) -> tuple[list[Detection], list[Truth]]:
    """Boxes on a coarse grid, so that overlaps, boxes and scores tie."""
    rng = generator("tied scene", seed)
    truths, detections = [], []
    for _ in range(int(rng.integers(1, 40))):
        x, y = (int(side) * 10 for side in rng.integers(0, 4, 2))
        truths.append(Truth(f"image {rng.integers(3)}", "cat", (x, y, x + 20, y + 20), bool(rng.random() < 0.15)))
    for i in range(int(rng.integers(0, 60))):
        x, y = (int(side) * 5 for side in rng.integers(0, 9, 2))
        where = f"image {rng.integers(4)}"
        detections.append(Detection(where, "cat", (x, y, x + 20, y + 20), float(rng.integers(4)), str(i % 5)))
    return detections, truths


@pytest.mark.parametrize("seed", range(25))
def test_average_precision_equals_a_plain_greedy_matching(seed: int) -> None:
    detections, truths = tied_scene(seed)
    metric = MeanAveragePrecision(resamples=0)
    expected = [greedy(detections, truths, threshold) for threshold in metric.thresholds]
    assert metric.compute(detections, truths).value == pytest.approx(np.mean(expected), nan_ok=True)
    assert repr(metric.compute(detections[::-1], truths[::-1])) == repr(metric.compute(detections, truths))


def test_only_the_best_hundred_detections_of_an_image_and_label_count() -> None:
    far, box = (50.0, 50.0, 60.0, 60.0), (0.0, 0.0, 10.0, 10.0)
    wrong = [Detection("a", "cat", far, 0.9, str(i)) for i in range(100)]
    metric = MeanAveragePrecision50(resamples=0)
    assert metric.compute([*wrong, Detection("a", "cat", box, 0.1)], [Truth("a", "cat", box)]).value == 0.0
    assert metric.compute([*wrong[1:], Detection("a", "cat", box, 0.1)], [Truth("a", "cat", box)]).value > 0.0


def test_without_draws_there_is_no_interval() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    rows = [("a", "dog", box), ("b", "dog", box)]
    value = MeanAveragePrecision(resamples=0).compute(
        [Detection(*row, 0.5) for row in rows], [Truth(*row) for row in rows]
    )
    assert value.value == 1.0
    assert math.isnan(value.low)
    assert value.method == "none"


def test_many_pairs_are_looked_at_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    detections, truths = tied_scene(1)
    whole = MeanAveragePrecision(resamples=20).compute(detections, truths)
    monkeypatch.setattr("harness.metrics.detection._PAIRS", 3)
    assert repr(MeanAveragePrecision(resamples=20).compute(detections, truths)) == repr(whole)
