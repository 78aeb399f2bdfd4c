"""The measurement of picks: its pools are what it says, and its table adds up."""

import numpy as np
import pytest

from benchmarks.retrain import HEAD, Found, Mean, rows, samples


def test_a_fifth_is_asked_in_other_words_with_the_same_answer() -> None:
    made = samples("train", 400, 3, "other words")
    hard = [one for one in made if one.tags["hard"] == "True"]
    assert 0.14 < len(hard) / len(made) < 0.26
    assert {one.question.split()[0] for one in hard} == {"How", "Which", "Is", "Who"}
    assert {one.question for one in made if one.tags["hard"] == "False"}.isdisjoint(one.question for one in hard)
    assert [one.references for one in made] == [one.references for one in samples("train", 400, 3, "junk")]


def test_junk_is_noise_in_the_pool_and_never_where_it_is_measured() -> None:
    noise = [one for one in samples("train", 400, 3, "junk") if one.tags["junk"] == "True"]
    assert 0.1 < len(noise) / 400 < 0.2
    assert np.asarray(noise[0].images[0].load()).std() > 60
    assert {one.tags["junk"] for one in samples("test", 60, 3, "junk")} == {"False"}


def test_depths_turn_what_is_higher_and_leave_the_words() -> None:
    plain = {one.id: one for one in samples("train", 400, 3, "other words")}
    turned = [one for one in samples("train", 400, 3, "sure and wrong") if one.tags["hard"] == "True"]
    assert 0.15 < len(turned) / 400 < 0.27
    assert all(one.references != plain[one.id].references for one in turned)
    assert {one.question.split()[0] for one in turned} == {"Which", "Is"}


def test_the_table_is_made_of_means_over_seeds_and_of_differences() -> None:
    hard = np.array([True, False, False, False])
    right = {"none": np.array([0.0, 1, 1, 0]), "pick": np.array([1.0, 1, 1, 0]), "random": np.array([0.0, 1, 1, 1])}
    one = Found({"pick": 0.5, "pick --no-spread": 0.4, "random": 0.1}, 0.2, right, hard)
    other = Found({"pick": 0.3, "pick --no-spread": 0.4, "random": 0.1}, 0.2, right, hard)
    table = list(rows("junk", [one, other]))
    assert all(line.count("|") == HEAD.splitlines()[0].count("|") for line in table)
    assert "0.500 [0.500, 0.500] | 0.000 [0.000, 0.000] | 0.667" in table[0]
    assert "| 0.400 [-0.871, 1.671] | +0.250 [+0.250, +0.250] | +1.000" in table[1]
    assert table[1].endswith("| +0.000 [+0.000, +0.000] |")
    assert Mean.of([1.0, 2.0, 3.0]) == pytest.approx((2, -0.484, 4.484), abs=1e-3)
