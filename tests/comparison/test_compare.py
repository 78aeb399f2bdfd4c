"""Deltas are oriented, intervals are paired, failures keep their worth, and nothing undefined is averaged away."""

import math
from dataclasses import replace

import numpy as np
import pytest

from harness.comparison.compare import Options, compare
from harness.comparison.controls import went
from harness.comparison.watched import unwatched
from harness.report.notebook import of_compared, of_run
from harness.stats.paired import mcnemar, paired_t
from harness.stats.results import Flips


def bits(text: str) -> list[float]:
    return [float(bit) for bit in text]


def test_binary_scores_of_independent_samples_get_mcnemars_test(make_run) -> None:
    one, other = make_run("a", bits("1" * 90 + "0" * 10)), make_run("b", bits("1" * 80 + "0" * 15 + "1" * 5))
    (delta,) = compare(one, other).deltas
    assert delta.comparison == mcnemar(Flips(both_right=80, lost=10, gained=5, both_wrong=5))
    assert (delta.before, delta.after) == (0.9, 0.85)


def test_samples_that_share_a_cluster_get_clustered_errors(make_run) -> None:
    before, after = bits("10" * 40), bits("1010" * 10 + "0010" * 10)
    rows = {f"s{i:04d}": {"cluster": f"c{i // 4}"} for i in range(80)}
    (delta,) = compare(make_run("a", before, rows), make_run("b", after, rows)).deltas
    differences = np.array(after) - np.array(before)
    assert delta.comparison == paired_t(differences, np.arange(80) // 4, span=1.0)


def test_a_failed_answer_is_worth_what_its_metric_says_and_stays_in_the_pairs(make_run) -> None:
    (delta,) = compare(make_run("a", [1.0] * 40), make_run("b", [1.0] * 30 + [None] * 10)).deltas
    assert delta.comparison.n == 40
    assert delta.after == 0.75


def test_where_failures_are_left_out_the_lost_pairs_are_told(make_run) -> None:
    config = {"metrics": [{"metric": "exact_match", "failures": "exclude"}]}
    one, other = make_run("a", [1.0] * 40, config=config), make_run("b", [1.0] * 30 + [None] * 10, config=config)
    (delta,) = compare(one, other).deltas
    assert delta.comparison.n == 30
    assert (delta.lost, delta.gained) == (10, 0)
    assert delta.note == "10 scores only the baseline has, 0 only the candidate; they are left out"


def test_of_a_metric_whose_plug_in_is_gone_nobody_knows_what_a_failure_is_worth(make_run) -> None:
    config = {"metrics": [{"metric": "vanished", "as": "exact_match"}]}
    one, other = (make_run("a", [1.0] * 40, config=config), make_run("b", [1.0] * 30 + [None] * 10, config=config))
    for before, after, lost in ((one, other, 10), (other, one, 0)):
        (delta,) = compare(before, after).deltas
        assert delta.comparison.n == 30
        assert (delta.lost, delta.gained) == (lost, 10 - lost)
        assert "definition is not installed here" in delta.note


def test_identical_runs_show_no_change_with_an_honest_interval(make_run) -> None:
    compared = compare(make_run("a", bits("1110" * 50)), make_run("b", bits("1110" * 50)))
    (delta,) = compared.deltas
    assert delta.comparison.estimate == 0
    assert delta.comparison.low < 0 < delta.comparison.high
    assert delta.moved == ""
    assert [(flips.lost, flips.gained) for flips in compared.flips] == [(0, 0)]


def test_a_clear_drop_is_marked_worse_and_a_clear_gain_better(make_run) -> None:
    good, bad = make_run("a", bits("1" * 200)), make_run("b", bits("1" * 150 + "0" * 50))
    assert compare(good, bad).deltas[0].moved == "worse"
    assert compare(bad, good).deltas[0].moved == "better"


def test_swapping_the_runs_turns_the_estimate_around(make_run) -> None:
    one, other = make_run("a", bits("1100" * 30)), make_run("b", bits("1010" * 20 + "1111" * 10))
    there, back = compare(one, other).deltas[0].comparison, compare(other, one).deltas[0].comparison
    assert there.estimate == pytest.approx(-back.estimate)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_flips_name_the_samples_with_both_answers(make_run) -> None:
    before, after = {"x": 1.0, "y": 0.0, "z": 1.0}, {"x": 0.0, "y": 1.0, "z": None}
    (flips,) = compare(make_run("a", before), make_run("b", after)).flips
    assert (flips.lost, flips.gained) == (2, 1)
    told = {flip.sample_id: (flip.way, flip.before, flip.after, flip.references, flip.prompt) for flip in flips.samples}
    assert told["x"] == ("lost", "right", "wrong", ("right",), "question x")
    assert told["y"][:3] == ("gained", "wrong", "right")
    assert told["z"][:3] == ("lost", "right", "(error)")


def test_without_a_single_pair_nothing_is_claimed(make_run) -> None:
    (delta,) = compare(make_run("a", {"x": 1.0}), make_run("b", {"y": 1.0})).deltas
    assert delta.comparison.n == 0
    assert math.isnan(delta.before)
    assert delta.moved == ""


def test_slices_find_where_the_drop_is_and_adjust_for_looking_everywhere(make_run) -> None:
    kinds = {f"s{i:04d}": {"tags": {"kind": f"k{i % 5}", "half": "ab"[i % 2]}} for i in range(400)}
    after = [0.0 if i % 5 == 3 and i % 20 else 1.0 for i in range(400)]
    found = compare(make_run("a", [1.0] * 400, kinds), make_run("b", after, kinds))
    assert (found.slices[0].where, found.slices[0].fell, found.looked) == ("kind = k3", True, 7)
    assert found.slices[0].comparison.estimate < -0.7
    assert found.slices[0].rest == 0
    assert [one.where for one in found.slices if one.fell] == ["kind = k3"]


def test_slices_under_ten_pairs_and_tags_that_name_samples_are_left_out(make_run) -> None:
    tags = [{"id": str(i), "rare": "yes" if i < 9 else "no", "half": "ab"[i % 2]} for i in range(100)]
    rows = {f"s{i:04d}": {"tags": one} for i, one in enumerate(tags)}
    found = compare(make_run("a", [1.0] * 100, rows), make_run("b", [0.0] * 50 + [1.0] * 50, rows))
    assert {one.where for one in found.slices} == {"half = a", "half = b"}
    assert found.looked == 2


def test_the_margin_reaches_the_comparison(make_run) -> None:
    one, other = make_run("a", [1.0] * 50), make_run("b", [1.0] * 50)
    assert compare(one, other, Options(margins={"qa/exact_match": 0.03})).deltas[0].comparison.margin == 0.03


def test_half_right_is_right_and_an_undefined_score_has_not_flipped(make_run) -> None:
    undefined = {"u": {"scores": {"exact_match": (None, "undefined")}}}
    one, other = make_run("a", {"h": 1.0, "u": 1.0, "w": 0.4}), make_run("b", {"h": 0.5, "u": 0.0, "w": 0.1}, undefined)
    (flips,) = compare(one, other).flips
    assert (flips.lost, flips.gained) == (0, 0)


def test_what_moved_without_a_gate_on_it_is_told(make_run) -> None:
    def said(gates: list[dict[str, object]]) -> tuple[str, ...]:
        suite = {"content": {"gates": gates}}
        runs = (make_run(name, bits(text), suite=suite) for name, text in (("a", "1" * 60), ("b", "1" * 40 + "0" * 20)))
        return compare(*runs).warnings

    assert said([{"metric": "qa/other", "max_drop": 0.1}]) == (
        "no gate watches what got worse: qa/exact_match (-0.333)",
    )
    assert said([{"metric": "qa/exact_match", "max_drop": 0.1}]) == ()
    assert said([]) == ()


def test_a_control_that_falls_got_better_wherever_it_is_told(make_run) -> None:
    suite = {"content": {"gates": [{"metric": "qa/exact_match", "max": 0.5}]}}
    runs = [make_run(name, bits(text), suite=suite) for name, text in (("a", "1" * 60), ("b", "1" * 40 + "0" * 20))]
    compared = compare(*runs)
    (delta,) = compared.deltas
    assert delta.moved == "worse"  # what its metric's own direction says
    assert went(runs[1].record, "qa", "exact_match", delta.moved) == "better"
    assert went(runs[1].record, "gone", "exact_match", "worse") == "worse"
    (row,) = of_compared(compared).rows
    assert (row[1], row[5]) == ("↓", "better")
    assert of_run(runs[1]).rows[0][1] == "↓"
    unseen = replace(delta, metric="other")
    (said,) = unwatched(runs[1].record, [unseen])
    assert said.startswith("no gate watches what got worse: qa/other")


def test_a_lora_with_which_no_answer_differs_is_told(make_run) -> None:
    def run(name: str, lora: str | None, scores: str = "1100"):
        return make_run(name, bits(scores), adapter={"fingerprint": name, "config": {"lora": lora}})

    (said,) = compare(run("a", None), run("b", "mine")).warnings
    assert said == "all 4 answers with `lora: mine` are those with `lora: None`: does it change anything?"
    assert compare(run("a", None), run("b", "mine", "1000")).warnings == ()
    assert compare(run("a", "mine"), run("b", "mine")).warnings == ()
