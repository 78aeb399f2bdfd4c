"""Runs of samples that were drawn by what earlier runs say of them: the draw, the record, and what is made of it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.api import load_run
from harness.comparison.identity import Incomparable
from harness.comparison.matrix import matrix
from harness.comparison.verify import verify
from harness.engine.informed import informed_draw, unweighable
from harness.engine.manifest import Manifest
from harness.engine.options import Interrupted, Silent
from harness.errors import UsageError
from harness.estimate import (
    CellRows,
    Column,
    Estimator,
    Rows,
    Statistic,
    column,
    mean,
    minimum,
    ratio,
)
from harness.exports import export
from harness.gates import baseline
from harness.record import Run
from harness.record.folder import STORE_FILE
from harness.record.store import ResponseStore
from harness.suite.bind import load_suite

COUNT = 400
MODEL = """\
import hashlib


def _u(*of):
    return int(hashlib.sha256(repr(of).encode()).hexdigest()[:8], 16) / 2**32


def _answer(name, i, drop=0.0):
    hard = _u("hard", i) < 0.2
    return i if _u(name, i) < (0.5 - drop if hard else float(_u("base", i) < 0.75)) else "no"


def one(prompt, images):
    return _answer("one", prompt)


def two(prompt, images):
    return _answer("two", prompt)


def three(prompt, images):
    return _answer("three", prompt, 0.3)


def four(prompt, images):
    return _answer("four", prompt)
"""
SUITE = """\
suite: small
version: 1
seed: 3
datasets:
  rows: {type: jsonl, path: rows.jsonl}
tasks:
  read: {kind: qa, dataset: rows, metrics: [exact_match]}
gates:
  - {metric: read/exact_match, max_drop: 0.2}
"""

Answer = Callable[..., Run]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite, three models, and runs of the first two."""
    folder = tmp_path_factory.mktemp("informed")
    rows = [{"id": f"q{i}", "question": str(i), "answer": str(i), "tags": {"half": "ab"[i % 2]}} for i in range(COUNT)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "model.py").write_text(MODEL)
    (folder / "suite.yaml").write_text(SUITE)
    for name in ("one", "two"):
        _run(folder, name)
    return folder


def _run(folder: Path, name: str, **options: object) -> Run:
    options = {"out": folder / "runs", "report": False, **options}
    return harness.run(folder / "suite.yaml", f"{folder}/model.py:{name}", **options)  # type: ignore[arg-type]


class _Stops(Silent):
    """Stops the run after its first batches."""

    def advance(self, cell: str, done: int, failed: int) -> None:
        raise KeyboardInterrupt


def _history(run: Run) -> list[str]:
    assert run.record.drawn is not None
    return run.record.drawn.runs


@pytest.fixture(scope="module")
def informed(place: Path) -> Run:
    return _run(place, "three", limit=150, sample="informative", out=place / "runs")


@pytest.fixture(scope="module")
def whole(place: Path) -> Run:
    return _run(place, "one", out=place / "whole")


def test_each_row_keeps_its_chance_and_the_run_its_history(informed: Run) -> None:
    table, drawn = informed.table(), informed.record.drawn
    assert drawn is not None
    assert (drawn.population, drawn.asked, len(drawn.runs)) == (COUNT, 150, 2)
    assert informed.record.limit_rule == "informative"
    chances = np.array(table["chance"].to_numpy())
    assert chances.min() == pytest.approx(drawn.least_chance)
    assert (1 / chances).sum() == pytest.approx(COUNT, rel=0.15)
    assert drawn.worth > 1.2


def test_the_value_is_the_weighted_one_and_the_plain_one_is_another(informed: Run) -> None:
    table = informed.table()
    scores, weights = table["score.exact_match"].to_numpy(), 1 / table["chance"].to_numpy()
    told = informed.metrics["read/exact_match"]
    assert told.value == pytest.approx(scores @ weights / weights.sum())
    assert abs(told.value - scores.mean()) > 0.01
    assert told.method == "Gaffke, weighted"
    assert told.value is not None
    assert told.low is not None
    assert told.high is not None
    assert told.low < told.value < told.high
    assert not verify(informed).doubts


def test_a_comparison_with_a_run_of_all_samples_weighs_the_pairs_both_ways(whole: Run, informed: Run) -> None:
    table = informed.table()
    asked = dict(zip(table["sample_id"].to_pylist(), (1 / table["chance"].to_numpy()).tolist(), strict=True))
    before = dict(zip(*(whole.table()[name].to_pylist() for name in ("sample_id", "score.exact_match")), strict=True))
    after = dict(zip(*(table[name].to_pylist() for name in ("sample_id", "score.exact_match")), strict=True))
    d, w = (np.array(one) for one in zip(*((after[name] - before[name], asked[name]) for name in asked), strict=True))
    for pair, sign in (((whole, informed), 1), ((informed, whole), -1)):
        compared = harness.compare(*pair)
        delta = compared.delta("read/exact_match")
        assert delta is not None
        assert delta.comparison is not None
        assert delta.comparison.method == "weighted Tango"
        assert delta.comparison.n == 150
        assert delta.comparison.estimate == pytest.approx(sign * float(d @ w / w.sum()))
        assert any("unequal chances" in said for said in compared.warnings)


def test_a_gate_takes_it_and_a_baseline_keeps_the_chances(place: Path, informed: Run, whole: Run) -> None:
    saved = baseline.save(informed.folder, "drawn", place / "baselines")
    kept = harness.compare(load_run(saved.folder), whole).delta("read/exact_match")
    told = harness.compare(informed, whole).delta("read/exact_match")
    assert kept is not None
    assert told is not None
    assert kept.comparison == told.comparison
    decision = harness.gate(
        place / "suite.yaml",
        f"{place}/model.py:three",
        candidate=informed,
        baseline=str(whole.folder),
        out=place / "gated",
    )
    assert decision.gates[0].gate.verdict in ("pass", "fail", "inconclusive")


