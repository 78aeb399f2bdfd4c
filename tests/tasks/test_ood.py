"""The OOD task: splits that share nothing, calibrated thresholds, and statistics that scikit-learn agrees with."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from harness.engine.collect import new_scores
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import SpecError
from harness.estimate import CellRows, Column, Rows
from harness.estimate.draws import Draws
from harness.metrics.ranking import Curve, FprAt95Tpr, ood_report
from harness.record import Run
from harness.stats.intervals import wilson
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.tasks.ood import OodTask
from harness.tasks.ood.numbers import statistics
from harness.tasks.ood.splits import Split
from harness.tasks.ood.trial import least_for, threshold_for
from harness.types import Response, Status
from tests.doubles import Double
from tests.tasks.figures import Seen, figures_of

SUITE = """\
suite: s
version: 1
seed: 3
datasets:
  fit: {type: charts, split: train, seed: 1, limit: 60}
  held-out: {type: charts, seed: 2, limit: 40}
  test: {type: charts, seed: 3, limit: 50}
  near-by: {type: charts, seed: 4, styles: [hbar-pastel], limit: 30}
  far-off: {type: charts, seed: 5, styles: [lollipop-pastel], limit: 30}
tasks:
  ood:
    kind: ood
    fit: fit
    calibrate: held-out
    test: test
    near: [near-by]
    far: [far-off]
    detectors: [{detector: knn, k: 3}, cosine, relative_mahalanobis]
    labels: style
    target_fpr: 0.1
