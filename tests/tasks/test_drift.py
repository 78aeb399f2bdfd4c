"""The drift task: streams whose onset is known, one false-alarm rate for all, and delays counted as declared."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.detect.run_length import arl, limit_for
from harness.detect.shewhart import Shewhart
from harness.engine.collect import CellScores
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import SpecError
from harness.record import Run
from harness.record.rows import read_rows
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.tasks import Measures
from harness.tasks.drift import DriftTask
from harness.tasks.drift.streams import Drift, NormalSource, Plan, PoolSource, watch
from harness.types import Response, Status
from tests.tasks.figures import Seen, figures_of

PROCESS = """\
suite: s
version: 1
seed: 3
datasets: {unused: {type: charts, limit: 4}}
tasks:
  drift:
    kind: drift
    process: {shift: 1.5}
    batch: 1
    onset: 20
    horizon: 120
    seeds: 400
    target_arl0: 40
    detectors: [shewhart, ewma, {detector: cusum, as: sums}, adwin]
"""
POOLS = """\
suite: s
version: 1
seed: 3
datasets:
  known: {type: charts, split: train, seed: 1, limit: 40}
  charts: {type: charts, seed: 2, limit: 60}
  odd: {type: charts, seed: 3, styles: [hbar-pastel], limit: 40}
tasks:
  drift:
    kind: drift
    reference: known
    stream: charts
    shift: {dataset: odd}
    batch: 8
    baseline: 40
    baseline_sizes: [3, 20]
    onset: 20
    horizon: 60
    seeds: 200
    target_arl0: 20
    detectors: [ewma, ks, psi, mmd]
"""


def task_of(suite: Suite) -> DriftTask:
    task = suite.tasks["drift"]
    assert isinstance(task, DriftTask)
    return task


def summarise(task: DriftTask, vectors: Mapping[str, Mapping[str, np.ndarray]]) -> Seen:
    results = []
    for cell in task.cells():
        scores = CellScores(cell, {})
        for sample in task.samples(cell):
            vector = vectors[cell.id].get(sample.id)
            scores.add(sample, {}, Response(None, Status.OK if vector is not None else Status.ERROR, value=vector))
        results.append(scores.result(task.count(cell)))
    return figures_of(task, results, seed=3)


def features(task: DriftTask, apart: float = 3.0) -> dict[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    return {
        cell.id: {
            sample.id: (rng.normal(size=4) + np.array([4, 0, 0, apart * (cell.id == "shift")])).astype("f")
            for sample in task.samples(cell)
        }
        for cell in task.cells()
    }


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the scalar process, on an adapter that is never asked."""
    from harness.spec.document import parse_document
    from harness.suite.bind import bind_suite

    folder = tmp_path_factory.mktemp("process")
    suite = bind_suite(parse_document(PROCESS, folder / "s.yaml"))
    run, _ = run_suite(suite, read_adapter("mock"), RunOptions(out=folder), Silent())
    return Run(run)


def test_a_process_needs_no_model_and_meets_the_theory(process: Run) -> None:
    found: Mapping[str, Any] = process.record.tasks["drift"].metrics
    limit = limit_for(Shewhart(), 40)
    assert found["arl0[shewhart]"].low <= 40 <= found["arl0[shewhart]"].high
    late = arl(Shewhart(), limit, 1.5)
    assert found["arl1[shewhart]"].value == pytest.approx(late, rel=0.15)
    assert found["arl1_steady[shewhart]"].value == pytest.approx(late, rel=0.15)
    assert found["detection_delay[shewhart]"].value == pytest.approx(found["arl1_steady[shewhart]"].value - 1)
    expected = 1 - (1 - 1 / 40) ** 20
    assert found["false_alarm_rate[shewhart]"].low <= expected <= found["false_alarm_rate[shewhart]"].high
    assert found["mtfa[shewhart]"].value == pytest.approx(40, rel=0.1)
    notes = [finding.text for finding in process.record.tasks["drift"].findings]
    assert any(text.startswith("sums: ARL0 40.0 by theory") for text in notes)


