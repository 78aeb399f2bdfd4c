"""Tasks that ask for vectors, and tasks that measure by themselves, on the way into the record."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import Field

from harness.engine.options import Silent
from harness.engine.plan import Shard
from harness.engine.run import RunOptions, resume_run, run_suite
from harness.errors import ConfigError, SampleError, UsageError
from harness.record import Run
from harness.spec.models import Model
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.tasks import (
    Bench,
    BuildContext,
    Cell,
    CellResult,
    Chart,
    Line,
    Measures,
    Observation,
    Summary,
    Table,
)
from harness.types import Adapter, Dataset, MetricValue, Request, Response, Sample, Score, Status
from tests.doubles import Double

CELL = Cell("all")

pytestmark = pytest.mark.filterwarnings("ignore:task kind 'test' is written for an earlier version:DeprecationWarning")
"""They sum up by themselves, as tasks did formerly: this holds for one more release."""
NAN = float("nan")


class Common:
    """What both kinds of task share here."""

    kind = "test"
    metrics: ClassVar[dict[str, Any]] = {}
    primary = ""

    def __init__(self, name: str) -> None:
        self.name = name

    def cells(self) -> Sequence[Cell]:
        return (CELL,)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return {}

    def metric_names(self) -> Sequence[str]:
        return ["mean"]

    def describe(self) -> Mapping[str, Any]:
        return {"kind": self.kind}


def mean_of(values: np.ndarray) -> MetricValue:
    n = len(values)
    return MetricValue(float(values.mean()) if n else NAN, NAN, NAN, n, n, "lower")


class EmbedConfig(Model):
    dataset: str


class EmbedTask(Common):
    Config: ClassVar[type[Model]] = EmbedConfig
    requires = frozenset({"embed"})

    def __init__(self, name: str, dataset: Dataset) -> None:
        super().__init__(name)
        self.dataset = dataset

    @classmethod
    def build(cls, name: str, config: EmbedConfig, context: BuildContext) -> "EmbedTask":
        return cls(name, context.datasets[config.dataset])

    def count(self, cell: Cell) -> int:
        return len(self.dataset)

    def samples(self, cell: Cell) -> Dataset:
        return self.dataset

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return (Request(sample.id, "", (sample.images[0].load(),), ask="embed"),)

    def summarise(self, results: Sequence[CellResult], seed: int) -> Summary:
        vectors = np.array([*results[0].vectors.values()])
        value = mean_of(vectors[:, 0])
        chart = Chart("levels", "sample", "level", (Line("all", (0.0, 1.0), (1.0, NAN)),))
        return Summary({"mean": value}, {CELL.id: {}}, charts=(chart,), tables=(Table("t", ("a",), ((NAN,),)),))


class TimingConfig(Model):
    against: str
    keys: dict[str, int] = Field(default_factory=dict)


class TimingTask(Common):
    Config: ClassVar[type[Model]] = TimingConfig
    requires = frozenset({"generate"})
    measures = ("ms",)

    def __init__(self, name: str, config: TimingConfig, context: BuildContext) -> None:
        super().__init__(name)
        self.other = context.adapters(config.against).vary(**config.keys)

    @classmethod
    def build(cls, name: str, config: TimingConfig, context: BuildContext) -> "TimingTask":
        return cls(name, config, context)

    def count(self, cell: Cell) -> int:
        return 3

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        other = self.other.load()
        for i in range(3):
            with bench.turn() as adapter:
                answer = adapter.generate([Request(str(i), "q")])[0]
            yield Observation(f"call {i}", {"ms": float(i)}, text=answer.text, tags={"other": type(other).__name__})
        yield Observation("lost", {"ms": 7.0}, status=Status.ERROR, error="it broke")
        yield Observation("odd", {"ms": NAN})

    def summarise(self, results: Sequence[CellResult], seed: int) -> Summary:
        worths = results[0].columns["ms"].worths
        return Summary({"mean": mean_of(worths[~np.isnan(worths)])}, {CELL.id: {}})


class Eye(Double):
    """Embeds an image as its mean level; white images are refused, black ones give NaN."""

    capabilities = frozenset({"generate", "embed"})

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        levels = [float(np.asarray(image).mean()) for image in images]
        if 255.0 in levels:
            raise SampleError("too bright")
        return np.array([[level or NAN, 1.0] for level in levels], np.float32)


@pytest.fixture
def run(bind: Callable[[str], Suite], plug_in: Callable[[str, str, str], None], tmp_path: Path) -> Callable[..., Run]:
    plug_in("adapters", "eye", f"{__name__}:Eye")
    plug_in("tasks", "test-embed", f"{__name__}:EmbedTask")
    plug_in("tasks", "test-timing", f"{__name__}:TimingTask")

    def make(tasks: str, engine: str = "{}", **options: Any) -> Run:
        lines = []
        for i, level in enumerate((255, 0, 10, 20, 30)):
            Image.new("L", (8, 8), level).save(tmp_path / f"{i}.png")
            lines.append(f'{{"id": "s{i}", "image": "{i}.png", "question": "q", "answer": "a"}}')
        (tmp_path / "d.jsonl").write_text("\n".join(lines))
        head = f"suite: s\nversion: 1\ndatasets: {{d: {{type: jsonl, path: d.jsonl}}}}\nengine: {engine}\n"
        suite = bind(f"{head}tasks:\n  t: {tasks}\n")
        choice = Eye.choice(tmp_path)
        folder, _ = run_suite(suite, choice, RunOptions(out=tmp_path / "runs", **options), Silent())
        return Run(folder)

    return make


def test_vectors_reach_the_task_and_the_record_and_a_bad_image_costs_only_itself(run: Callable[..., Run]) -> None:
    done = run("{kind: test-embed, dataset: d}")
    task = done.record.tasks["t"]
    assert done.record.responses == {"ok": 3, "error": 2}
    assert task.metrics["mean"].value == pytest.approx(20)
    kept = pq.read_table(done.folder / "vectors.parquet").to_pylist()
    assert [(row["sample_id"], row["vector"]) for row in kept] == [(f"s{i}", [10.0 * (i - 1), 1.0]) for i in (2, 3, 4)]
    errors = {row["sample_id"]: row["error"] for row in done.table().to_pylist() if row["error"]}
    assert errors["s0"] == "too bright"
    assert "not finite" in errors["s1"]


def test_charts_and_tables_reach_the_record_with_gaps_where_a_number_is_not_finite(run: Callable[..., Run]) -> None:
    task = run("{kind: test-embed, dataset: d}").record.tasks["t"]
    assert task.charts[0].lines[0].y == [1.0, None]
    assert task.tables[0].rows == [[None]]


def test_a_measuring_task_leaves_a_row_an_observation_and_failures_do_not_count(run: Callable[..., Run]) -> None:
    done = run("{kind: test-timing, against: mock, keys: {batch_size: 2}}")
    rows = done.table().to_pylist()
    assert [row["score.ms"] for row in rows] == [0.0, 1.0, 2.0, None, None]
    assert [row["status.ms"] for row in rows] == ["ok", "ok", "ok", "error", "undefined"]
    assert rows[0]["response"] == "seen"
    assert rows[0]["tag.other"] == "MockAdapter"
    assert done.record.tasks["t"].metrics["mean"].value == 1.0


@pytest.mark.parametrize(
    ("limit", "status"), [("0", "failed"), ("0.3", "failed"), ("2", "complete"), ("0.9", "complete")]
)
def test_observations_that_failed_count_against_max_errors(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, limit: str, status: str
) -> None:
    monkeypatch.setattr("harness.engine.measuring._OBSERVATIONS", 2)
    record = run("{kind: test-timing, against: mock}", f"{{max_errors: {limit}}}").record
    assert record.status == status
    assert record.responses == {"ok": 4 if status == "complete" else 3, "error": 1}


def test_a_measured_cell_with_a_failure_is_measured_again_where_errors_are_to_be_asked_again(
    run: Callable[..., Run],
) -> None:
    part = run("{kind: test-timing, against: mock}", shard=Shard(1, 2))  # a part keeps its store
    _, record = resume_run(part.folder, RunOptions(), Silent(), retry=(Status.ERROR,))
    assert record.responses == {"ok": 4, "error": 1}
    assert record.tasks["t"].metrics["mean"].value == 1.0


def test_a_second_adapter_that_is_not_there_is_a_mistake_in_the_suite(run: Callable[..., Run]) -> None:
    with pytest.raises(UsageError, match="unknown adapter 'nobody'"):
        run("{kind: test-timing, against: nobody}")


def test_varying_an_adapter_by_a_key_that_it_does_not_know_names_the_key() -> None:
    with pytest.raises(ConfigError, match="speed"):
        read_adapter("mock").vary(speed=3)
    assert read_adapter("mock").vary(batch_size=3).load().batch_size == 3


def test_the_protocols_tell_the_kinds_apart() -> None:
    assert isinstance(TimingTask("t", TimingConfig(against="mock"), BuildContext(0, {}, {}, read_adapter)), Measures)
    assert not isinstance(EmbedTask("t", ()), Measures)  # type: ignore[arg-type]
    assert isinstance(Eye(), Adapter)
