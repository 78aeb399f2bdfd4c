"""Samplers judged by what they show."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import SpecError
from harness.record import Run
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.tasks.told import told

SUITE = """\
suite: s
version: 1
datasets:
  brief: {{type: evolving_charts, limit: 16, events: [when_higher], event_seconds: [0.5, 0.9], rate: 5}}
tasks:
  samplers: {{kind: sampling, dataset: brief, frames: {frames}, samplers: {samplers}}}
"""
ALL = "[uniform, keyframe, motion, random, {sampler: uniform, place: endpoints, as: ends}]"
Bind = Callable[[str], Suite]


def test_samplers_that_look_find_brief_events_that_the_clock_misses_and_the_report_says_so(
    bind: Bind, tmp_path: Path
) -> None:
    suite = bind(SUITE.format(frames=6, samplers=ALL))
    folder, record = run_suite(suite, read_adapter("mock"), RunOptions(out=tmp_path), Silent())
    task = record.tasks["samplers"]
    assert list(task.metrics) == list(told(suite.tasks["samplers"]))
    gain = task.metrics["recall_gain[motion]"]
    assert gain.low is not None
    assert gain.low > 0
    assert task.metrics["evidence_recall[motion]"].value > task.metrics["evidence_recall[uniform]"].value
    assert any(f.text.startswith("samplers differ") and "motion" in f.text for f in task.findings)
    assert any(f.text.startswith("no difference shown") for f in task.findings)
    assert [row[0] for row in task.tables[0].rows] == ["uniform", "keyframe", "motion", "random", "ends"]
    rows = Run(folder).table().to_pylist()
    assert len(rows) == 5 * 16
    assert {row["score.recall"] for row in rows} == {0.0, 1.0}


def test_with_every_frame_in_the_budget_all_evidence_is_shown(bind: Bind, tmp_path: Path) -> None:
    suite = bind(SUITE.format(frames=100, samplers="[all, uniform]"))
    _, record = run_suite(suite, read_adapter("mock"), RunOptions(out=tmp_path, limit=3), Silent())
    metrics = record.tasks["samplers"].metrics
    assert metrics["evidence_recall[all]"].value == metrics["evidence_recall[uniform]"].value == 1.0
    assert metrics["recall_gain[uniform]"].value == 0.0
    assert metrics["evidence_recall[all]"].n == 3


def test_a_clip_that_is_over_the_budget_of_all_frames_is_an_error_of_its_own(bind: Bind, tmp_path: Path) -> None:
    suite = bind(SUITE.format(frames=8, samplers="[uniform, all]"))
    _, record = run_suite(suite, read_adapter("mock"), RunOptions(out=tmp_path, limit=2), Silent())
    metrics = record.tasks["samplers"].metrics
    assert metrics["evidence_recall[all]"].n == 0
    assert metrics["evidence_recall[all]"].statuses == {"error": 2}
    assert metrics["evidence_recall[uniform]"].n == 2


@pytest.mark.parametrize(
    ("samplers", "said"),
    [
        ("[unifrom]", "did you mean 'uniform'"),
        ("[uniform, uniform]", "two samplers are called 'uniform'"),
        ("[{place: centres}]", "a sampler needs its name"),
        ("[{sampler: uniform, as: 'a b'}]", "cannot name a sampler"),
    ],
)
def test_a_mistake_is_reported_at_its_line(bind: Bind, samplers: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        bind(SUITE.format(frames=6, samplers=samplers))
    with pytest.raises(SpecError, match="no dataset is called"):
        bind(SUITE.format(frames=6, samplers=ALL).replace("dataset: brief", "dataset: breif"))
