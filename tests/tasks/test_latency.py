"""The latency task: the protocol of timing, what it refuses to say, and what accuracy is left."""

import itertools
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import AdapterError, SpecError
from harness.estimate import CellRows, Column, Comparer, Rows
from harness.locate import CACHE_VARIABLE
from harness.record import Run
from harness.record.schema import TaskRecord
from harness.seeds import generator
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite, load_suite
from harness.tasks import Observation
from harness.tasks.latency import LatencyTask
from harness.tasks.latency.columns import row
from harness.tasks.latency.retention import cosine, divergence
from harness.tasks.latency.sides import failure, stages
from harness.timing import clock
from harness.timing.clock import Timed, interleaved, overhead
from harness.timing.energy import Meter
from harness.types import Request, Response, Status
from harness.zoo.shapes import vit
from tests.tasks.figures import Seen, figures_of, observed

NO_METER = Meter(None)


class Log:
    """Sides that write down who was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def side(self, name: str) -> clock.Call:
        return lambda number: lambda: self.calls.append((name, number))


def test_a_side_is_called_once_untimed_whenever_it_takes_over() -> None:
    log = Log()
    sides = [log.side("a"), log.side("b")]
    timed = [(call.side, len(log.calls) - 1) for call in interleaved(sides, 50, warmup=2, seed=1, meter=NO_METER)]
    names = [name for name, _ in log.calls]
    assert names[:4] == ["a", "b", "a", "b"], "the warm-up"
    for side, place in timed:
        assert names[place] == "ab"[side]
        assert names[place - 1] == "ab"[side], "the call before a timed one is of the same side"


def test_whoever_watches_hears_of_every_call_before_it_is_made() -> None:
    log = Log()
    sides = [log.side(name) for name in "abc"]
    heard: list[tuple[str, int]] = []
    for _ in interleaved(sides, 20, 2, 5, NO_METER, lambda side: heard.append(("abc"[side], len(log.calls)))):
        pass
    assert heard == [(name, place) for place, (name, _) in enumerate(log.calls)]


def test_every_round_has_each_side_once_in_a_random_order_that_repeats() -> None:
    def order(seed: int) -> list[tuple[int, int]]:
        log = Log()
        return [(t.round, t.side) for t in interleaved([log.side(n) for n in "abc"], 40, 0, seed, NO_METER)]

    first = order(3)
    assert first == order(3) != order(4)
    for number in range(40):
        assert sorted(side for r, side in first if r == number) == [0, 1, 2]
    assert len({tuple(s for r, s in first if r == number) for number in range(40)}) == 6, "all orders occur"


def test_wall_and_cpu_time_are_told_apart() -> None:
    def sleep(number: int) -> Callable[[], None]:
        return lambda: time.sleep(0.02)

    (timed,) = interleaved([sleep], 1, 0, 0, NO_METER)
    assert timed.wall >= 20
    assert timed.cpu < timed.wall


def test_a_call_that_fails_is_a_row_with_its_reason() -> None:
    def broken(number: int) -> Callable[[], None]:
        def call() -> None:
            raise RuntimeError("no")

        return call

    found: list[Timed] = [*interleaved([broken], 2, 1, 0, NO_METER)]
    assert [timed.error for timed in found] == ["RuntimeError: no"] * 2


def test_a_call_that_cannot_be_prepared_is_a_row_with_its_reason_and_the_next_is_timed() -> None:
    def prepare(number: int) -> Callable[[], int]:
        if number == 0:
            raise RuntimeError("odd picture")
        return lambda: number

    found = [*interleaved([prepare], 2, 1, 0, NO_METER)]
    assert [(timed.answer, timed.error) for timed in found] == [(None, "RuntimeError: odd picture"), (1, None)]


def test_the_protocol_costs_microseconds_of_cpu() -> None:
    assert 0 <= overhead() < 0.1


@pytest.fixture
def seen(bind: Callable[[str], Suite]) -> Callable[..., Seen]:
    """The figures of a task whose calls took so many milliseconds: ``cpu=[[of the candidate], [of the reference]]``."""

    def of(cpu: Sequence[Sequence[float]], wall: Sequence[Sequence[float]] | None = None, batch: int = 1) -> Seen:
        keys = f"rounds: {len(cpu[0])}, accuracy: false, footprint: false, batch_sizes: [{batch}]"
        text = f"{{kind: latency, dataset: p, candidate: mock, against: mock, {keys}}}"
        suite = bind(f"suite: s\nversion: 1\ndatasets: {{p: {{type: photo_crops, limit: 2}}}}\ntasks:\n  t: {text}\n")
        task = suite.tasks["t"]
        assert isinstance(task, LatencyTask)
        (cell,) = task.cells()
        calls = []
        for number, side in itertools.product(range(len(cpu[0])), range(2)):
            values = row(
                side=side, round=number, cpu_ms=cpu[side][number], wall_ms=(cpu if wall is None else wall)[side][number]
            )
            status = Status.ERROR if math.isnan(cpu[side][number]) else Status.OK
            calls.append(Observation(f"{number:06d}-{side}", values, status))
        return figures_of(task, [observed(cell, calls)])

    return of


def test_a_ratio_covers_the_truth_and_is_one_of_a_side_against_itself(seen: Callable[..., Seen]) -> None:
    rng = generator(5)
    base = rng.lognormal(0, 0.1, 300)
    twice = seen([base, 2 * rng.lognormal(0, 0.1, 300)]).metrics["speedup"]
    assert twice.low < 2 < twice.high
    same = seen([base, rng.lognormal(0, 0.1, 300)]).metrics["speedup"]
    assert same.low < 1 < same.high


def test_a_round_in_which_one_side_failed_counts_for_neither(seen: Callable[..., Seen]) -> None:
    found = seen([[1.0, math.nan, 1.1, 1.2], [2.0, 2.0, 2.1, math.nan]])
    assert found.metrics["speedup"].n == 2
    assert found.metrics["speedup"].value == pytest.approx(2.05 / 1.05)
    assert "batch=1: 2 of 8 calls failed; their rounds give no speed-up" in [one.text for one in found.findings]


@pytest.mark.parametrize(("name", "needed"), [("cpu_p90", 64), ("cpu_p99", 662)])
def test_a_tail_from_too_few_calls_is_undefined(seen: Callable[..., Seen], name: str, needed: int) -> None:
    few, enough = (seen([generator(n).permutation(np.linspace(1, 2, n))] * 2) for n in (needed - 1, needed))
    assert few.metrics[name].n == 0
    assert math.isnan(few.metrics[name].value)
    assert any(f"{needed - 1} calls; " in finding.text for finding in few.findings)
    assert enough.metrics[name].low <= enough.metrics[name].value <= enough.metrics[name].high


def test_two_launches_have_no_pairs_and_are_compared_by_their_ratio(seen: Callable[..., Seen]) -> None:
    times = generator(2).lognormal(0, 0.1, 100)
    found = seen([times, times])
    p50 = next(one for one in found.statistics if one.name == "cpu_p50")
    assert "gate it by `max_ratio`" in p50.refusal
    rows = [
        Rows({made.cell: CellRows(np.arange(100), np.arange(100), {"cpu_ms": Column.of(made.columns["cpu_ms"])})})
        for one in (found, seen([1.2 * times, times]))
        for made in one.made
    ]
    ratio = Comparer(*rows).ratio(p50)
    assert ratio.estimate == pytest.approx(1.2)
    assert ratio.lower_bound > 1.1


def test_contention_is_how_far_the_wall_clock_runs_ahead(seen: Callable[..., Seen]) -> None:
    cpu = np.full((2, 50), 10.0)
    assert seen(cpu, cpu * 1.5).metrics["contention"].value == pytest.approx(0.5)


def test_throughput_is_samples_by_time(seen: Callable[..., Seen]) -> None:
    few, many = (seen([[100.0, 100.0, 101.0, 99.0] * n] * 2, batch=4).metrics["throughput"] for n in (1, 4))
    assert few.value == many.value == pytest.approx(40)
    assert math.isnan(few.low)
    assert "n below 10" in few.method
    assert many.low < many.value < many.high


def test_calls_that_depend_on_each_other_have_wider_quantiles_or_none(seen: Callable[..., Seen]) -> None:
    times = generator(3).lognormal(0, 0.1, 100)
    alone = seen([np.tile(times, 4)] * 2).metrics["cpu_p50"]
    blocks = seen([np.repeat(times, 4)] * 2).metrics["cpu_p50"]
    drifting = seen([np.linspace(1, 2, 400)] * 2).metrics["cpu_p90"]
    assert alone.value == blocks.value
    assert blocks.high - blocks.low > 1.5 * (alone.high - alone.low)
    assert math.isnan(drifting.low)
    assert "depend on each other" in drifting.method


def rapl(folder: Path, **counters: int) -> Path:
    for name, value in counters.items():
        package = folder / name.replace("_", ":").replace("rapl", "intel-rapl")
        package.mkdir(exist_ok=True, parents=True)
        (package / "energy_uj").write_text(str(value))
        (package / "max_energy_range_uj").write_text("1000000")
    return folder


def test_energy_is_the_sum_of_packages_and_survives_a_counter_that_wraps(tmp_path: Path) -> None:
    meter = Meter(rapl(tmp_path, rapl_0=999_000, rapl_1=5_000, rapl_0_0=1))
    before = meter.read()
    assert before == [999_000, 5_000], "a part of a package is in its count already"
    rapl(tmp_path, rapl_0=1_000, rapl_1=7_000)
    assert meter.since(before) == pytest.approx((2_000 + 2_000) / 1000)


def test_without_counters_energy_is_unknown(tmp_path: Path) -> None:
    meter = Meter(tmp_path)
    assert not meter.available
    assert math.isnan(meter.since(meter.read()))


def test_logits_that_agree_have_no_divergence() -> None:
    a = np.array([0.0, 1.0, 5.0], np.float32)
    assert cosine(a, a) == pytest.approx(1)
    assert divergence(a, a + 3) == pytest.approx(0, abs=1e-9)
    assert divergence(a, a[::-1].copy()) > 1
    assert math.isnan(cosine(a, a[:2]))


def test_stages_give_the_first_token_and_the_time_of_each_further_one() -> None:
    seconds = {"preprocess": 0.001, "vision": 0.002, "prefill": 0.003, "decode": 0.009}
    found = stages([Response("a b c d", tokens_out=4, image_tokens=20, seconds=seconds)])
    assert found["first_token_ms"] == pytest.approx(6)
    assert found["per_token_ms"] == pytest.approx(3)
    assert found["image_tokens"] == 20
    assert stages(np.zeros((1, 3))) == {}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two tiny classifiers, the second with other weights."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    for name, layers in (("small", 1), ("large", 12)):
        (tmp_path / f"{name}.onnx").write_bytes(vit(name, 32, 4, layers, patch=8, side=16).SerializeToString())
        keys = f"adapter: {name}\ntype: onnx_classifier\nmodel: {name}.onnx\nsize: [16, 16]\n"
        (tmp_path / f"{name}.yaml").write_text(keys)
    return tmp_path


Measure = Callable[..., TaskRecord]


@pytest.fixture
def measure(here: Path) -> Measure:
    def run(
        task: str,
        adapter: str = "small.yaml",
        limit: int | None = None,
        dataset: str = "{type: photo_crops, limit: 12}",
    ) -> TaskRecord:
        text = f"suite: s\nversion: 1\ndatasets: {{p: {dataset}}}\ntasks:\n  t: {task}\n"
        (here / "s.yaml").write_text(text)
        options = RunOptions(out=here / "runs", limit=limit)
        folder, record = run_suite(
            load_suite(str(here / "s.yaml")), read_adapter(adapter, folder=here), options, Silent()
        )
        assert record.status == "complete", record.reason
        return Run(folder).record.tasks["t"]

    return run


def test_a_small_model_is_faster_than_a_large_one_and_the_record_says_all(measure: Measure) -> None:
    task = measure(
        "{kind: latency, dataset: p, against: large.yaml, ask: classify, part: model, rounds: 30, batch_sizes: [1, 3]}"
    )
    speedup = task.metrics["speedup"]
    assert speedup.low is not None
    assert speedup.low > 1
    assert [*task.cells] == ["batch=1", "batch=3", "answers", "footprint"]
    assert task.metrics["cpu_p90"].value is None
    said = " ".join(finding.text for finding in task.findings)
    assert "no p90, p95, p99 from 30 calls; p99 needs 662" in said
    assert "12 samples are too few to judge; 200 are needed" in said
    assert "% of the shortest" in said
    assert task.metrics["model_size"].value is not None
    assert task.metrics["peak_memory"].value is not None
    assert (task.metrics["peak_memory"].n, task.metrics["peak_memory"].method) == (3, "largest of 3 processes")
    assert task.metrics["load_time"].method == "median of 3 processes"
    assert task.metrics["load_time"].value is not None
    tables = {table.name: table for table in task.tables}
    assert {"Latency", "Footprint", "Machine and sessions", "Accuracy retention by slice"} <= tables.keys()
    assert ["large.yaml", "threads", "1"] in tables["Machine and sessions"].rows
    assert [chart.name for chart in task.charts] == ["Latency, batch=1", "Latency, batch=3"]


def test_a_model_against_itself_flips_no_answer(measure: Measure) -> None:
    task = measure(
        "{kind: latency, dataset: p, candidate: large.yaml, against: large.yaml, ask: classify, rounds: 12,"
        " part: model, footprint: false}"
    )
    metrics = task.metrics
    assert metrics["answer_flip_rate"].value == 0
    assert metrics["agreement"].value == 1
    assert metrics["logit_cosine"].value == pytest.approx(1)
    assert metrics["accuracy_change"].value == 0
    high = metrics["answer_flip_rate"].high
    assert high is not None
    assert high > 0.1, "twelve samples of six photographs do not show that none ever flips"


def test_the_grid_varies_keys_of_both_files(measure: Measure) -> None:
    task = measure(
        "{kind: latency, dataset: p, against: large.yaml, ask: classify, rounds: 4, accuracy: false, footprint: false,"
        " vary: {optimisation: [all, none]}, image_sizes: [[20, 20], [40, 40]]}"
    )
    assert [*task.cells] == [
        "batch=1,image=20x20,optimisation=all",
        "batch=1,image=20x20,optimisation=none",
        "batch=1,image=40x40,optimisation=all",
        "batch=1,image=40x40,optimisation=none",
    ]


def test_the_candidate_may_be_the_reference_with_other_keys(measure: Measure) -> None:
    task = measure(
        "{kind: latency, dataset: p, candidate: small.yaml, candidate_with: {optimisation: none}, against: small.yaml,"
        " ask: classify, rounds: 4, accuracy: false, footprint: false}"
    )
    sessions = next(table for table in task.tables if table.name == "Machine and sessions")
    assert ["small.yaml with optimisation=none", "graph optimisation", "none"] in sessions.rows


def test_a_limit_makes_a_quick_look(measure: Measure) -> None:
    task = measure("{kind: latency, dataset: p, against: large.yaml, ask: classify, footprint: false}", limit=5)
    assert task.metrics["speedup"].n == 5
    assert task.metrics["agreement"].n == 4  # of 5: crops of one photograph are taken together or not at all


def test_a_broken_image_costs_its_sample_and_is_told(measure: Measure, here: Path) -> None:
    Image.new("RGB", (16, 16)).save(here / "good.png")
    (here / "bad.png").write_bytes(b"no picture")
    rows = [{"image": f"{name}.png", "question": "?", "answer": "a"} for name in ("bad", "good", "bad", "good", "gone")]
    (here / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    keys = "kind: latency, dataset: p, against: large.yaml, ask: classify, rounds: 6, footprint_rounds: 1"
    task = measure(f"{{{keys}}}", dataset="{type: jsonl, path: rows.jsonl}")
    assert task.metrics["speedup"].n == 6
    assert task.metrics["peak_memory"].n == 1
    assert task.metrics["agreement"].n == 2
    said = [finding.text for finding in task.findings]
    assert "3 samples could not be used and took no part in the timing" in said


def test_without_a_usable_image_the_run_fails_and_says_why(measure: Measure, here: Path) -> None:
    (here / "bad.png").write_bytes(b"no picture")
    (here / "rows.jsonl").write_text(json.dumps({"image": "bad.png", "question": "?", "answer": "a"}))
    with pytest.raises(AdapterError, match=r"no sample that can be used: .*bad\.png: not an image"):
        measure("{kind: latency, dataset: p, against: large.yaml}", dataset="{type: jsonl, path: rows.jsonl}")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("dataset: q, against: onnx-fp32", "no dataset is called 'q'"),
        ("dataset: p, against: nobody", "unknown adapter 'nobody'"),
        ("dataset: p, against: onnx-fp32, vary: {speed: [1]}", "speed"),
        ("dataset: p, against: onnx-fp32, candidate: onnx-int8, candidate_with: {thread: 1}", "thread"),
        ("dataset: p, against: onnx-fp32, metric: exact", "exact"),
        ("dataset: p, against: onnx-fp32, ask: embed", "neither right nor wrong"),
        ("dataset: p, against: onnx-fp32, prompt: '{{ x }}'", "not x"),
        ("dataset: p, against: []", r"yaml:5:\d+: tasks.t.against: .*at least 1 item"),
        (
            "dataset: p, against: onnx-fp32, batch_sizes: [0]",
            r"yaml:5:\d+: tasks.t.batch_sizes.0: .*greater than or equal",
        ),
        ("dataset: p, against: onnx-fp32, batch_sizes: [9223372036854775808]", r"batch_sizes.0: .*less than or equal"),
        ("dataset: p, against: onnx-fp32, image_sizes: [[0, 8]]", r"image_sizes.0.0: .*greater than or equal"),
        ("dataset: p, against: onnx-fp32, vary: {threads: []}", r"yaml:5:\d+: tasks.t.vary.threads: .*at least 1 item"),
        ("dataset: p, against: onnx-fp32, vary: {threads: [0]}", "threads"),
    ],
    ids=str,
)
def test_a_mistake_is_found_before_anything_runs(bind: Callable[[str], Suite], keys: str, said: str) -> None:
    text = f"suite: s\nversion: 1\ndatasets: {{p: {{type: photo_crops}}}}\ntasks:\n  t: {{kind: latency, {keys}}}\n"
    with pytest.raises(SpecError, match=said):
        bind(text)


def test_the_description_holds_the_other_adapters_settings(bind: Callable[[str], Suite]) -> None:
    def described(threads: int) -> Mapping[str, Any]:
        keys = f"dataset: p, candidate: onnx-int8, candidate_with: {{threads: {threads}}}, against: onnx-fp32"
        text = f"suite: s\nversion: 1\ndatasets: {{p: {{type: photo_crops}}}}\ntasks:\n  t: {{kind: latency, {keys}}}\n"
        return bind(text).tasks["t"].describe()

    assert described(1) == described(1)
    assert described(1) != described(2)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_no_answer_and_never_agree(bad: float) -> None:
    said = [Response(None, Status.ERROR, "the model's numbers were not finite")]
    assert "not finite" in str(failure(said, [Request("a", "")]))
    asked = [Request("a", "", ask="classify")]
    assert "not finite" in str(failure(np.float32([[1, bad]]), asked))
    assert failure(np.float32([[1, 2]]), asked) is None
    assert math.isnan(divergence(np.float32([1, 0]), np.float32([bad, 0])))


def test_a_candidate_whose_scores_are_nan_has_no_speed_and_no_agreement(
    tmp_path: Path, write: Callable[..., Path], run_here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(
        "c.py",
        "import numpy as np\n\n\nclass M:\n    classes = ['a', 'b']\n\n    def __init__(self, bad=False):\n"
        "        self.bad = bad\n\n    def classify(self, images):\n"
        "        return np.full((len(images), 2), np.nan if self.bad else 1, np.float32)\n",
    )
    write("ref.yaml", "adapter: ref\ntype: python\ntarget: c.py:M\n")
    write("bad.yaml", "adapter: bad\ntype: python\ntarget: c.py:M\noptions: {bad: true}\n")
    write(
        "suite.yaml",
        "suite: s\nversion: 1\ndatasets: {p: {type: charts, limit: 3}}\ntasks:\n"
        "  t: {kind: latency, dataset: p, against: ref.yaml, ask: classify, rounds: 4, footprint: false}\n"
        "gates:\n  - {metric: t/speedup, min: 0.1}\n  - {metric: t/answer_flip_rate, max: 0.5}\n",
    )
    done = run_here("run", "suite.yaml", "-a", "bad.yaml", "--no-report", "--json")
    assert done.code == 4, done.err
    (record,) = json.loads(done.out)
    metrics = record["tasks"]["t"]["metrics"]
    assert {metrics[name]["n"] for name in ("speedup", "agreement", "answer_flip_rate", "logit_kl")} == {0}
    assert (record["status"], record["gates"]) == ("failed", [])
    assert "have no score" in record["reason"]
    said = [finding["text"] for finding in record["tasks"]["t"]["findings"]]
    assert "batch=1: nothing was measured: 4 of 8 calls failed" in said
    assert any(text.startswith("answers: 3 of 3 samples have no answer") for text in said)
