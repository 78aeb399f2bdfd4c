"""What must not be compared is refused by name; what merely differs is listed."""

import pytest

from harness.comparison.compare import Options, compare
from harness.comparison.identity import Identity, Incomparable, conflicts, lineage

SCORES = [1.0] * 30


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"adapter": {"simulated": True}}, "simulated: a real model in the baseline, simulated in the candidate"),
        ({"suite": {"name": "other"}}, "suite: made in the baseline, other in the candidate"),
        ({"suite": {"version": 2}}, "suite version: 1 in the baseline, 2 in the candidate"),
        ({"suite": {"seed": 5}}, "seed: "),
        ({"config": {"dataset": "d1"}}, "data of qa: d0 in the baseline, d1 in the candidate"),
        ({"config": {"prompt": "Say: {{ question }}"}}, "prompt of qa: "),
        ({"config": {"max_new_tokens": 99}}, r"generation \(max_new_tokens\) of qa: null in the baseline, 99"),
        ({"config": {"metrics": [{"metric": "exact_match", "variant": "casefold"}]}}, "metrics .* of qa: "),
        ({"status": "interrupted", "reason": "stopped"}, r"the candidate b is interrupted \(stopped\)"),
    ],
    ids=["simulated", "suite", "version", "seed", "data", "prompt", "generation", "metric", "unfinished"],
)
def test_what_must_not_be_compared_is_refused_by_name_and_forced_with_a_mark(make_run, change, said: str) -> None:
    one, other = make_run("a", SCORES), make_run("b", SCORES, **change)
    with pytest.raises(Incomparable, match=said):
        compare(one, other)
    forced = compare(one, other, Options(force=True))
    assert len(forced.forced) == 1


def scored_with(variant: str) -> dict[str, object]:
    return {"config": {"metrics": ["exact_match", {"metric": "anls", "variant": variant}]}}


def test_another_revision_of_a_variant_is_another_metric(make_run) -> None:
    one, other = (make_run(name, SCORES, **scored_with(f"lmms-eval@{name * 7}")) for name in "ab")
    with pytest.raises(Incomparable, match=r"metrics .* of qa: .*lmms-eval@aaaaaaa.* in the baseline, .*@bbbbbbb"):
        compare(one, other)


@pytest.mark.parametrize(("before", "after"), [("lmms-eval", "lmms-eval@aaaaaaa"), ("lmms-eval@aaaaaaa", "lmms-eval")])
def test_a_record_without_revisions_compares_with_one_that_has_them(make_run, before: str, after: str) -> None:
    assert not compare(make_run("a", SCORES, **scored_with(before)), make_run("b", SCORES, **scored_with(after))).forced
    with pytest.raises(Incomparable):
        compare(make_run("a", SCORES, **scored_with("vlmevalkit")), make_run("c", SCORES, **scored_with(after)))


def test_all_reasons_are_named_at_once(make_run) -> None:
    other = make_run("b", SCORES, adapter={"simulated": True}, config={"dataset": "d1", "prompt": "?"})
    with pytest.raises(Incomparable) as refused:
        compare(make_run("a", SCORES), other)
    assert [reason.split(":")[0] for reason in refused.value.reasons] == ["simulated", "data of qa", "prompt of qa"]


def test_a_key_that_an_older_harness_did_not_know_and_that_says_nothing_changes_nothing(make_run) -> None:
    one, other = make_run("a", SCORES), make_run("b", SCORES, config={"extract": [], "note": None})
    assert conflicts(Identity.of(one.record), Identity.of(other.record)) == []


def test_nested_configuration_is_compared_key_by_key(make_run) -> None:
    base = {"of": {"prompt": "a", "metrics": ["exact_match"]}, "severities": [1, 2]}
    one = make_run("a", SCORES, config=base)
    other = make_run("b", SCORES, config={**base, "of": {**base["of"], "prompt": "b"}, "severities": [1]})
    found = conflicts(Identity.of(one.record), Identity.of(other.record))
    assert [difference.what for difference in found] == ["prompt of qa", "severities of qa"]


def test_long_values_that_differ_late_still_look_different(make_run) -> None:
    one = make_run("a", SCORES, config={"prompt": "x" * 500 + "a"})
    other = make_run("b", SCORES, config={"prompt": "x" * 500 + "b"})
    (difference,) = conflicts(Identity.of(one.record), Identity.of(other.record))
    assert difference.baseline != difference.candidate


def test_a_task_of_one_side_only_is_named_and_compared_with_nothing(make_run) -> None:
    one = make_run("a", SCORES)
    task = one.record.tasks["qa"]
    other = make_run("b", SCORES, tasks={"qa": task, "new": task})
    compared = compare(one, other)
    assert "task 'new' is in the candidate only" in compared.warnings
    assert {delta.task for delta in compared.deltas} == {"qa"}


def test_lineage_lists_what_differs_and_nothing_else(make_run) -> None:
    one, other = (
        make_run("a", SCORES),
        make_run("b", SCORES, adapter={"fingerprint": "f" * 64, "config": {"threads": 4}}),
    )
    found = {difference.what: difference.candidate for difference in lineage(one.record, other.record)}
    assert found["fingerprint"] == "f" * 16
    assert found["adapter's threads"] == "4"
    assert "Python" not in found
    assert lineage(one.record, one.record) == []
