"""A severity sweep: what it asks, what it sums up, and when it says that it tells nothing."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.engine.collect import CellScores
from harness.engine.options import Silent
from harness.engine.prepare import request_hash
from harness.engine.run import RunOptions, run_suite
from harness.errors import SpecError
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.tasks.sweep import SweepTask
from harness.types import Response, Sample, Score, Status
from tests.tasks.figures import Seen, figures_of

SUITE = """\
suite: s
version: 1
seed: 3
datasets: {charts: {type: charts, limit: 6}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [exact_match]}
  sweep: {kind: sweep, of: qa, corruptions: [gaussian_noise], severities: [1, 5]}
"""

MakeSweep = Callable[..., SweepTask]


@pytest.fixture
def sweep(bind: Callable[[str], Suite]) -> SweepTask:
    task = bind(SUITE).tasks["sweep"]
    assert isinstance(task, SweepTask)
    return task


def summarise(task: SweepTask, answers: Mapping[str, Sequence[float | Status]]) -> Seen:
    """Sum up cells whose samples got these scores, or failed with this status."""
    results = []
    for cell in task.cells():
        scores = CellScores(cell, task.metrics)
        for i, worth in enumerate(answers[cell.id]):
            failed = isinstance(worth, Status)
            score = Score(float("nan"), worth) if failed else Score(float(worth))
            answer = Response(None, Status.ERROR) if failed else Response(f"answer {worth}")
            scores.add(Sample(str(i), "q", ("a",)), {"exact_match": score}, answer)
        results.append(scores.result(len(answers[cell.id])))
    return figures_of(task, results, seed=3)


def right(share: float, n: int = 100) -> list[float]:
    return [1.0] * round(share * n) + [0.0] * (n - round(share * n))


def test_retained_accuracy_is_the_mean_of_the_corrupted_cells_over_the_clean_one(sweep: SweepTask) -> None:
    clean, mild, strong = [1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]
    found = summarise(sweep, {"clean": clean, "gaussian_noise@1": mild, "gaussian_noise@5": strong})
    retained = found.metrics["retained_accuracy"]
    assert retained.value == pytest.approx(((3 / 5 + 1 / 5) / 2) / (4 / 5))
    assert retained.low <= retained.value <= retained.high
    assert found.metrics["retained_accuracy[gaussian_noise]"].value == pytest.approx(0.5)
    assert found.metrics["mean_corruption_error"].value == pytest.approx(1 - 0.4)
    assert found.metrics["worst_cell"].value == pytest.approx(0.2)
    # trapezoids over 0, 1, 5: (0.8 + 0.6) / 2 and 4 times (0.6 + 0.2) / 2, over 5
    assert found.metrics["severity_auc"].value == pytest.approx((0.7 + 4 * 0.4) / 5)
    assert [point.value for point in found.curves[0].points] == pytest.approx([0.8, 0.6, 0.2])
    assert found.curves[0].x == (0.0, 1.0, 5.0)


def test_all_metrics_that_a_gate_may_name_are_there_and_no_others(sweep: SweepTask) -> None:
    found = summarise(sweep, dict.fromkeys(("clean", "gaussian_noise@1", "gaussian_noise@5"), right(0.5)))
    assert set(found.metrics) == {one.name for one in sweep.statistics()}


@pytest.mark.parametrize(
    ("mild", "strong", "said"),
    [
        (0.95, 0.95, "uninformative: gaussian_noise never hurts"),
        (0.03, 0.02, "uninformative: gaussian_noise destroys everything from severity 1"),
    ],
)
def test_a_corruption_that_tells_nothing_is_flagged(sweep: SweepTask, mild: float, strong: float, said: str) -> None:
    cells = {"clean": right(0.95, 400), "gaussian_noise@1": right(mild, 400), "gaussian_noise@5": right(strong, 400)}
    (finding,) = summarise(sweep, cells).findings
    assert finding.level == "warning"
    assert finding.text.startswith(said)


@pytest.mark.parametrize(("mild", "strong"), [(0.9, 0.3), (0.6, 0.1), (0.95, 0.5)])
def test_a_corruption_that_hurts_by_degrees_is_not_flagged(sweep: SweepTask, mild: float, strong: float) -> None:
    cells = {"clean": right(0.95, 400), "gaussian_noise@1": right(mild, 400), "gaussian_noise@5": right(strong, 400)}
    assert summarise(sweep, cells).findings == ()


def test_too_few_samples_to_tell_are_not_called_harmless(sweep: SweepTask) -> None:
    cells = {"clean": [1, 1, 1], "gaussian_noise@1": [1, 1, 1], "gaussian_noise@5": [1, 1, 0]}
    (finding,) = summarise(sweep, cells).findings
    assert finding.level == "note"
    assert finding.text.startswith("3 samples cannot tell whether gaussian_noise hurts")


def test_failed_samples_count_as_wrong_and_show_in_the_statuses(sweep: SweepTask) -> None:
    cells = {
        "clean": [1.0] * 4,
        "gaussian_noise@1": [1.0, 1.0, Status.ERROR, Status.TIMEOUT],
        "gaussian_noise@5": [0.0] * 4,
    }
    cell = summarise(sweep, cells).cells["gaussian_noise@1"]["exact_match"]
    assert (cell.value, cell.n, cell.total) == (0.5, 4, 4)
    assert cell.statuses == {"ok": 2, "error": 1, "timeout": 1}
    assert cell.coverage == 0.5


def test_an_answer_that_failed_is_a_changed_answer_and_shows_in_the_statuses_of_the_sweep(sweep: SweepTask) -> None:
    cells = {
        "clean": [1.0] * 10,
        "gaussian_noise@1": [1.0] * 8 + [Status.ERROR] * 2,
        "gaussian_noise@5": [1.0] * 6 + [Status.ERROR] * 4,
    }
    metrics = summarise(sweep, cells).metrics
    assert metrics["flip_rate"].value == pytest.approx(0.3)
    assert metrics["severity_consistency"].value == pytest.approx(1 - (2 / 10 + 2 / 8) / 2)
    for name in ("flip_rate", "retained_accuracy", "mean_corruption_error"):
        assert metrics[name].statuses == {"ok": 6, "error": 4}
        assert metrics[name].coverage == 0.6


def test_the_worst_cells_interval_is_no_narrower_than_the_cells_own(bind: Callable[[str], Suite]) -> None:
    task = bind(SUITE).tasks["sweep"]
    assert isinstance(task, SweepTask)
    results = []
    for cell in task.cells():  # ten questions an image, all right or all wrong
        scores = CellScores(cell, task.metrics)
        for i in range(200):
            score = Score(float(i // 10 % 2 or cell.id == "clean"))
            sample = Sample(str(i), "q", ("a",), cluster=str(i // 10))
            scores.add(sample, {"exact_match": score}, Response(f"{score.value}"))
        results.append(scores.result(200))
    summary = figures_of(task, results, seed=3)
    worst, cell_value = summary.metrics["worst_cell"], summary.cells["gaussian_noise@1"]["exact_match"]
    assert worst.value == cell_value.value == 0.5
    assert worst.low < cell_value.low
    assert worst.high > cell_value.high
    assert worst.method == "Gaffke over clusters, Bonferroni over 2 cells"


def test_a_model_that_is_never_right_gives_no_ratio_and_no_crash(sweep: SweepTask) -> None:
    found = summarise(sweep, dict.fromkeys(("clean", "gaussian_noise@1", "gaussian_noise@5"), [0.0] * 5))
    assert not 0 <= found.metrics["retained_accuracy"].value <= 1
    assert found.metrics["mean_corruption_error"].value == 1.0


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(12)))
def test_a_summary_does_not_depend_on_the_order_of_the_samples(sweep: SweepTask, order: list[int]) -> None:
    cells = {"clean": right(0.9, 12), "gaussian_noise@1": right(0.6, 12), "gaussian_noise@5": right(0.3, 12)}
    shuffled = {name: [scores[i] for i in order] for name, scores in cells.items()}
    one, two = summarise(sweep, cells), summarise(sweep, shuffled)
    for name in ("retained_accuracy", "severity_auc", "worst_cell"):
        assert one.metrics[name].value == pytest.approx(two.metrics[name].value, abs=1e-12)


def test_the_clean_cell_of_a_sweep_shows_the_very_image_of_the_qa_task(bind: Callable[[str], Suite]) -> None:
    suite = bind(SUITE)
    qa, sweep = suite.tasks["qa"], suite.tasks["sweep"]
    clean, noisy = sweep.cells()[0], sweep.cells()[1]
    assert clean.labels == {"corruption": "none", "severity": 0}
    for sample in sweep.samples(clean):
        original = request_hash(qa.requests(qa.cells()[0], sample, oracle=False)[0])
        assert request_hash(sweep.requests(clean, sample, oracle=False)[0]) == original
        assert request_hash(sweep.requests(noisy, sample, oracle=False)[0]) != original


def test_severity_0_is_run_once_whether_or_not_it_is_listed(bind: Callable[[str], Suite]) -> None:
    for listed in ("[1, 5]", "[0, 1, 5]", "[5, 0, 1, 1]"):
        cells = bind(SUITE.replace("[1, 5]", listed)).tasks["sweep"].cells()
        assert [cell.id for cell in cells] == ["clean", "gaussian_noise@1", "gaussian_noise@5"]


def test_a_draw_depends_on_suite_seed_task_cell_and_sample_and_on_nothing_else(bind: Callable[[str], Suite]) -> None:
    def draws(text: str, order: int = 1) -> dict[tuple[str, str], str]:
        task = bind(text).tasks["sweep"]
        pairs = [(cell, sample) for cell in task.cells()[1:] for sample in task.samples(cell)][::order]
        return {(cell.id, s.id): request_hash(task.requests(cell, s, oracle=False)[0]) for cell, s in pairs}

    first = draws(SUITE)
    assert len(set(first.values())) == len(first)
    assert draws(SUITE, order=-1) == first
    longer = draws(SUITE.replace("[1, 5]", "[1, 2, 5]").replace("[gaussian_noise]", "[rotation, gaussian_noise]"))
    assert first.items() <= longer.items()
    assert not first.items() & draws(SUITE.replace("seed: 3", "seed: 4")).items()


def test_the_oracle_is_told_the_severity_and_real_models_get_none(sweep: SweepTask) -> None:
    cell = sweep.cells()[2]
    sample = next(iter(sweep.samples(cell)))
    oracle = sweep.requests(cell, sample, oracle=True)[0].oracle
    assert oracle is not None
    assert (oracle.severity, oracle.references) == (5, sample.references)
    assert sweep.requests(cell, sample, oracle=False)[0].oracle is None


def test_a_chain_is_swept_under_its_own_name(bind: Callable[[str], Suite]) -> None:
    text = SUITE.replace("[gaussian_noise]", "[{chain: [rotation, gaussian_noise]}, {corruption: rotation, as: turn}]")
    ids = [cell.id for cell in bind(text).tasks["sweep"].cells()]
    assert ids == ["clean", "rotation+gaussian_noise@1", "rotation+gaussian_noise@5", "turn@1", "turn@5"]


def test_every_sample_has_a_seed_of_its_own_in_every_cell_and_task(bind: Callable[[str], Suite]) -> None:
    requests = [
        request
        for task in bind(SUITE).tasks.values()
        for cell in task.cells()
        for sample in task.samples(cell)
        for request in task.requests(cell, sample, oracle=True)
    ]
    assert len({request.id for request in requests}) == len(requests) == 4 * 6
    assert len({request.oracle.seed for request in requests if request.oracle}) == len(requests)


def test_a_sweep_in_which_nothing_changes_still_has_an_interval_of_some_width(bind, tmp_path: Path) -> None:
    suite = bind(
        "suite: still\nversion: 1\ndatasets: {charts: {type: charts, limit: 30}}\ntasks:\n"
        "  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}\n"
        "  sweep: {kind: sweep, of: qa, corruptions: [brightness], severities: [1]}\n"
    )
    adapter = tmp_path / "right.yaml"
    adapter.write_text("adapter: right\ntype: mock\nerror_rate: 0\nerror_per_severity: 0\n", encoding="utf-8")
    _, record = run_suite(suite, read_adapter(str(adapter)), RunOptions(tmp_path / "runs"), Silent())
    metric = record.tasks["sweep"].metrics["retained_accuracy"]
    assert metric.value == 1.0
    assert metric.low is not None
    assert 0.8 < metric.low < 0.95
    assert "no spread" in metric.method


def test_a_model_that_is_never_right_has_nothing_to_lose_and_no_impossible_interval(bind, tmp_path: Path) -> None:
    suite = bind(
        "suite: lost\nversion: 1\ndatasets: {charts: {type: charts, limit: 10, questions: [comparison]}}\ntasks:\n"
        "  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}\n"
        "  sweep: {kind: sweep, of: qa, corruptions: [brightness, rotation], severities: [1]}\n"
    )
    adapter = tmp_path / "wrong.yaml"
    adapter.write_text("adapter: wrong\ntype: mock\nerror_rate: 1\n", encoding="utf-8")
    _, record = run_suite(suite, read_adapter(str(adapter)), RunOptions(tmp_path / "runs"), Silent())
    sweep = record.tasks["sweep"]
    (finding,) = sweep.findings
    assert "nothing to lose" in finding.text
    assert sweep.metrics["retained_accuracy"].value is None
    for name in ("mean_corruption_error", "severity_auc", "flip_rate", "severity_consistency"):
        metric = sweep.metrics[name]
        assert metric.low is not None
        assert metric.high is not None
        assert 0.0 <= metric.low < metric.high <= 1.0, name


@pytest.mark.parametrize("made", ["sweep, corruptions: [brightness]", "blind", "majority, train: charts"])
@pytest.mark.parametrize("metric", ["wer", "giou"])
def test_a_task_made_of_another_needs_a_metric_from_0_to_1_where_higher_is_better(bind, made: str, metric: str) -> None:
    text = SUITE.replace("[exact_match]", f"[exact_match, {metric}]")
    with pytest.raises(SpecError, match=f"a metric from 0 to 1 where higher is better; {metric} is not"):
        bind(f"{text}  made: {{of: qa, metric: {metric}, kind: {made}}}\n")
