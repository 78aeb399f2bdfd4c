"""Samples are joined by id and content; what has no partner is named."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.comparison.columns import read_samples
from harness.comparison.compare import compare
from harness.comparison.decide import decide
from harness.comparison.pair import pair
from harness.spec.models import GateSpec

ALL = {f"s{i:03d}": float(i % 3 > 0) for i in range(40)}


def joined(one, other):
    return pair(read_samples(one.folder), read_samples(other.folder))


def test_the_order_of_the_samples_does_not_matter(make_run) -> None:
    backwards = dict(reversed(ALL.items()))
    one, other = make_run("a", ALL), make_run("b", backwards)
    compared = compare(one, other)
    assert compared.warnings == ()
    assert compared.deltas[0].comparison.flips.discordant == 0


def test_missing_and_extra_samples_are_named(make_run) -> None:
    fewer = {name: score for name, score in ALL.items() if name not in ("s001", "s005")} | {"t000": 1.0}
    said = compare(make_run("a", ALL), make_run("b", fewer)).warnings
    assert said == (
        "qa: 2 samples missing from the candidate: s001, s005",
        "qa: 1 sample not in the baseline: t000",
    )


def test_only_the_first_missing_samples_are_spelled_out_and_all_are_counted(make_run) -> None:
    said = compare(make_run("a", ALL), make_run("b", {"s000": 0.0})).warnings
    assert said == ("qa: 39 samples missing from the candidate: s001, s002, s003, s004, s005, …",)


def test_a_sample_whose_content_changed_is_no_pair(make_run) -> None:
    changed = {"s003": {"request_hash": "f" * 64}}
    compared = compare(make_run("a", ALL), make_run("b", ALL, rows=changed))
    assert compared.warnings == (
        "qa: 1 sample with other content (prompt, pixels or generation) under the same id: s003",
    )
    assert compared.deltas[0].comparison.n == len(ALL) - 1


def test_a_sample_that_could_not_be_prepared_on_one_side_is_a_failure_not_another_sample(make_run) -> None:
    broken = {"s003": {"request_hash": None}}
    other = make_run("b", ALL | {"s003": None}, rows=broken)
    compared = compare(make_run("a", ALL), other)
    assert compared.warnings == ()
    assert compared.deltas[0].comparison.n == len(ALL)


def test_a_candidate_that_was_asked_for_fewer_samples_is_paired_on_those_without_complaint(make_run) -> None:
    first = dict(list(ALL.items())[:10])
    options = {"batch_size": 1, "workers": 1, "limit": 10}
    compared = compare(make_run("a", ALL), make_run("b", first, options=options))
    assert compared.warnings == ()
    assert compared.deltas[0].comparison.n == 10


def test_a_gate_does_not_pass_on_the_samples_that_happen_to_have_partners(make_run) -> None:
    many = {f"s{i:04d}": 1.0 for i in range(500)}
    fewer = {name: score for name, score in many.items() if name != "s0007"}
    other = make_run("b", fewer)
    compared = compare(make_run("a", many), other)
    (judged,) = decide([GateSpec(metric="qa/exact_match", max_drop=0.05)], other.record, compared).gates
    assert judged.gate.verdict == "inconclusive"
    assert "s0007" in judged.gate.reason


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ours=st.sets(st.integers(0, 12)), theirs=st.sets(st.integers(0, 12)))
def test_every_sample_is_a_pair_or_named_once(make_run, ours, theirs) -> None:
    one = make_run("a", {f"s{i}": 1.0 for i in sorted(ours)})
    other = make_run("b", {f"s{i}": 0.0 for i in sorted(theirs, reverse=True)})
    cells = list(joined(one, other).cells.values())
    pairs = sum(cell.baseline.size for cell in cells)
    missing = [name for cell in cells for name in cell.missing]
    extra = [name for cell in cells for name in cell.extra]
    assert pairs == len(ours & theirs)
    assert sorted(missing) == sorted(f"s{i}" for i in ours - theirs)
    assert sorted(extra) == sorted(f"s{i}" for i in theirs - ours)
    for cell in cells:
        left = read_samples(one.folder).text("sample_id").take(cell.baseline)
        right = read_samples(other.folder).text("sample_id").take(cell.candidate)
        assert left.equals(right)
        assert np.unique(cell.baseline).size == cell.baseline.size
