"""Several runs ranked: ties by paired tests, nobody first by chance, and where and at what cost they differ."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.comparison.board import board
from harness.comparison.matrix import matrix
from harness.comparison.spending import Amount, Point, dominated, price_of, seconds_of
from harness.errors import UsageError
from harness.record import Run
from tests.conftest import Done

MakeRun = Callable[..., Run]
PRICES = {"input": 1.0, "output": 2.0, "currency": "USD"}


def bits(text: str) -> list[float]:
    return [float(letter) for letter in text]


def places(*runs: Run) -> dict[str, str]:
    ranking = board(runs)
    (column,) = ranking.columns
    return {name: entry.place for name, entry in zip(ranking.titles, column.entries, strict=True)}


def named(make_run: MakeRun, name: str, text: str, **changes: object) -> Run:
    adapter = {"name": name, **changes.pop("adapter", {})}  # type: ignore[dict-item]
    return make_run(name, bits(text), adapter=adapter, **changes)


def test_a_tie_is_what_the_paired_test_leaves_open_not_intervals_that_overlap(make_run: MakeRun) -> None:
    # The intervals of 80 and 68 of 100 overlap; pair by pair all twelve changes go one way.
    best = named(make_run, "best", "1" * 80 + "0" * 20)
    steady = named(make_run, "steady", "1" * 68 + "0" * 32)
    shuffled = named(make_run, "shuffled", "0" * 20 + "1" * 76 + "0" * 4)
    assert places(best, steady, shuffled) == {"best": "best", "shuffled": "tied", "steady": "behind"}


def test_p_counts_every_pair_of_runs_since_the_best_is_chosen_by_the_same_samples(make_run: MakeRun) -> None:
    runs = [named(make_run, f"m{i}", "1" * (60 - 7 * i) + "0" * (40 + 7 * i)) for i in range(2)]
    alone = board(runs).columns[0].entries[1]
    assert (alone.place, alone.adjusted_p) == ("behind", pytest.approx(2 / 2**7))
    more = board([*runs, *(named(make_run, f"n{i}", "1" * 60 + "0" * 40) for i in range(3))])
    found = more.columns[0].entries[more.titles.index("m1")]
    assert (found.place, found.adjusted_p) == ("tied", pytest.approx(10 * 2 / 2**7))


def test_simulated_and_unfinished_runs_and_controls_are_not_ranked(make_run: MakeRun) -> None:
    good, poor = named(make_run, "good", "1" * 90 + "0" * 10), named(make_run, "poor", "1" * 40 + "0" * 60)
    mock = named(make_run, "mock", "1" * 100, adapter={"simulated": True})
    cut = named(make_run, "cut", "1" * 100, status="interrupted")
    assert places(mock, cut, good, poor) == {"good": "best", "poor": "behind", "mock": "unranked", "cut": "unranked"}
    other = named(make_run, "mock 2", "1" * 10 + "0" * 90, adapter={"simulated": True})
    assert places(mock, other) == {"mock": "best", "mock 2": "behind"}
    gates = {"content": {"gates": [{"metric": "qa/exact_match", "max": 0.1}]}}
    held = [named(make_run, name, "1" * 50, suite=gates) for name in ("a", "b")]
    assert board(held).columns == ()


def test_a_run_that_was_asked_otherwise_has_its_value_and_no_test(make_run: MakeRun) -> None:
    one = named(make_run, "one", "1" * 50 + "0" * 50)
    other = named(make_run, "other", "1" * 30 + "0" * 70, config={"prompt": "another {{ question }}"})
    ranking = board([one, other])
    entry = ranking.columns[0].entries[1]
    assert (entry.place, entry.value and entry.value.value) == ("untested", 0.3)
    assert "not comparable" in entry.note
    with pytest.raises(UsageError, match="different suites"):
        board([one, make_run("x", bits("11"), suite={"name": "another"})])


def test_the_matrix_begins_with_what_divides_the_runs_and_knows_who_was_not_asked(make_run: MakeRun) -> None:
    one, two = named(make_run, "one", "1100"), named(make_run, "two", "1010")
    mock = named(make_run, "mock", "0001", adapter={"simulated": True})
    odd = make_run("odd", bits("1111"), rows={"s0000": {"request_hash": "f" * 64}}, adapter={"name": "odd"})
    found = matrix([one, two, mock])
    assert (found.differing, found.total) == (2, 4)
    assert [line.sample_id for line in found.lines] == ["s0001", "s0002", "s0003", "s0000"]
    assert [line.differs for line in found.lines] == [True, True, False, False]
    first = matrix([one, two, odd]).lines
    (line,) = (line for line in first if line.sample_id == "s0000")
    assert line.given[2] is None
    assert [given and given.answer for given in line.given] == ["right", "right", None]
    assert len(matrix([one, two], shown=1).lines) == 1


def test_time_and_price_are_means_with_intervals_whose_units_are_calls(make_run: MakeRun) -> None:
    rows = {f"s{i:04d}": {"batch": i // 2, "seconds": float(i // 2 + 1), "tokens_in": 10**6, "tokens_out": 0}
            for i in range(6)}  # fmt: skip
    run = make_run("a", bits("111111"), rows=rows, adapter={"config": {"prices": PRICES}})
    time, price = seconds_of(run, "qa"), price_of(run, "qa")
    assert time is not None
    assert price is not None
    assert (time.value, time.n, time.unit) == (2.0, 6, "s")
    # Three calls of 1, 2 and 3 s: Student's t with two degrees of freedom, whatever the number of answers in each.
    assert time.high - time.value == pytest.approx(4.303 / 3**0.5, rel=1e-3)
    assert (price.value, price.low, price.high, price.unit) == (1.0, 1.0, 1.0, "USD")
    assert price_of(make_run("b", bits("1")), "qa") is None


numbers = st.integers(0, 4).map(float)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=7))
def test_who_is_not_dominated_is_the_front_and_who_is_has_one_of_the_front_above(
    points: list[tuple[float, float]],
) -> None:
    made = [Point(str(i), Amount(x, x, x, 1, "s"), (y, y, y)) for i, (x, y) in enumerate(points)]
    found = dominated(made)
    for i, (x, y) in enumerate(points):
        above = [j for j, (a, b) in enumerate(points) if a <= x and b >= y and (a, b) != (x, y)]
        assert (i in found) == bool(above)
        if i in found:
            assert found[i].by in above
    assert len(found) < len(points)


def test_reports_and_comparisons_of_several_runs_say_who_is_first(
    make_run: MakeRun, run_apart: Callable[..., Done], run_here: Callable[..., Done], tmp_path: Path
) -> None:
    texts = {"best": "1" * 60, "same": "1" * 59 + "0", "poor": "1" * 20 + "0" * 40}
    folders = [named(make_run, name, text).folder for name, text in texts.items()]
    told = json.loads(run_apart("report", *folders, "--format", "json", cwd=tmp_path).out)
    assert told["lead"] == "Not told apart. best and same share the first place on qa/exact match."
    assert [run["values"][0]["place"] for run in told["runs"]] == ["best", "tied", "behind"]
    compared = run_here("compare", *folders).out
    assert "1.000 [0.940, 1.000] ★" in compared
    assert told["lead"] in compared
    assert "| poor" in run_here("report", *folders, "--format", "markdown").out
    alone = run_here("report", folders[0], "--format", "json")
    assert (alone.code, "harness show RUN --json" in alone.err) == (2, True)
