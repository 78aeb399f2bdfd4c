"""Runs whose numbers rest on rows that no single answer is: a guard's pooled tiers, detectors' scores."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.comparison.columns import read_samples
from harness.comparison.compare import Compared, Options, compare
from harness.comparison.decide import Decision, decide, margins
from harness.comparison.described import described
from harness.comparison.rows import CUT_OFF, RunRows, TaskView
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.record import Run
from harness.record.rows import MadeRows
from harness.spec.models import GateSpec
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.suite.select import Selection

GUARD = """\
suite: s
version: 1
seed: 3
datasets: {charts: {type: charts, limit: 60}}
tasks:
  guard: {kind: guard, dataset: charts, answers: evidence_lines, flag_below: FLAG, reject_below: 0.3}
"""
OOD = """\
suite: s
version: 1
seed: 3
datasets:
  fit: {type: jsonl, path: fit.jsonl}
  held-out: {type: jsonl, path: held-out.jsonl}
  test: {type: jsonl, path: test.jsonl}
  odd: {type: jsonl, path: odd.jsonl}
tasks:
  ood: {kind: ood, fit: fit, calibrate: held-out, test: test, far: [odd], detectors: [{detector: column, tag: s}]}
"""


@pytest.fixture
def run(bind: Callable[[str], Suite], tmp_path: Path) -> Callable[[str], Run]:
    def make(suite: str) -> Run:
        folder, _ = run_suite(bind(suite), read_adapter("mock"), RunOptions(out=tmp_path / "runs"), Silent())
        return Run(folder)

    return make


@pytest.fixture
def scores(write: Callable[..., Path]) -> Callable[..., None]:
    def make(distance: float, cluster: str = "{i}") -> None:
        """Write four splits of 120 scores; the odd ones are the tested ones further out."""
        for split, seed in {"fit": 1, "held-out": 2, "test": 3, "odd": 3}.items():
            drawn = np.random.default_rng(seed).normal(size=120) + distance * (split == "odd")
            rows = [
                {"id": f"{split}-{i}", "cluster": cluster.format(split=split, i=i)}
                | {"image": f"{split}-{i}.png", "question": "", "answer": "", "tags": {"s": score}}
                for i, score in enumerate(drawn.tolist())
            ]
            write(f"{split}.jsonl", "\n".join(map(json.dumps, rows)))

    return make


def judged(baseline: Run, candidate: Run, *gates: GateSpec) -> tuple[Compared, Decision]:
    compared = compare(baseline, candidate, Options(margins=margins(gates), force=True))
    return compared, decide(gates, candidate.record, compared)


GUARDED = [GateSpec(metric="guard/guard_recall", max_drop=0.1), GateSpec(metric="guard/auroc", max_drop=0.1)]


def test_a_guard_that_is_as_it_was_passes(run: Callable[[str], Run]) -> None:
    one, other = (run(GUARD.replace("FLAG", "1.0")) for _ in range(2))
    compared, decision = judged(one, other, *GUARDED)
    assert decision.verdict == "pass"
    assert compared.delta("guard/guard_recall").before == one.record.tasks["guard"].metrics["guard_recall"].value
    assert compared.delta("guard/auroc").before == pytest.approx(one.record.tasks["guard"].metrics["auroc"].value)


def test_a_guard_that_flags_less_fails_on_what_it_misses_and_not_on_how_it_ranks(run: Callable[[str], Run]) -> None:
    compared, decision = judged(run(GUARD.replace("FLAG", "1.0")), run(GUARD.replace("FLAG", "0.4")), *GUARDED)
    assert [one.gate.verdict for one in decision.gates] == ["fail", "pass"]
    assert compared.delta("guard/cost").moved == "worse"


def test_a_detector_that_separates_less_fails(run: Callable[[str], Run], scores: Callable[..., None]) -> None:
    gate = GateSpec(metric="ood/auroc[column,odd]", max_drop=0.05)
    scores(3.0)
    one, same = run(OOD), run(OOD)
    scores(0.5)
    worse = run(OOD)
    compared, decision = judged(one, same, gate)
    assert decision.verdict == "pass"
    assert compared.delta("ood/auroc[column,odd]").comparison.n == 120
    compared, decision = judged(one, worse, gate)
    assert decision.verdict == "fail"
    for name, value in worse.record.tasks["ood"].metrics.items():
        assert compared.delta(f"ood/{name}").after == pytest.approx(value.value), name
    assert compared.delta("ood/fpr[column]").comparison.estimate == 0
    assert compared.delta("ood/tpr[column,odd]").moved == "worse"


def test_samples_of_two_splits_that_share_a_cluster_are_drawn_apart(
    run: Callable[[str], Run], scores: Callable[..., None]
) -> None:
    widths = []
    for cluster in ("{i}", "{split}-{i}"):
        scores(1.0, cluster)
        found = run(OOD).record.tasks["ood"].metrics["auroc[column,odd]"]
        widths.append(found.high - found.low)
    assert widths[0] == pytest.approx(widths[1], rel=0.1)


ASKED_TWICE = """\
suite: s
version: 1
datasets: {charts: {type: charts, limit: 12}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [exact_match]}
"""


def test_rows_made_of_questions_lie_beside_questions_that_were_asked_several_times(
    bind: Callable[[str], Suite], tmp_path: Path
) -> None:
    options = RunOptions(out=tmp_path / "runs", selection=Selection(epochs=2))
    folder, record = run_suite(bind(ASKED_TWICE), read_adapter("mock"), options, Silent())
    asked = read_samples(folder)
    plain = sorted({identity.partition("#")[0] for identity in asked.text("sample_id").to_pylist()})
    values = dict(zip(plain, np.arange(12.0), strict=True))
    task = record.tasks["qa"]
    made = [MadeRows("qa", cell, plain, {"made": np.array([*values.values()])}) for cell in ("clean", "new")]
    view = TaskView("qa", task, described(task, asked.metrics))
    rows = RunRows(asked, made).of(view)
    assert (len(rows.cells["clean"]), len(rows.cells["new"])) == (12, 12)
    assert sorted(rows.cells["clean"].columns["made"].worths.tolist()) == list(values.values())
    assert set(rows.cells["clean"].columns) == {"exact_match", "answer", CUT_OFF, "made"}