"""
SHIFT = {"fit": 0.0, "calibrate": 0.0, "test": 0.0, "near-by": 1.0, "far-off": 6.0}

Edit = Callable[[Mapping[str, np.ndarray]], None]


@pytest.fixture
def task(bind: Callable[[str], Suite]) -> OodTask:
    found = bind(SUITE).tasks["ood"]
    assert isinstance(found, OodTask)
    return found


def features(task: OodTask) -> dict[str, dict[str, np.ndarray]]:
    """Features of every sample by cell: a cloud for each split, further away the further out it is."""
    rng = np.random.default_rng(0)
    return {
        cell.id: {
            sample.id: (rng.normal(size=5) + 3 + SHIFT[cell.id] * np.eye(5)[1]).astype(np.float32)
            for sample in task.samples(cell)
        }
        for cell in task.cells()
    }


def summarise(task: OodTask, vectors: Mapping[str, Mapping[str, np.ndarray]], limit: int | None = None) -> Seen:
    results = []
    for cell in task.cells():
        scores = new_scores(task, cell)
        count = min(task.count(cell), limit or 1 << 30)
        for sample in [*task.samples(cell)][:count]:
            vector = vectors[cell.id].get(sample.id)
            scores.add(sample, {}, Response(None, Status.OK if vector is not None else Status.ERROR, value=vector))
        results.append(scores.result(count))
    return figures_of(task, results, seed=3)


def test_results_are_scikit_learns_on_the_same_scores(task: OodTask) -> None:
    vectors = features(task)
    found = summarise(task, vectors)
    assert set(found.metrics) == {one.name for one in task.statistics()}
    tags = {sample.id: sample.tags["style"] for sample in task.samples(task.cells()[0])}
    centers = []
    for style in sorted(set(tags.values())):
        rows = np.stack([v for i, v in vectors["fit"].items() if tags[i] == style])
        centers.append((rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(axis=0))
    assert len(centers) > 1

    def score(name: str) -> np.ndarray:
        rows = np.stack([*vectors[name].values()])
        return 1 - np.max([rows @ c / np.linalg.norm(rows, axis=1) / np.linalg.norm(c) for c in centers], axis=0)

    for other in ("near-by", "far-off"):
        scores = np.concatenate([score("test"), score(other)])
        labels = np.repeat([0, 1], [50, 30])
        assert found.metrics[f"auroc[cosine,{other}]"].value == pytest.approx(
            sk.roc_auc_score(labels, scores), abs=2e-3
        )
        precision = sk.average_precision_score(labels, scores)
        assert found.metrics[f"aupr_out[cosine,{other}]"].value == pytest.approx(precision, abs=5e-3)
    both = [found.metrics[f"auroc[cosine,{other}]"].value for other in ("near-by", "far-off")]
    assert found.metrics["auroc_mean[cosine]"].value == pytest.approx(np.mean(both))
    assert found.metrics["auroc_near[cosine]"].value == pytest.approx(both[0])


def test_a_metric_without_a_value_is_better_in_the_same_direction_as_with_one(task: OodTask) -> None:
    read = {name: (value.direction, value.unit) for name, value in summarise(task, features(task)).metrics.items()}
    nothing = summarise(task, {cell.id: {} for cell in task.cells()}).metrics
    assert all(np.isnan(value.value) for value in nothing.values())
    assert {name: (value.direction, value.unit) for name, value in nothing.items()} == read


def test_every_value_has_an_interval_that_two_runs_share(task: OodTask) -> None:
    first, second = (summarise(task, features(task)).metrics for _ in range(2))
    assert first == second
    for name, value in first.items():
        assert value.low <= value.value <= value.high, name
        assert value.n > 0
    assert first["fpr[knn]"].direction == "lower"
    assert first["tpr[knn,far-off]"].value > 0.7
    assert first["auroc[knn,far-off]"].value > first["auroc[knn,near-by]"].value


def test_the_record_gets_curves_operating_points_and_shares_flagged(task: OodTask) -> None:
    found = summarise(task, features(task))
    roc = next(chart for chart in found.charts if chart.name == "ROC: near-by (near)")
    for line in roc.lines:
        assert (line.x[0], line.y[0], line.x[-1], line.y[-1]) == (0, 0, 1, 1)
        area = np.trapezoid([float(y or 0) for y in line.y], line.x)
        assert area == pytest.approx(found.metrics[f"auroc[{line.name},near-by]"].value, abs=2e-3)
        assert all(float(a or 0) <= float(b or 0) for a, b in zip(line.low, line.high, strict=True))
    mark = next(mark for mark in roc.marks if mark.label.startswith("knn"))
    assert mark.x == found.metrics["fpr[knn]"].value
    assert mark.y == found.metrics["tpr[knn,near-by]"].value
    assert [row[0] for row in found.tables[0].rows] == ["knn", "cosine", "relative_mahalanobis"]
    assert found.cells["test"]["flagged[knn]"].value == found.metrics["fpr[knn]"].value


def test_failed_samples_are_left_out_and_counted(task: OodTask) -> None:
    vectors = features(task)
    for sample in [*vectors["near-by"]][:5]:
        del vectors["near-by"][sample]
    value = summarise(task, vectors).metrics["auroc[knn,near-by]"]
    assert (value.n, value.total, value.statuses) == (75, 80, {"missing": 5, "ok": 75})


def test_splits_that_look_the_same_to_the_model_score_nothing_and_are_named(task: OodTask) -> None:
    vectors = features(task)
    twin, other = next(iter(vectors["test"])), next(iter(vectors["fit"]))
    vectors["test"][twin] = vectors["fit"][other]
    found = summarise(task, vectors)
    assert "leakage" in found.findings[0].text
    assert twin in found.findings[0].text
    assert all(np.isnan(value.value) and value.n == 0 for value in found.metrics.values())


def test_a_detector_that_cannot_be_tried_says_why_and_the_others_go_on(task: OodTask) -> None:
    vectors = features(task)
    found = summarise(task, vectors, limit=8)
    said = [finding.text for finding in found.findings]
    assert any("8 calibration scores are too few for a false positive rate of 0.1; at least 9" in text for text in said)
    vectors["far-off"] = dict([*vectors["far-off"].items()][:1])
    said = [finding.text for finding in summarise(task, vectors).findings]
    assert any("far-off has 1 scores; separating two classes needs at least 2" in text for text in said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("test: test\n", "test: fit\n", "leakage: 'fit' is used twice"),
        ("seed: 3, limit: 50", "seed: 2, limit: 50", "leakage: 'held-out' and 'test' share data"),
        ("near: [near-by]", "near: [nearby]", "did you mean 'near-by'"),
        ("    near: [near-by]\n    far: [far-off]\n", "", "nothing is out of distribution"),
        ("limit: 40", "limit: 8", "8 samples are too few to calibrate a false positive rate of 0.1"),
        ("cosine", "cosin", "did you mean 'cosine'"),
        ("cosine", "knn", "two detectors are called 'knn'"),
        ("cosine", "ewma", "is no detector of samples out of distribution"),
        ("k: 3", "k: 0", "k is an integer of 1 or more"),
        ("    labels: style\n", "", "relative_mahalanobis needs the classes"),
        ("labels: style", "labels: stile", "has no tag 'stile'"),
        ("    calibrate: held-out\n", "", "cosine cannot be calibrated by leaving one out"),
        ("    labels: style\n", "    labels: style\n    corruptions: [fogg]\n", "did you mean 'fog'"),
        (
            "    labels: style\n",
            "    labels: style\n    corruptions: [fog]\n    severities: [1, 9]\n",
            "severity 9 is not in 1 to 5",
        ),
    ],
)
def test_a_mistake_in_the_suite_is_named(bind: Callable[[str], Suite], old: str, new: str, said: str) -> None:
    assert old in SUITE
    with pytest.raises(SpecError, match=said):
        bind(SUITE.replace(old, new))


def test_knn_alone_needs_no_calibration_split(bind: Callable[[str], Suite]) -> None:
    text = SUITE.replace("    calibrate: held-out\n", "").replace(", cosine, relative_mahalanobis", "")
    made = bind(text).tasks["ood"]
    assert isinstance(made, OodTask)
    assert 0 < summarise(made, features(made)).metrics["fpr[knn]"].value < 0.3


def test_perfect_separation_of_few_clusters_is_no_certainty(bind: Callable[[str], Suite]) -> None:
    text = SUITE.replace("limit: 30", "limit: 30, questions_per_chart: 10")
    made = bind(text).tasks["ood"]
    assert isinstance(made, OodTask)
    vectors = features(made)
    vectors["far-off"] = {name: vector + np.float32(60) * np.eye(5)[2] for name, vector in vectors["far-off"].items()}
    value = summarise(made, {cell: {k: v.astype("f") for k, v in rows.items()} for cell, rows in vectors.items()})
    perfect = value.metrics["auroc[cosine,far-off]"]
    assert perfect.value == 1.0
    assert perfect.low == pytest.approx(float(wilson(3, 3)[0]))  # 30 samples, of three charts


COLUMNS = """\
suite: s
version: 1
datasets:
  fit: {type: jsonl, path: fit.jsonl}
  held-out: {type: jsonl, path: held-out.jsonl}
  test: {type: jsonl, path: test.jsonl}
  odd: {type: jsonl, path: odd.jsonl, on_broken: skip}