def test_every_detector_is_calibrated_to_the_same_run_length(process: Run) -> None:
    found: Mapping[str, Any] = process.record.tasks["drift"].metrics
    for label in ("shewhart", "ewma", "sums", "adwin"):
        assert found[f"arl0[{label}]"].value == pytest.approx(40, rel=0.15)
    assert {row[5] for row in process.record.tasks["drift"].tables[0].rows} == {
        "integral equation",
        "simulation, 400 streams",
    }


def test_every_stream_is_a_row_that_two_runs_can_be_paired_on(process: Run) -> None:
    rows = process.table().to_pylist()
    assert len(rows) == 400
    assert rows[7]["sample_id"] == "stream-000007"
    early = np.array([row["score.false_alarm[ewma]"] for row in rows])
    lengths = [row["score.run_length[ewma]"] for row in rows]
    found: Mapping[str, Any] = process.record.tasks["drift"].metrics
    assert early.mean() == found["false_alarm_rate[ewma]"].value
    assert all(length is None for length, alarm in zip(lengths, early, strict=True) if alarm)
    assert min(length for length in lengths if length is not None) == 1
    made = {one.cell: one for one in read_rows(process.folder)}
    assert [*made] == ["quiet", "change", "from-start"]
    np.testing.assert_array_equal(made["change"].columns["false_alarm[ewma]"], early)
    assert np.nanmean(made["change"].columns["delay[ewma]"]) == found["detection_delay[ewma]"].value


def test_all_metrics_have_intervals_and_are_those_that_a_gate_may_name(
    process: Run, bind: Callable[..., Suite]
) -> None:
    task = task_of(bind(PROCESS))
    assert isinstance(task, Measures)
    assert task.requires == frozenset()
    found = process.record.tasks["drift"].metrics
    assert set(found) == {one.name for one in task.statistics()}
    for name, value in found.items():
        assert value.value is not None, name
        assert value.low is not None, name
        assert value.high is not None, name
        assert value.low <= value.value <= value.high, name


def test_charts_show_the_stream_its_limit_its_onset_and_the_alarm(process: Run) -> None:
    charts = {chart.name: chart for chart in process.record.tasks["drift"].charts}
    timeline = charts["timeline: ewma"]
    marks = {mark.label: mark for mark in timeline.marks}
    assert marks["onset"].x == 20.5
    assert marks["first alarm"].x is not None
    assert marks["first alarm"].x > 20
    assert (marks["first alarm"].y or 0) > (marks["limit"].y or 0)
    for line in charts["delay against false alarms"].lines:
        delays = [y for y in line.y if y is not None]
        assert delays[0] > delays[-1]
        assert list(line.x) == sorted(line.x)
    for line in charts["run lengths without a change"].lines:
        assert list(line.y) == sorted(y for y in line.y if y is not None)


def test_nothing_is_said_about_delays_where_nothing_changes(bind: Callable[[str], Suite]) -> None:
    text = PROCESS.replace("batch: 1", "shape: none\n    batch: 1").replace(", adwin", "")
    found = figures_of(task_of(bind(text)), (), 3)
    assert {name.partition("[")[0] for name in found.metrics} == {"arl0", "mtfa"}


def test_streams_of_real_features_are_drawn_from_their_pools(bind: Callable[[str], Suite]) -> None:
    task = task_of(bind(POOLS))
    assert task.requires == {"embed"}
    assert [cell.id for cell in task.cells()] == ["reference", "stream", "shift"]
    vectors = features(task)
    for sample in [*vectors["stream"]][:7]:
        del vectors["stream"][sample]
    found = summarise(task, vectors)
    assert set(found.metrics) == {one.name for one in task.statistics()}
    assert [f.text for f in found.findings] == [
        "psi cannot be calibrated to 20 batches: its statistic takes few values, and the nearest limit gives 26"
    ]
    assert found.metrics["detection_delay[mmd]"].value < 1
    assert found.metrics["missed_detection_rate[ewma]"].value < 0.1
    assert found.metrics["label_yield[mmd]"].value >= found.metrics["label_yield_random[mmd]"].value
    sizes = next(table for table in found.tables if table.name == "other baselines")
    assert {(row[0], row[1]) for row in sizes.rows} >= {("ewma", 3), ("ewma", 20), ("psi", 20)}
    assert ("psi", 3) not in {(row[0], row[1]) for row in sizes.rows}
    small, large = (next(row[2] for row in sizes.rows if row[:2] == ("ewma", size)) for size in (3, 20))
    assert float(small or 0) < float(large or 0), "a smaller baseline brings false alarms sooner"


