"""Slices of a report are what the run's own metrics are over the same samples, and say what they are of."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.record import read_run
from harness.record.folder import RUN_FILE
from harness.report.content import gather
from harness.report.html import render_html
from harness.suite.select import Selection
from harness.types import Request, Response, Status
from tests.doubles import Double
from tests.edited import put

SUITE = """\
suite: sliced
version: 1
datasets: {{rows: {{type: jsonl, path: rows.jsonl}}}}
tasks:
  qa: {{kind: qa, dataset: rows, metrics: [{metric}], temperature: 1.0, slices: [part]}}
"""


class Unsure(Double):
    """Answers rightly, wrongly and at length, or not at all, by question and seed."""

    capabilities = frozenset({"generate", "sample"})

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Response:
        number = int(request.prompt.split()[-1]) + (request.generation.seed or 0) % 3
        if number % 7 == 0:
            return Response(None, Status.ERROR, "out of order")
        return Response(request.prompt.split()[-1] if number % 3 else "a much longer answer than was asked for")


@pytest.fixture
def run(bind, write, tmp_path: Path) -> Callable[..., Path]:
    rows = [
        {"id": f"s{i}", "question": f"say {i}", "answer": str(i), "cluster": f"c{i // 2}"}
        | {"tags": {"part": str(i % 5 == 0)}}
        for i in range(60)
    ]
    write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def make(metric: str, **selection: object) -> Path:
        options = RunOptions(tmp_path / "runs", selection=Selection(**selection))  # type: ignore[arg-type]
        return run_suite(bind(SUITE.format(metric=metric)), Unsure.choice(tmp_path), options, Silent())[0]

    return make


@pytest.mark.parametrize(
    ("metric", "selection"),
    [
        ("exact_match", {}),
        ("cer", {}),
        ("{metric: exact_match, failures: exclude}", {}),
        ("exact_match", {"epochs": 3}),
        ("exact_match", {"epochs": 3, "reducer": "majority"}),
        ("exact_match", {"epochs": 3, "reducer": "pass@2"}),
    ],
)
def test_a_slice_is_what_the_run_itself_says_of_its_samples(run, metric: str, selection: dict[str, object]) -> None:
    folder = run(metric, **selection)
    task = read_run(folder).tasks["qa"]
    found = gather(folder).slices
    assert {f"{one.metric}[part={one.value}]" for one in found} == {name for name in task.metrics if "[" in name}
    for one in found:
        wanted = task.metrics[f"{one.metric}[part={one.value}]"]
        counts = {name: count for name, count in wanted.statuses.items() if count}
        ends = (one.found.value, one.found.low, one.found.high)
        assert ends == pytest.approx((wanted.value, wanted.low, wanted.high), rel=1e-12)
        told = {"value", "low", "high", "statuses"}
        assert one.found.model_dump(exclude=told) == wanted.model_dump(exclude=told)
        assert one.found.statuses == counts
        assert one.found.n == wanted.n < 60


def test_a_slice_names_its_metric_and_which_way_is_better(run) -> None:
    html = render_html(gather(run("cer")))
    section = html[html.index('id="slices"') : html.index('id="glossary"')]
    assert "<code>qa/cer</code> ↓" in section


def test_an_error_rate_tells_no_answer_right_or_wrong_and_a_share_does(run) -> None:
    assert gather(run("cer")).wrong == ()
    wrong = gather(run("exact_match")).wrong
    assert wrong
    assert {answer.response for answer in wrong} == {"a much longer answer than was asked for"}


@pytest.fixture
def elsewhere(run, tmp_path: Path) -> Callable[..., Path]:
    """A record whose metric is not installed here."""

    def make(**changes: object) -> Path:
        folder = tmp_path / "copied"
        shutil.copytree(run("exact_match"), folder)
        record = json.loads((folder / RUN_FILE).read_text())
        record["tasks"]["qa"]["config"]["metrics"] = [{"metric": "from_elsewhere", "as": "exact_match"}]
        record["tasks"]["qa"] |= changes
        put(folder, record)
        return folder

    return make


def test_a_metric_that_is_not_installed_here_has_its_slices_as_the_record_describes_it(elsewhere) -> None:
    folder = elsewhere()
    slices = gather(folder).slices
    assert slices
    for one in slices:
        assert one.found == read_run(folder).tasks["qa"].metrics[f"exact_match[part={one.value}]"]


def test_a_record_of_schema_1_still_has_the_slices_of_a_metric_that_is_not_installed_here(elsewhere) -> None:
    folder = elsewhere(columns={}, statistics=[], per_cell=[])
    for one in gather(folder).slices:
        wanted = read_run(folder).tasks["qa"].metrics[f"exact_match[part={one.value}]"]
        # Nobody knows what a failure is worth under it, so the failed answers are left out.
        answered = wanted.statuses["ok"]
        assert (one.found.n, one.found.total) == (answered, wanted.total)
        assert one.found.value == pytest.approx(wanted.value * wanted.n / answered)
        assert one.found.method == ("clustered t" if one.value == "False" else "t")
