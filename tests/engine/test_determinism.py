"""The same suite and adapter give the same answers and scores, however the work is cut up."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.engine.options import Silent
from harness.engine.plan import Batch, make_plan
from harness.engine.prepare import ahead, prepare
from harness.engine.run import RunOptions, batch_size_for, run_suite
from harness.record import read_run
from harness.record.folder import SAMPLES_FILE
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite, load_suite

LIMIT = 9
VARIES = ("batch", "batch_seconds", "seconds")
"""Columns that say how the work was cut up and how long it took."""


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("robustness")


@pytest.fixture(scope="module")
def run(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    def make(**options: int) -> Path:
        out = tmp_path_factory.mktemp("runs")
        return run_suite(suite, read_adapter("mock"), RunOptions(out=out, limit=LIMIT, **options), Silent())[0]

    return make


@pytest.fixture(scope="module")
def first(run: Callable[..., Path]) -> Path:
    return run(batch_size=32)


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 32}, {"batch_size": 1}, {"batch_size": 7}, {"batch_size": 7, "workers": 2}],
    ids=str,
)
def test_batch_size_workers_and_repetition_change_nothing(run, first: Path, options: dict[str, int]) -> None:
    again = run(**options)
    one, two = (pq.read_table(folder / SAMPLES_FILE).drop_columns(VARIES) for folder in (first, again))
    assert one.num_rows == LIMIT * (2 + 31)
    assert two.to_pylist() == one.to_pylist()
    assert read_run(again).tasks == read_run(first).tasks
    assert read_run(again).gates == read_run(first).gates


def test_the_comparison_would_see_another_seed(first: Path, suite: Suite, write, tmp_path: Path) -> None:
    other = load_suite(str(write("other.yaml", "extends: robustness\nseed: 8\n")))
    folder, _ = run_suite(other, read_adapter("mock"), RunOptions(out=tmp_path, limit=LIMIT), Silent())
    columns = ["response", "request_hash"]
    one, two = (pq.read_table(run / SAMPLES_FILE, columns=columns).to_pylist() for run in (first, folder))
    assert one != two


def hashes(batch: Batch) -> list[str]:
    return [digest for asked in prepare(batch, oracle=True).asked for _, digest in asked]


def test_a_request_depends_on_its_sample_and_cell_not_on_what_is_prepared_before_it(suite: Suite) -> None:
    batches = [
        batch for batch in make_plan(suite, 3, 3).batches() if batch.cell.id in ("gaussian_noise@3", "occlusion@2")
    ]
    forwards = {batch.cell.id: hashes(batch) for batch in batches}
    backwards = {batch.cell.id: hashes(batch) for batch in reversed(batches)}
    assert len(forwards) == 2
    assert forwards == backwards


def test_work_ahead_of_the_consumer_keeps_its_order_and_its_distance() -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for i in range(50):
            begun.append(i)
            yield i

    results = ahead(lambda i: lambda: i * i, items(), 6)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(begun) <= 5 + 6 + 1
    assert list(results) == [i * i for i in range(5, 50)]


def test_a_batch_size_is_not_granted_where_answers_can_depend_on_their_batch() -> None:
    adapter = read_adapter("mock").load()
    assert batch_size_for(adapter, 7) == 7
    assert batch_size_for(adapter, None) == 32
    adapter.batch_invariant = False
    assert batch_size_for(adapter, 7) == 32


def test_batches_never_cross_a_cells_border(suite: Suite) -> None:
    plan = make_plan(suite, 7, 10)
    sizes = [len(batch.samples) for batch in plan.batches() if batch.task.name == "severity-sweep"]
    assert sizes == [7, 3] * 31
    assert plan.total == 10 * 33