tasks:
  ood:
    kind: ood
    fit: fit
    calibrate: held-out
    test: test
    far: [odd]
    target_fpr: 0.1
    detectors: [{detector: column, tag: s}, {detector: column, tag: t, as: t}]
"""


@pytest.fixture
def scored(write: Callable[..., Path]) -> None:
    """Four files of scores; one line cannot be read and is left out."""
    rng = np.random.default_rng(1)
    for name in ("fit", "held-out", "test", "odd"):
        scores = rng.normal(size=30) + 9 * (name == "odd")
        rows = [
            {"id": f"{name}-{i}", "image": f"{name}-{i}.png", "question": "", "answer": "", "tags": {"s": float(score)}}
            for i, score in enumerate(scores)
        ]
        lines = [json.dumps(row) for row in rows] + ["no row at all"] * (name == "odd")
        write(f"{name}.jsonl", "\n".join(lines))


@pytest.mark.usefixtures("scored")
def test_scores_that_stand_in_the_data_are_judged_without_a_model(bind: Callable[[str], Suite], tmp_path: Path) -> None:
    suite = bind(COLUMNS)
    assert suite.tasks["ood"].requires == frozenset()
    done = Run(run_suite(suite, Double.choice(tmp_path), RunOptions(out=tmp_path / "runs"), Silent())[0])
    found = done.record.tasks["ood"]
    assert done.record.status == "complete"
    assert found.metrics["auroc[column,odd]"].value == 1.0
    assert found.metrics["auroc[column,odd]"].n == 60
    assert found.metrics["fpr[column]"].n == 30
    assert [finding.text for finding in found.findings] == [
        "t has no result: column: sample 'fit-0' of fit has no number in its tag 't'"
    ]
    rows = [row for row in done.table().to_pylist() if row["cell"] == "odd"]
    assert [row["status"] for row in rows] == ["ok"] * 30
    assert rows[0]["score.tag[column]"] == float(rows[0]["tag.s"])


@pytest.mark.usefixtures("scored")
def test_a_column_beside_other_detectors_waits_for_the_model(bind: Callable[[str], Suite]) -> None:
    made = bind(COLUMNS.replace("{detector: column, tag: t, as: t}", "cosine")).tasks["ood"]
    assert isinstance(made, OodTask)
    assert made.requires == {"embed"}
    rng = np.random.default_rng(1)
    vectors = {cell.id: {s.id: rng.normal(size=2).astype("f") for s in made.samples(cell)} for cell in made.cells()}
    assert summarise(made, vectors).metrics["auroc[column,odd]"].value == 1.0


@pytest.mark.usefixtures("scored")
def test_a_corruption_does_not_change_a_column(bind: Callable[[str], Suite]) -> None:
    with pytest.raises(SpecError, match="no corruption of an image changes it"):
        bind(COLUMNS.replace("far: [odd]", "far: [odd]\n    corruptions: [gaussian_blur]"))


SCORES = st.lists(st.integers(0, 6), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES)
def test_each_class_is_positive_where_its_name_says(inside: list[int], outside: list[int]) -> None:
    told = {one.name: one for one in statistics(["d"], "test", [Split("odd", "far", ())])}
    cells = {
        name: CellRows(place, place, {"score[d]": Column.of(np.array(scores, float))}, stratum=name)
        for name, scores in (("test", inside), ("odd", outside))
        for place in [np.arange(len(scores))]
    }
    scores, labels = np.array(inside + outside, float), np.repeat([0, 1], [len(inside), len(outside)])
    expected = {name: value.value for name, value in ood_report(scores, labels).items()}
    expected["fpr_at_95_tpr_ood_positive"] = FprAt95Tpr(variant="ood-positive").compute(scores, labels).value
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    expected["detection_error"] = float(np.min(fpr + 1 - tpr)) / 2
    draws = Draws(Rows(cells), seed=(0,), count=1)
    assert {name: draws.exactly(told[f"{name}[d,odd]"].of) for name in expected} == pytest.approx(expected)


def test_a_conformal_threshold_holds_its_rate_for_any_distribution() -> None:
    rng = np.random.default_rng(7)
    rates = [(rng.lognormal(size=200) > threshold_for(rng.lognormal(size=39), 0.1)).mean() for _ in range(800)]
    assert np.mean(rates) == pytest.approx(0.1, abs=0.01)
    assert least_for(0.1) == 9
    assert threshold_for(np.arange(9.0), 0.1) == 8.0
    with pytest.raises(ValueError, match="at least 9 are needed"):
        threshold_for(np.arange(8.0), 0.1)


def test_a_thin_curve_keeps_its_area() -> None:
    rng = np.random.default_rng(2)
    scores, labels = rng.normal(size=6000), rng.integers(0, 2, 6000)
    curve = Curve.of(scores + labels, labels)
    assert curve.thinned(200).auroc == pytest.approx(curve.auroc, abs=1e-3)


def test_a_real_run_leaves_metrics_curves_and_features(bind: Callable[[str], Suite], tmp_path: Path) -> None:
    text = SUITE.replace("    labels: style\n", "    labels: style\n    corruptions: [contrast]\n    severities: [5]\n")
    folder, _ = run_suite(bind(text), read_adapter("onnx-int8"), RunOptions(out=tmp_path), Silent())
    record = Run(folder).record
    found: Mapping[str, Any] = record.tasks["ood"].metrics
    assert found["auroc[cosine,contrast@5]"].value > 0.8
    assert all(value.low is not None for value in found.values())
    assert (folder / "vectors.parquet").is_file()
    assert {chart.name for chart in record.tasks["ood"].charts} >= {"AUROC under growing contrast"}
