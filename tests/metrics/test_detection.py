"""COCO's family beside a search of every way to match, where boxes and scores tie; and what must not move a number."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics import SummedMetric, get
from harness.metrics._matching import AREAS
from harness.metrics.detection import (
    Detection,
    MeanAveragePrecision,
    MeanAveragePrecision50,
    Truth,
    average_precision,
    average_recall,
    read_detections,
)
from harness.seeds import generator

FAMILY = ("map", "map_50", "map_75", "map_small", "map_medium", "map_large", "ar_1", "ar_10", "ar_100")
"""As COCO prints them."""

Box = tuple[float, float, float, float]


def metric(name: str, **params: Any) -> Any:
    found = get(name, **params)
    assert isinstance(found, SummedMetric)
    return found


def size(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def overlap(found: Box, there: Box, crowd: bool) -> float:
    width = min(found[2], there[2]) - max(found[0], there[0])
    height = min(found[3], there[3]) - max(found[1], there[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = size(found) if crowd else size(found) + size(there) - shared
    return round(shared / union, 12) if union > 0 else 0.0


def best_of_all_ways(
    found: Sequence[Detection], there: Sequence[Truth], threshold: float, area: str
) -> dict[float, tuple[int, int]]:
    """Hits and misses of each score in one image, found by trying everything."""
    low, high = AREAS[area]
    outside = [not low <= size(row.box) <= high for row in found]
    ignored = [row.crowd or not low <= size(row.box) <= high for row in there]
    shares = [[overlap(row.box, truth.box, truth.crowd) for truth in there] for row in found]
    options = [[None, *(t for t in range(len(there)) if line[t] >= threshold)] for line in shares]
    scores = sorted({row.score for row in found}, reverse=True)
    best: tuple[Any, ...] = ()
    for way in itertools.product(*options):
        taken = [t for t in way if t is not None and not there[t].crowd]
        if len(taken) != len(set(taken)):
            continue
        worth = []
        for score in scores:
            group = [d for d, row in enumerate(found) if row.score == score]
            hits = sum(way[d] is not None and not ignored[way[d] or 0] for d in group)
            misses = sum(way[d] is None and not outside[d] for d in group)
            given = sum(way[d] is not None for d in group)
            total = round(sum(shares[d][way[d] or 0] for d in group if way[d] is not None), 9)
            worth.append((hits, -misses, given, total))
        best = max(best, tuple(worth))
    return {score: (hits, -calm) for score, (hits, calm, *_) in zip(scores, best, strict=True)}


def plain(detections: list[Detection], truths: list[Truth], threshold: float, area: str = "all") -> tuple[float, float]:
    """AP and AR of one label at one threshold."""
    low, high = AREAS[area]
    counts: dict[float, np.ndarray] = {}
    for image in sorted({row.image for row in detections}):
        found = [row for row in detections if row.image == image]
        there = [row for row in truths if row.image == image]
        for score, pair in best_of_all_ways(found, there, threshold, area).items():
            counts[score] = counts.get(score, np.zeros(2)) + pair
    total = sum(not row.crowd and low <= size(row.box) <= high for row in truths)
    if not total:
        return math.nan, math.nan
    sums = np.cumsum([counts[score] for score in sorted(counts, reverse=True)] or [[0, 0]], axis=0)
    precision = np.divide(sums[:, 0], sums.sum(1), out=np.zeros(len(sums)), where=sums.sum(1) > 0)
    recall = sums[:, 0] / total
    points = np.linspace(0, 1, 101)
    return float(np.mean([max(precision[recall >= point], default=0.0) for point in points])), float(recall[-1])


def tied_scene(seed: int, side: int = 10) -> tuple[list[Detection], list[Truth]]:
    """Boxes on a coarse grid, so that overlaps, boxes and scores tie."""
    rng = generator("tied scene", seed)
    truths, detections = [], []
    for image in range(4):
        for _ in range(int(rng.integers(0, 4))):
            x, y = (int(place) * side for place in rng.integers(0, 2, 2))
            crowd = bool(rng.random() < 0.2)
            truths.append(Truth(f"image {image}", "cat", (x, y, x + 2 * side, y + 2 * side), crowd))
        for _ in range(int(rng.integers(0, 6))):
            x, y = (int(place) * side / 2 for place in rng.integers(-1, 4, 2))
            grown = int(rng.integers(1, 3)) * side
            box = (x, y, x + 2 * grown, y + 2 * side)
            detections.append(Detection(f"image {image}", "cat", box, float(rng.integers(3))))
    return detections, truths


@pytest.mark.parametrize("seed", range(30))
def test_of_tied_detections_the_best_that_they_can_do_together_counts(seed: int) -> None:
    detections, truths = tied_scene(seed)
    ours = MeanAveragePrecision(resamples=0)
    expected = [plain(detections, truths, threshold) for threshold in ours.thresholds]
    assert ours.compute(detections, truths).value == pytest.approx(np.mean(expected, 0)[0], nan_ok=True)
    found = metric("ar_100", resamples=0).compute(detections, truths).value
    assert found == pytest.approx(np.mean(expected, 0)[1], nan_ok=True)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("area", ["small", "medium", "large"])
def test_so_it_is_for_objects_of_a_size(seed: int, area: str) -> None:
    detections, truths = tied_scene(seed, side={"small": 10, "medium": 20, "large": 45}[area])
    ours = metric(f"map_{area}", resamples=0)
    expected = [plain(detections, truths, threshold, area)[0] for threshold in ours.thresholds]
    assert ours.compute(detections, truths).value == pytest.approx(np.mean(expected), nan_ok=True)


def mirrored(box: Box) -> Box:
    return 640 - box[2], box[1], 640 - box[0], box[3]


def turned(box: Box) -> Box:
    return box[1], box[0], box[3], box[2]


CHANGES: dict[str, Callable[[list[Any]], list[Any]]] = {
    "mirroring the picture": lambda rows: [replace(row, box=mirrored(row.box)) for row in rows],
    "turning the picture": lambda rows: [replace(row, box=turned(row.box)) for row in rows],
    "renaming the files": lambda rows: [replace(row, image=row.image.translate({48: "9", 49: "5"})) for row in rows],
    "renaming the labels": lambda rows: [replace(row, label={"cat": "yak", "dog": "ant"}[row.label]) for row in rows],
    "another order of the rows": lambda rows: rows[::-1],
}


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("change", CHANGES)
def test_nothing_moves_a_number_that_is_not_the_models(name: str, change: str) -> None:
    ours = metric(name, resamples=20)
    for seed in range(12):
        detections, truths = tied_scene(seed, side=30)
        halves = [[replace(row, label="dog" if size(row.box) > 4000 else "cat") for row in detections], truths]
        again = [CHANGES[change](rows) for rows in halves]
        assert repr(ours.compute(*again)) == repr(ours.compute(*halves)), (seed, change)


NUMBER = st.integers(0, 40)
BOX = st.tuples(NUMBER, NUMBER, st.integers(1, 40), st.integers(1, 40)).map(
    lambda four: (four[0] / 7, four[1] / 7, (four[0] + four[2]) / 7, (four[1] + four[3]) / 7)
)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), BOX, st.sampled_from([0.5, 1.0])), max_size=8),
    st.lists(st.tuples(st.sampled_from("ab"), BOX, st.booleans()), max_size=6),
    st.sampled_from(FAMILY),
)
@settings(max_examples=60, deadline=None)
def test_mirroring_renaming_and_shuffling_are_laws(
    found: list[tuple[str, Box, float]], there: list[tuple[str, Box, bool]], name: str
) -> None:
    detections = [Detection(image, "cat", box, score) for image, box, score in found]
    truths = [Truth(image, "cat", box, crowd) for image, box, crowd in there]
    ours = metric(name, resamples=0)
    value = ours.compute(detections, truths).value
    assert math.isnan(value) or 0 <= value <= 1
    for change in ("mirroring the picture", "renaming the labels", "another order of the rows"):
        again = ours.compute(CHANGES[change](detections), CHANGES[change](truths)).value
        assert repr(again) == repr(value), change
    swapped = ours.compute(*([replace(row, image="ba"["ab".index(row.image)]) for row in rows] for rows in
                             (detections, truths))).value  # fmt: skip
    assert repr(swapped) == repr(value)
    perfect = [Detection(row.image, row.label, row.box, 0.5) for row in truths if not row.crowd]
    once = len({(row.image, row.box) for row in perfect}) == len(perfect)
    if perfect and once and name in ("map", "map_50", "map_75", "ar_100"):
        assert ours.compute(perfect, truths).value == 1.0


def test_boxes_without_a_score_count_alike_in_every_picture() -> None:
    boxes = [(0.0, 0.0, 10.0, 10.0), (4.0, 0.0, 14.0, 10.0)]
    truths = [Truth("a", "cat", box) for box in boxes]
    both = [Detection("a", "cat", (2.0, 0.0, 12.0, 10.0), 1.0), Detection("a", "cat", boxes[1], 1.0)]
    for order in (both, both[::-1]):
        for change in CHANGES.values():
            assert MeanAveragePrecision50(resamples=0).compute(change(order), change(truths)).value == 1.0


@pytest.mark.parametrize("seed", range(8))
def test_the_family_equals_pycocotools_where_no_scores_tie(seed: int) -> None:
    detections, truths = sized_scene(seed)
    theirs = coco_numbers(detections, truths)
    for name, their in zip(FAMILY, theirs, strict=True):
        ours = metric(name, resamples=0).compute(detections, truths).value
        assert ours == pytest.approx(math.nan if their == -1 else their, nan_ok=True), name


def sized_scene(seed: int, images: int = 8) -> tuple[list[Detection], list[Truth]]:
    rng = generator("sized scene", seed)
    truths, detections = [], []
    for image in range(images):
        for _ in range(int(rng.integers(0, 8))):
            corner, sides = rng.uniform(0, 300, 2), rng.choice([20.0, 33.0, 60.0, 95.0, 140.0], 2)
            box = tuple(float(side) for side in (*corner, *(corner + sides)))
            label = ["cat", "dog"][int(rng.integers(2))]
            area = float(rng.uniform(0.5, 1.0)) * size(box) if rng.random() < 0.5 else None
            truths.append(Truth(f"image {image:02}", label, box, bool(rng.random() < 0.15), area))
            for _ in range(int(rng.integers(0, 5))):
                moved = np.sort((np.array(box) + rng.normal(0, 6, 4)).reshape(2, 2), axis=0).ravel()
                detections.append(Detection(f"image {image:02}", label, tuple(map(float, moved)), float(rng.random())))
    return detections, truths


def coco_numbers(detections: list[Detection], truths: list[Truth]) -> list[float]:
    coco_module, evaluate = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    images = {name: i + 1 for i, name in enumerate(sorted({row.image for row in [*truths, *detections]}))}
    kind = {"cat": 1, "dog": 2}

    def entry(row: Truth | Detection) -> dict[str, Any]:
        x1, y1, x2, y2 = row.box
        area = getattr(row, "area", None) or (x2 - x1) * (y2 - y1)
        where = {"image_id": images[row.image], "category_id": kind[row.label]}
        return {**where, "bbox": [x1, y1, x2 - x1, y2 - y1], "area": area}

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coco = coco_module.COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": i} for i in images.values()],
            "categories": [{"id": i, "name": name} for name, i in kind.items()],
            "annotations": [entry(row) | {"id": i + 1, "iscrowd": int(row.crowd)} for i, row in enumerate(truths)],
        }
        coco.createIndex()
        run = evaluate.COCOeval(coco, coco.loadRes([entry(row) | {"score": row.score} for row in detections]), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return [float(number) for number in run.stats[:9]]


def test_only_the_best_hundred_detections_of_an_image_and_label_count() -> None:
    far, box = (50.0, 50.0, 60.0, 60.0), (0.0, 0.0, 10.0, 10.0)
    wrong = [Detection("a", "cat", far, 0.9) for _ in range(100)]
    ours = MeanAveragePrecision50(resamples=0)
    assert ours.compute([*wrong, Detection("a", "cat", box, 0.1)], [Truth("a", "cat", box)]).value == 0.0
    assert ours.compute([*wrong[1:], Detection("a", "cat", box, 0.1)], [Truth("a", "cat", box)]).value > 0.0


def test_tied_detections_that_the_limit_parts_count_in_part() -> None:
    boxes = [(20.0 * i, 0.0, 20.0 * i + 10, 10.0) for i in range(4)]
    truths = [Truth("a", "cat", box) for box in boxes]
    tied = [Detection("a", "cat", box, 1.0) for box in boxes]
    ours = metric("ar_1", resamples=0)
    assert ours.compute(tied, truths).value == 1 / 4
    assert ours.compute([*tied, Detection("a", "cat", (0.0, 50.0, 9.0, 59.0), 1.0)], truths).value == pytest.approx(
        4 / 5 / 4
    )
    assert ours.compute([replace(tied[0], score=2.0), *tied[1:]], truths).value == 1 / 4
    assert metric("ar_10", resamples=0).compute(tied, truths).value == 1.0


def test_a_box_that_is_written_a_thousand_times_is_matched_in_no_time() -> None:
    boxes = [(20.0 * i, 0.0, 20.0 * i + 15, 10.0) for i in range(3)]
    loop = [Detection("a", "cat", box, 1.0) for box in boxes for _ in range(700)]
    value = MeanAveragePrecision(resamples=0).compute(loop, [Truth("a", "cat", box) for box in boxes]).value
    assert 0 < value < 0.01


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
    monkeypatch.setattr("harness.metrics._matching._PAIRS", 3)
    assert repr(MeanAveragePrecision(resamples=20).compute(detections, truths)) == repr(whole)


@pytest.mark.parametrize("name", FAMILY)
def test_rows_of_a_record_give_the_number_of_compute(name: str) -> None:
    detections, truths = sized_scene(3)
    ours = metric(name, resamples=0)
    texts = []
    for image in sorted({row.image for row in [*detections, *truths]}):
        found = [row for row in detections if row.image == image]
        told = [{"label": row.label, "box": row.box, "score": row.score} for row in found]
        there = [
            {"label": row.label, "box": row.box, "crowd": row.crowd, **({} if row.area is None else {"area": row.area})}
            for row in truths
            if row.image == image
        ]
        texts.append(ours.score(json.dumps(told), ["-"], boxes=there).rows)
    form = ours.form(name, [])
    function = average_recall if name.startswith("ar") else average_precision
    (value,) = function([texts], [np.ones((1, len(texts)))], **form["parameters"])
    assert value == pytest.approx(ours.compute(detections, truths).value, nan_ok=True)


@pytest.mark.parametrize(
    ("answer", "size", "box"),
    [
        ('I see ```json\n[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}]\n```', None, (1, 2, 3, 4)),
        ('{"objects": [{"label": "dog", "box": [1, 2, 3, 4], "confidence": 0.5}]}', None, (1, 2, 3, 4)),
        ('[{"label": "dog", "box_2d": [100, 200, 500, 400]}]', (50, 10), (10, 1, 20, 5)),
    ],
)
def test_detections_are_read_wherever_an_answer_writes_them(answer: str, size: Any, box: Any) -> None:
    (found,) = read_detections(answer, size=size) or []
    assert (found.label, found.box) == ("dog", pytest.approx(box))


def test_thousandths_of_a_picture_whose_size_nobody_knows_are_no_pixels() -> None:
    assert read_detections('[{"label": "dog", "box_2d": [100, 200, 500, 400]}]') is None
