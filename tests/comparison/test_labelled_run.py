"""One run by what people say of a few answers."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from scipy.special import stdtrit

import harness
from harness.comparison.asked import AskedAnswers, asked_answers
from harness.comparison.decide import decide
from harness.comparison.labelled import WithLabels
from harness.comparison.labelled_run import LabelledRun, rules_of_people, run_by_people
from harness.errors import UsageError
from harness.gates.pairs import judge_pair
from harness.labels import AnswerLabel, LabelSet, LabelWriter
from harness.labels.draws import in_order
from harness.record import Run
from harness.spec.models import GateSpec
from harness.stats.labelled import by_labels

AT = "2026-03-01T12:00:00+00:00"
METRIC = "qa/exact_match"
Made = Callable[..., Run]


@pytest.fixture
def strict_run(make_run: Made) -> Run:
    """400 answers, of which people find 360 right and the metric 300."""
    rows = {f"s{i:04d}": {"response": f"answer {i}"} for i in range(400)}
    return make_run("strict", [1.0] * 300 + [0.0] * 100, rows)


def told(asked: AskedAnswers, count: int, right: int = 360) -> list[AnswerLabel]:
    """Label what is drawn first: the first ``right`` samples are."""
    ids = asked.side.ids()
    rows = dict(zip(asked.names, asked.places.tolist(), strict=True))
    of = dict(zip(asked.names, asked.answers, strict=True))
    return [
        AnswerLabel(*of[item.name], float(int(ids[rows[item.name]][1:]) < right), "ann", AT, draw=draw)
        for item, draw in islice(in_order(asked.items()), count)
    ]


def found_in(run: Run, labels: list[AnswerLabel], **given: object) -> LabelledRun:
    (found,) = run_by_people(run, WithLabels(LabelSet.of(labels), "labels.jsonl", **given))  # type: ignore[arg-type]
    return found


def test_a_strict_metric_is_corrected_by_labels_and_its_own_word_stands_beside(strict_run: Run) -> None:
    (asked,) = asked_answers(strict_run)
    found = found_in(strict_run, told(asked, 160))
    assert found.own is not None
    assert found.own.value == pytest.approx(0.75)
    assert found.mean.low < 0.9 < found.mean.high
    assert found.mean.low > 0.75
    assert (found.found.labelled, found.found.differing, found.found.rows) == (160, 400, 400)
    assert found.proxy == "exact_match"
    assert found.found.worth > 1


def test_few_labels_are_bounded_as_wilson_would_and_say_how_many_more(strict_run: Run) -> None:
    (asked,) = asked_answers(strict_run)
    few = found_in(strict_run, told(asked, 20, right=400))
    assert few.mean.estimate == 1
    t = float(stdtrit(19, 0.975))
    assert few.mean.low == pytest.approx(20 / (20 + t * t), abs=1e-6)
    assert few.mean.low**20 == pytest.approx(0.025, abs=0.01)  # so likely are 20 right ones if the low end is true
    assert few.more is not None
    assert few.more > 40
    assert f"about {few.more} more labels" in few.said
    reached = found_in(strict_run, told(asked, 20 + few.more, right=400))
    assert reached.mean.estimate - reached.mean.low == pytest.approx(0.05, abs=0.005)
    assert "two labels are the least" in found_in(strict_run, told(asked, 1)).said


def test_all_labels_leave_nothing_to_a_proxy(strict_run: Run) -> None:
    (asked,) = asked_answers(strict_run)
    found = found_in(strict_run, told(asked, 400))
    assert found.mean.estimate == pytest.approx(0.9)
    assert (found.mean.low, found.mean.high) == pytest.approx((0.8667, 0.9258), abs=2e-3)  # Wilson's
    assert found.mean.method == "labels of all answers, score"


def test_answers_that_never_came_are_worth_nothing_without_being_asked_about(make_run: Made) -> None:
    rows = {f"s{i:04d}": {"status": "error", "response": "boom"} if i < 200 else {"response": f"answer {i}"}
            for i in range(400)}  # fmt: skip
    run = make_run("half", [0.0] * 200 + [1.0] * 200, rows)
    (asked,) = asked_answers(run)
    assert len(asked.names) == 200
    found = found_in(run, told(asked, 160, right=400))
    assert found.mean.estimate == pytest.approx(0.5)
    assert found.mean.low > 0.43


def test_labels_by_another_program_are_taken_as_a_random_sample_of_all_answers(strict_run: Run) -> None:
    (asked,) = asked_answers(strict_run)
    plain = [AnswerLabel(one.key, one.answer, one.value, "ann", AT) for one in told(asked, 40)]
    assert any("a random sample of all answers" in note for note in found_in(strict_run, plain).notes)


@pytest.mark.parametrize(
    ("least", "gates", "word"),
    [
        (None, [GateSpec(metric=METRIC, min=0.8)], "pass"),  # by its own word the metric fails it
        (None, [GateSpec(metric=METRIC, max=0.8)], "fail"),
        (0.9, [GateSpec(metric=METRIC, min=0.1)], "inconclusive"),
        (0.99, [], "fail"),
        (None, [GateSpec(metric=METRIC, max_drop=0.1)], None),
    ],
)
def test_an_absolute_bound_is_a_rule_of_its_own_by_labels(
    strict_run: Run, least: float | None, gates: list[GateSpec], word: str | None
) -> None:
    (asked,) = asked_answers(strict_run)
    given = WithLabels(LabelSet.of(told(asked, 160)), "labels.jsonl", least=least)
    rules = list(rules_of_people(run_by_people(strict_run, given), gates, given, len(gates)))
    assert [one.gate.verdict for one in rules] == ([] if word is None else [word])
    for one in rules:
        assert one.gate.metric == "qa/labels"
        assert "160 labels of 400 answers" in one.gate.reason


def test_a_gate_decides_by_labels_beside_the_metric(strict_run: Run) -> None:
    (asked,) = asked_answers(strict_run)
    given, gates = WithLabels(LabelSet.of(told(asked, 160)), "labels.jsonl"), [GateSpec(metric=METRIC, min=0.8)]
    rules = list(rules_of_people(run_by_people(strict_run, given), gates, given, 1))
    decision = decide(gates, strict_run.record, None, people=rules)
    words = [(one.gate.metric, one.gate.verdict) for one in decision.gates]
    assert words == [(METRIC, "fail"), ("qa/labels", "pass")]
    pair = judge_pair(strict_run, strict_run, gates, labels=given)  # no pair differs, so only single labels speak
    assert [(one.gate.metric, one.gate.verdict) for one in pair.gates] == words


def test_show_and_the_front_door_say_it(strict_run: Run, tmp_path: Path, run_here) -> None:  # type: ignore[no-untyped-def]
    (asked,) = asked_answers(strict_run)
    file = tmp_path / "labels.jsonl"
    with LabelWriter(file) as writer:
        writer.append(*told(asked, 60))
    done = run_here("show", strict_run.folder, "--labels", file, "--within", "0.04")
    assert done.code == 0
    assert "right by labels" in done.out
    assert "more labels would make it ± 0.04" in done.out
    (plain,) = json.loads(run_here("show", strict_run.folder, "--labels", file, "--json").out)
    (found,) = harness.by_labels(strict_run, file)
    assert plain["value"] == pytest.approx(found.mean.estimate)
    assert (plain["labels"], plain["n"], plain["more_labels"]) == (60, 400, found.more)
    with pytest.raises(UsageError, match="names no labels"):
        harness.by_labels(strict_run)
    file.write_text("")
    assert "no label of" in run_here("show", strict_run.folder, "--labels", file).out


def test_the_mean_of_one_run_holds_the_truth_with_rare_errors_in_clusters() -> None:
    rng, held = np.random.default_rng(3), 0
    for _ in range(60):
        truth = np.repeat(rng.random(100) < 0.95, 4).astype(float)
        drawn = np.zeros(400, bool)
        drawn[rng.choice(400, 30, replace=False)] = True
        found = by_labels(
            np.where(drawn, truth, np.nan), drawn, differ=np.ones(400, bool), proxy=truth,
            clusters=np.repeat(np.arange(100), 4), margin=None,
        ).comparison  # fmt: skip
        held += found.low <= 0.95 <= found.high
    assert held >= 57