def test_what_takes_plain_means_refuses(place: Path, informed: Run, whole: Run, tmp_path: Path) -> None:
    for attempt in (
        lambda: harness.score(informed, "exact_match"),
        lambda: matrix([informed, whole]),
        lambda: export(informed, "lm-eval", tmp_path / "out"),
    ):
        with pytest.raises(UsageError, match="unequal chances"):
            attempt()


def test_two_draws_by_different_runs_cannot_be_paired_and_the_same_draw_can(place: Path, informed: Run) -> None:
    told = [place / "runs" / run for run in _history(informed)]
    again = _run(place, "one", limit=150, sample="informative", sample_from=told, out=place / "b")
    assert again.table()["sample_id"].to_pylist() == informed.table()["sample_id"].to_pylist()
    assert harness.compare(again, informed).delta("read/exact_match") is not None
    other = _run(place, "two", limit=160, sample="informative", out=place / "runs", fresh=True)
    with pytest.raises(Incomparable, match="how likely a pair was"):
        harness.compare(other, informed)


def test_the_draw_is_a_function_of_seed_and_history_alone(place: Path, informed: Run) -> None:
    suite, runs = load_suite(str(place / "suite.yaml")), [place / "runs" / run for run in _history(informed)]
    draws = [informed_draw(suite, 150, place / "none", given)[0].chances for given in (runs, runs[::-1])]
    assert draws[0] == pytest.approx(draws[1])
    assert set(draws[0] or ()) == set(informed.table()["sample_id"].to_pylist())


def test_a_run_that_was_stopped_goes_on_with_its_own_draw_whatever_runs_were_made_meanwhile(place: Path) -> None:
    out = place / "stopped"
    shutil.copytree(place / "runs", out, ignore=lambda _, names: [name for name in names if "three" in name])
    for folder in [*out.iterdir()]:
        if load_run(folder).record.limit_rule == "informative":
            shutil.rmtree(folder)
    options = {"limit": 150, "sample": "informative", "out": out, "batch_size": 16}
    with pytest.raises(Interrupted) as stopped:
        _run(place, "three", **options, progress=_Stops())
    with ResponseStore(stopped.value.folder / STORE_FILE, create=False) as store:
        chances = Manifest.read(store).chances
    assert chances is not None
    new = _run(place, "four", out=out)
    assert informed_draw(load_suite(str(place / "suite.yaml")), 150, out)[0].chances != chances
    done = _run(place, "three", **options)
    assert done.folder == stopped.value.folder
    assert dict(zip(*(done.table()[name].to_pylist() for name in ("sample_id", "chance")), strict=True)) == chances
    assert new.record.run_id not in _history(done)
    assert not verify(done).doubts


def test_a_sweep_weighs_every_number_that_it_makes() -> None:
    samples = Rows({name: _cell(name) for name in ("clean", "fog")})
    left = ratio(mean(column("right", "fog")), mean(column("right", "clean")))
    lowest = minimum(mean(column("right", "fog")), mean(column("right", "clean")))
    found = Estimator(samples).all([Statistic("left", left), Statistic("lowest", lowest)])
    assert found["left"].value == pytest.approx(0.5)
    assert found["left"].method == "weighted jackknife t"
    assert found["lowest"].value == pytest.approx(0.4)
    assert found["lowest"].low < 0.4 < found["lowest"].high
    alike = Rows({name: replace(_cell(name), weight=np.full(200, 2.0)) for name in ("clean", "fog")})
    plain = Rows({name: replace(_cell(name), weight=None) for name in ("clean", "fog")})
    for one in (Statistic("left", left), Statistic("lowest", lowest), Statistic("mean", mean(column("right", "fog")))):
        assert Estimator(alike).value(one) == Estimator(plain).value(one)


def _cell(name: str) -> CellRows:
    """Two hundred rows, half of them three times as heavy, that are right in 8 of 10 and in fog in 4 of 10."""
    place = np.arange(200)
    right = np.where(place % 10 < (8 if name == "clean" else 4), 1.0, 0.0)
    return CellRows(place, place, {"right": Column.of(right)}, weight=np.where(place < 100, 3.0, 1.0))


def test_a_sweep_can_be_drawn_and_what_knows_no_weights_is_refused_by_name(place: Path) -> None:
    swept = "  stress: {kind: sweep, of: read, corruptions: [brightness]}\n"
    more = f"{swept}  floor: {{kind: majority, of: read, train: seen}}\ngates:"
    (place / "more.yaml").write_text(
        SUITE.replace("gates:", more).replace("tasks:", "  seen: {type: jsonl, path: rows.jsonl}\ntasks:", 1)
    )
    suite = load_suite(str(place / "more.yaml"))
    assert [name for name, task in suite.tasks.items() if unweighable(task)] == ["floor"]
    with pytest.raises(UsageError, match="'floor' cannot be run with --sample informative"):
        informed_draw(suite, 150, place / "runs")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"limit": 50}, "needs --limit 100 or more"),
        ({"limit": COUNT}, "run all of them"),
        ({"limit": 150, "epochs": 2}, "does more than ask each sample once"),
        ({"limit": 150, "head": True}, "goes with neither"),
        ({}, "needs --limit"),
        ({"limit": 150, "out": "nothing"}, "fewer than two earlier runs"),
    ],
)
def test_what_it_cannot_do_is_refused_before_anything_is_asked(
    place: Path, options: dict[str, object], said: str
) -> None:
    out = place / str(options.pop("out", "runs"))
    with pytest.raises(UsageError, match=said):
        _run(place, "three", sample="informative", out=out, **options)