def test_the_same_seed_gives_the_same_streams(bind: Callable[[str], Suite]) -> None:
    task = task_of(bind(POOLS.replace("[ewma, ks, psi, mmd]", "[ks]").replace("[3, 20]", "[]")))
    first, second = (summarise(task, features(task)) for _ in range(2))
    for name, value in first.metrics.items():
        assert value.value == second.metrics[name].value or np.isnan(value.value)
    # Ends of intervals are drawn, and the same too.
    assert first.metrics["arl0[ks]"].low == second.metrics["arl0[ks]"].low


def test_a_class_that_takes_over_is_drawn_from_the_stream_itself(bind: Callable[[str], Suite]) -> None:
    text = POOLS.replace("shift: {dataset: odd}", "shift: {prior: {tag: style, value: table-dark}, share: 0.9}")
    task = task_of(bind(text))
    assert [cell.id for cell in task.cells()] == ["reference", "stream"]
    vectors = features(task)
    few = summarise(task, vectors)
    assert "features of" in few.findings[0].text
    assert all(np.isnan(value.value) for value in few.metrics.values())


def test_a_corruption_is_applied_to_the_shifted_pool_alone(bind: Callable[[str], Suite]) -> None:
    task = task_of(bind(POOLS.replace("{dataset: odd}", "{corruption: gaussian_noise, severity: 5}")))
    images = {}
    for cell in task.cells()[1:]:
        sample = next(iter(task.samples(cell)))
        images[cell.id] = np.asarray(task.requests(cell, sample, oracle=False)[0].images[0], int)
    assert np.abs(images["stream"] - images["shift"]).mean() > 10


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (POOLS, "stream: charts", "stream: chart", "did you mean 'charts'"),
        (POOLS, "    stream: charts\n", "", "'stream' is missing"),
        (POOLS, "    shift: {dataset: odd}\n", "", "what does the stream change to"),
        (POOLS, "{dataset: odd}", "{dataset: odd, corruption: fog}", "a shift is one of"),
        (POOLS, "{dataset: odd}", "{corruption: fogg}", "did you mean 'fog'"),
        (POOLS, "{dataset: odd}", "{corruption: fog, severity: 9}", "severity 9 is not in 1 to 5"),
        (POOLS, "{dataset: odd}", "{prior: {tag: style, value: pie}}", "no sample of 'charts' has style = 'pie'"),
        (POOLS, "onset: 20", "onset: 70", "the change comes after the horizon"),
        (POOLS, "baseline_sizes: [3, 20]", "baseline_sizes: [1]", "a baseline of 1 is too small"),
        (POOLS, "[ewma, ks, psi, mmd]", "[ewma, cusun]", "did you mean 'cusum'"),
        (POOLS, "[ewma, ks, psi, mmd]", "[ewma, ewma]", "two detectors are called 'ewma'"),
        (POOLS, "[ewma, ks, psi, mmd]", "[knn]", "is no detector of drift"),
        (POOLS, "batch: 8", "batch: 8\n    score: energy", "energy needs more than features"),
        (PROCESS, "batch: 1", "batch: 1\n    stream: unused", "a `process` has no 'stream'"),
        (PROCESS, "[shewhart", "[mmd, shewhart", "mmd looks at features; a process has none"),
    ],
)
def test_a_mistake_is_named(bind: Callable[[str], Suite], text: str, old: str, new: str, said: str) -> None:
    assert old in text
    with pytest.raises(SpecError, match=said):
        bind(text.replace(old, new))


