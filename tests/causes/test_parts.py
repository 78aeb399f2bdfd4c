"""Laws of what a cause is made of: parts that add up, intervals that hold, looks that grow, folders that are mixed."""

import json
import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.causes import shapley
from harness.causes.estimate import Interval, Stratum, stratified
from harness.causes.folders import composed, differing
from harness.causes.looks import allowance, drawn, plan
from harness.causes.setups import Place, Setup

GAMES = st.integers(1, 4).flatmap(
    lambda count: st.lists(st.floats(-1, 1), min_size=2**count, max_size=2**count).map(lambda worths: (count, worths))
)


def game(count: int, worths: list[float]) -> shapley.Value:
    table = dict(zip(shapley.all_of(range(count)), worths, strict=True))
    return lambda players: np.array([table[players]])


@given(GAMES)
def test_parts_add_up_to_the_whole_and_are_the_mean_over_all_orders(drawn_game: tuple[int, list[float]]) -> None:
    count, worths = drawn_game
    value = game(count, worths)
    found = shapley.exact(range(count), value)
    whole = value(frozenset(range(count))) - value(frozenset())
    assert sum(part[0] for part in found.values()) == pytest.approx(whole[0])
    every = shapley.sampled([*permutations(range(count))], value)
    assert all(found[one] == pytest.approx(every[one]) for one in range(count))
    some = shapley.sampled(shapley.orders(range(count), 6, "seed"), value)
    assert sum(part[0] for part in some.values()) == pytest.approx(whole[0])


@given(GAMES)
def test_a_change_that_does_nothing_beside_any_others_has_no_part(drawn_game: tuple[int, list[float]]) -> None:
    count, worths = drawn_game
    value = game(count, worths)
    idle = count
    found = shapley.exact(range(count + 1), lambda players: value(players - {idle}))
    assert found[idle][0] == pytest.approx(0)


def test_of_a_whole_stratum_the_value_is_the_mean_and_of_a_part_it_counts_for_the_rest() -> None:
    lost, same = np.array([-1.0, -1.0, 0.0, -1.0]), np.zeros(6)
    whole = stratified([Stratum(lost, 4), Stratum(same, 6)], 10, 1.0)
    part = stratified([Stratum(lost, 8), Stratum(same, 92)], 100, 1.0)
    assert (whole.value, part.value) == (pytest.approx(-0.3), pytest.approx(-0.06))
    nobody = stratified([Stratum(lost, 4), Stratum(np.zeros(0), 6)], 10, 1.0)
    assert nobody.low < -0.3 - 0.5 < 0 < nobody.high
    assert math.isnan(stratified([], 10, 1.0).value)


@pytest.mark.parametrize("hidden", [0.0, 0.03])
def test_intervals_hold_the_truth_where_few_units_were_asked_and_where_some_hide(hidden: float) -> None:
    random, misses, runs = np.random.default_rng(11), 0, 60
    for _ in range(runs):
        flipped = random.random(400) < 0.1
        worse, better = random.random(400) < 0.8, random.random(400) < hidden
        effect = np.where(flipped, -1.0 * worse, 1.0 * better)
        strata = [np.flatnonzero(flipped), np.flatnonzero(~flipped)]
        asked = [random.permutation(own)[:count] for own, count in zip(strata, (20, 40), strict=True)]
        found = stratified(
            [Stratum(effect[few], len(own)) for few, own in zip(asked, strata, strict=True)], 400, 1.0
        )  # fmt: skip
        truth = -0.08 + 0.9 * hidden
        misses += not found.low <= truth <= found.high
    assert misses <= 5  # of 60: more have a chance of 3 % at 95 %


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60), st.integers(1, 60), st.integers(0, 20))
def test_a_larger_look_holds_a_smaller_one_and_neither_is_larger_than_wanted(
    strata: list[int], few: int, more: int
) -> None:
    order = [[i for i, one in enumerate(strata) if one == stratum] for stratum in range(3)]
    small, large = ({unit for own in drawn(order, size) for unit in own} for size in (few, few + more))
    assert small <= large or len(small - large) <= 1
    assert len(small) == min(few, len(strata))
    assert len(large) == min(few + more, len(strata))


def test_looks_grow_to_what_the_budget_allows_and_share_the_chance_of_being_wrong() -> None:
    room = allowance(2000, 2000, 6, 3, None)
    looks = plan(2000, 2000, 2, room, 0.95)
    assert [look.units for look in looks] == [150, 300, 600]
    assert sum(1 - look.confidence for look in looks) == pytest.approx(0.05)
    assert [look.units for look in plan(10, 10, 2, 1000, 0.95)] == [10]


def test_intervals_are_apart_only_where_they_share_no_value() -> None:
    assert Interval(-0.3, -0.4, -0.2).apart(Interval(0.0, -0.1, 0.1))
    assert not Interval(-0.3, -0.4, -0.2).apart(Interval(0.0, -0.2, 0.1))
    assert Interval(0.0, math.nan, math.nan).nothing


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    made = tmp_path / "one", tmp_path / "two"
    for folder, newline, edge in zip(made, ("\n", ""), (50, 25), strict=True):
        (folder / "onnx").mkdir(parents=True)
        (folder / "chat_template.jinja").write_text(f"assistant{newline}")
        (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"longest": edge}, "patch": 14}))
        (folder / "onnx" / "model.onnx").write_bytes(b"weights")
        (folder / "README.md").write_text(folder.name)
    return made


def test_two_folders_differ_by_kinds_of_files_and_settings_are_told_by_name(folders: tuple[Path, Path]) -> None:
    found = differing("model", *folders)
    assert list(found) == ["template", "image processor"]
    assert found["image processor"] == ('size {"longest": 50}', 'size {"longest": 25}')


def test_a_folder_is_put_together_from_two_and_found_again(folders, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    one, two = folders
    mixed = composed("model", two, one, "template")
    assert (mixed / "chat_template.jinja").read_text() == "assistant\n"
    assert json.loads((mixed / "preprocessor_config.json").read_text())["size"] == {"longest": 25}
    assert (mixed / "onnx" / "model.onnx").read_bytes() == b"weights"
    assert composed("model", two, one, "template") == mixed
    assert not list(mixed.parent.glob(".*"))
    setups = [
        Setup({}, tmp_path / "s.yaml", (), "m", "onnx", {"model": str(folder)}, tmp_path / "a.yaml")
        for folder in folders
    ]
    back = setups[1].with_back([Place("files", ("model", kind)) for kind in ("template", "image processor")], setups[0])
    assert differing("model", Path(str(back.config["model"])), one) == {}