def test_a_metric_without_a_value_has_the_direction_and_the_unit_of_one_with(bind: Callable[[str], Suite]) -> None:
    task = task_of(bind(POOLS))
    read = {name: (value.direction, value.unit) for name, value in summarise(task, features(task)).metrics.items()}
    nothing = summarise(task, {cell.id: {} for cell in task.cells()}).metrics
    assert all(np.isnan(value.value) for value in nothing.values())
    assert {name: (value.direction, value.unit) for name, value in nothing.items()} == read


def test_a_detector_that_cannot_start_says_why_and_the_others_go_on(bind: Callable[[str], Suite]) -> None:
    task = task_of(bind(POOLS.replace("baseline: 40", "baseline: 5").replace("[3, 20]", "[]")))
    found = summarise(task, features(task))
    assert [f.text for f in found.findings if "psi" in f.text] == [
        "psi has no result: psi: 10 bins need a baseline of 10 samples or more, got 5"
    ]
    assert found.metrics["detection_delay[ewma]"].n > 0


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["abrupt", "gradual", "incremental", "recurring"]), st.integers(0, 30), st.integers(1, 20))
def test_nothing_changes_before_the_onset_and_everything_does_in_the_end(shape: Any, onset: int, width: int) -> None:
    drift = Drift(shape, onset, width)
    assert all(drift.level(step) == 0 for step in range(onset))
    assert all(0 <= drift.level(step) <= 1 for step in range(100))
    assert drift.level(onset) > 0
    if shape != "recurring":
        assert drift.level(onset + width) == 1


def test_gradual_changes_mix_batches_and_incremental_ones_samples() -> None:
    rng = np.random.default_rng(0)
    gradual = Drift("gradual", 0, 4).shifted(1, rng, 2000, 10)
    incremental = Drift("incremental", 0, 4).shifted(1, rng, 2000, 10)
    assert gradual is not None
    assert incremental is not None
    assert set(gradual.mean(axis=1)) == {0.0, 1.0}
    assert gradual.mean() == pytest.approx(0.5, abs=0.05)
    assert incremental.mean() == pytest.approx(0.5, abs=0.02)
    assert 0 < (incremental.mean(axis=1) == 0.5).mean() < 1


def test_pools_give_baselines_without_repeats_and_the_truth_of_every_sample() -> None:
    rng = np.random.default_rng(1)
    pool = PoolSource(np.eye(8, dtype=np.float32), np.arange(8.0), np.arange(5), np.arange(5, 8))
    baseline = pool.baseline(rng, 50, 5)
    assert all(set(row) == {0, 1, 2, 3, 4} for row in baseline)
    seen = watch(pool, {"s": Shewhart}, Drift("abrupt", 3), Plan(20, 4, 5, 6), rng, keep=True)
    assert not seen.truth[:, :3].any()
    assert seen.truth[:, 3:].all()
    assert (seen.scores[:, :3] < 5).all()
    assert (seen.scores[:, 3:] >= 5).all()


def test_a_shift_of_a_process_is_in_units_of_the_batch_mean() -> None:
    rng = np.random.default_rng(2)
    moved = NormalSource(2.0).batch(rng, 4000, 25, np.ones((4000, 25), bool)).mean(axis=1)
    assert moved.mean() * 5 == pytest.approx(2.0, abs=0.1)


def test_a_real_run_leaves_features_and_delays(bind: Callable[[str], Suite], tmp_path: Path) -> None:
    text = POOLS.replace("seeds: 200", "seeds: 100").replace("[3, 20]", "[]").replace("[ewma, ks, psi, mmd]", "[mmd]")
    folder, record = run_suite(bind(text), read_adapter("onnx-int8"), RunOptions(out=tmp_path), Silent())
    assert record.status == "complete"
    assert (folder / "vectors.parquet").is_file()
    assert record.tasks["drift"].metrics["detection_delay[mmd]"].value is not None


def test_a_simulated_process_needs_no_datasets(bind) -> None:
    text = "suite: alone\nversion: 1\ntasks:\n  process: {kind: drift, process: {shift: 1.0}, detectors: [shewhart]}\n"
    assert not bind(text).datasets
