"""Two runs by what people say of a few answers: whom to ask, what follows, and what nobody may be told."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from harness.comparison.asked import AskedPairs, asked_pairs
from harness.comparison.compare import Compared, Options, compare
from harness.comparison.decide import decide
from harness.comparison.labelled import Labelled, WithLabels
from harness.errors import UsageError
from harness.labels import AnswerLabel, LabelSet, LabelWriter, PairLabel, answer_digest, read_labels
from harness.labels.draws import in_order
from harness.record import Run
from harness.spec.models import GateSpec

AT = "2026-03-01T12:00:00+00:00"
METRIC = "qa/exact_match"
Made = Callable[..., Run]
SWEEP = """\
suite: twice
version: 1
datasets:
  charts: {type: charts, limit: 30}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
  sweep: {kind: sweep, of: qa, corruptions: [brightness], severities: [1, 3]}
"""


@pytest.fixture
def pair_of_runs(make_run: Made) -> Callable[..., tuple[Run, Run]]:
    """Two runs of 400: the candidate words 80 answers otherwise, of which the metric likes what ``scores`` says."""

    def make(scores: Sequence[float], **changes: object) -> tuple[Run, Run]:
        plain = [1.0] * 400
        rows = {f"s{i:04d}": {"response": f"right {i}"} for i in range(400)}
        other = {**rows, **{f"s{i:04d}": {"response": f"reworded {i}"} for i in range(len(scores))}}
        return make_run("old", plain, rows, **changes), make_run("new", [*scores, *plain[len(scores) :]], other)

    return make


def told(asked: AskedPairs, truth: Mapping[str, int], count: int, by: str = "ann") -> list[PairLabel]:
    """Label what is drawn first: ``truth`` is by sample, 1 where the candidate is better."""
    ids = asked.sides[1].ids()
    signs = {name: truth.get(ids[row], 0) for name, row in zip(asked.names, asked.differing.tolist(), strict=True)}
    places = dict(zip(asked.names, asked.pairs, strict=True))
    words = {-1: "a", 0: "tie", 1: "b"}
    return [
        PairLabel(*places[item.name], words[signs[item.name]], by, AT, draw)  # type: ignore[arg-type]
        for item, draw in islice(in_order(asked.items()), count)
    ]


def by_labels(runs: tuple[Run, Run], labels: LabelSet, margin: float | None = 0.05) -> Labelled:
    (found,) = compared(runs, labels, margin).labelled
    return found


def compared(runs: tuple[Run, Run], labels: LabelSet, margin: float | None = 0.05) -> Compared:
    return compare(*runs, Options(labels=WithLabels(labels, "labels.jsonl", margin), margins={METRIC: 0.05}))


def test_a_metric_that_dislikes_rewording_is_corrected_by_labels(pair_of_runs) -> None:  # type: ignore[no-untyped-def]
    runs = pair_of_runs([0.0] * 80)  # the metric: a fifth of all answers is lost
    (asked,) = asked_pairs(*runs)
    assert (len(asked), len(asked.differing)) == (400, 80)
    whole = compared(runs, LabelSet.of(told(asked, {}, 40)))
    (found,) = whole.labelled
    assert found.comparison.estimate == 0
    assert found.word == "pass"
    assert (found.found.labelled, found.found.differing, found.people) == (40, 80, ("ann",))
    delta = whole.delta(METRIC)
    assert delta is not None
    assert delta.after - delta.before == pytest.approx(-0.2)  # it is told all the same, and stays what it was
    assert found.by_proxy is not None
    assert found.by_proxy.estimate == pytest.approx(-0.2)


def test_a_loss_that_the_metric_does_not_see_fails_by_labels(pair_of_runs) -> None:  # type: ignore[no-untyped-def]
    runs = pair_of_runs([1.0] * 80)
    (asked,) = asked_pairs(*runs)
    labels = LabelSet.of(told(asked, {f"s{i:04d}": -1 for i in range(60)}, 50))
    whole = compared(runs, labels)
    (found,) = whole.labelled
    assert found.comparison.estimate == pytest.approx(-0.15, abs=0.04)
    assert found.word == "fail"
    assert not whole.delta(METRIC).moved  # type: ignore[union-attr]
    gates = [GateSpec(metric=METRIC, max_drop=0.05)]
    decision = decide(gates, whole.candidate, whole)
    assert [(one.gate.metric, one.gate.verdict) for one in decision.gates] == [(METRIC, "pass"), ("qa/labels", "fail")]
    assert decision.verdict == "fail"
    assert decide(gates, whole.candidate, compare(*runs, Options(margins={METRIC: 0.05}))).verdict == "pass"


def test_too_few_labels_say_how_many_more(pair_of_runs) -> None:  # type: ignore[no-untyped-def]
    runs = pair_of_runs([1.0, 0.0] * 40)
    (asked,) = asked_pairs(*runs)
    truth = {f"s{i:04d}": -1 if i % 16 == 1 else 0 for i in range(80)}
    few = by_labels(runs, LabelSet.of(told(asked, truth, 8)))
    assert few.word == "inconclusive"
    assert few.found.more is not None
    assert f"about {few.found.more} more labels would suffice" in few.said
    one = by_labels(runs, LabelSet.of(told(asked, truth, 1)))
    assert "two labels are the least" in one.said


def test_labels_for_other_answers_or_other_pictures_do_not_count(pair_of_runs, make_run: Made) -> None:  # type: ignore[no-untyped-def]
    runs = pair_of_runs([1.0] * 80)
    (asked,) = asked_pairs(*runs)
    labels = LabelSet.of(told(asked, {}, 40))
    changed = {f"s{i:04d}": {"response": f"other {i}"} for i in range(400)}
    whole = compared((runs[0], make_run("third", [1.0] * 400, changed)), labels)
    assert whole.labelled == ()
    assert any("no label of labels.jsonl is of an answer" in said for said in whole.warnings)
    decision = decide([GateSpec(metric=METRIC, max_drop=0.05)], whole.candidate, whole)
    assert decision.gates[-1].gate.verdict == "inconclusive"
    hashes = {f"s{i:04d}": {"response": f"right {i}", "request_hash": f"{i:0<64}"} for i in range(400)}
    edited = {name: row | {"response": row["response"].replace("right", "reworded")} for name, row in hashes.items()}
    assert compared((make_run("a", [1.0] * 400, hashes), make_run("b", [1.0] * 400, edited)), labels).labelled == ()


def test_labels_of_single_answers_count_by_value_and_failures_need_none(make_run: Made) -> None:
    rows = {f"s{i:04d}": {"response": f"right {i}"} for i in range(100)}
    other = {**rows, **{f"s{i:04d}": {"response": f"half {i}"} for i in range(20)}}
    runs = make_run("old", [1.0] * 100, rows), make_run("new", [None] * 5 + [1.0] * 95, {**other, **{
        f"s{i:04d}": {} for i in range(5)}})  # fmt: skip
    (asked,) = asked_pairs(*runs)
    labels = []
    for (key, *digests), row in zip(asked.pairs, asked.differing.tolist(), strict=True):
        texts = [side[row] for side in asked.texts]
        for digest, text, worth in zip(digests, texts, (1.0, 0.5), strict=True):
            labels += [AnswerLabel(key, digest, worth, "ann", AT)] if text is not None else []
    assert len(labels) == 35
    found = by_labels(runs, LabelSet.of(labels))
    assert found.kind == "value"
    assert found.comparison.estimate == pytest.approx((-5 - 0.5 * 15) / 100)
    assert found.found.labelled == found.found.differing == 20


def test_single_answers_count_by_sign_beside_pairs_and_that_is_said(pair_of_runs) -> None:  # type: ignore[no-untyped-def]
    runs = pair_of_runs([1.0] * 80)
    (asked,) = asked_pairs(*runs)
    pairs = told(asked, {}, 10)
    key, a, b = next(one for one in asked.pairs if one[0] not in {label.key for label in pairs})
    singles = [AnswerLabel(key, a, 0.75, "ann", AT), AnswerLabel(key, b, 0.5, "ann", AT)]
    found = by_labels(runs, LabelSet.of([*pairs, *singles]))
    assert (found.kind, found.found.labelled) == ("preference", 11)
    assert any("count by their sign" in note for note in found.notes)


def test_labels_that_nobody_drew_are_said_to_be_taken_as_a_random_sample(pair_of_runs) -> None:  # type: ignore[no-untyped-def]
    runs = pair_of_runs([1.0] * 80)
    (asked,) = asked_pairs(*runs)
    drawn = told(asked, {}, 20)
    assert by_labels(runs, LabelSet.of(drawn)).notes == ()
    plain = [PairLabel(one.key, one.a, one.b, one.better, one.by, one.at) for one in drawn]
    assert any("random sample of what differs" in note for note in by_labels(runs, LabelSet.of(plain)).notes)
    gap = by_labels(runs, LabelSet.of([*drawn[:4], *drawn[6:]]))
    assert gap.notes == ("2 of the first 20 that were drawn have no label",)
    late = by_labels(runs, LabelSet.of([*drawn[:9], *drawn[15:]]))
    assert late.found.labelled == 9
    assert late.notes == (
        "5 labels are of what was drawn long after others that nobody has labelled: they wait for those",
    )


def test_tasks_that_ask_the_same_share_their_labels_and_their_draws(tmp_path: Path, run_here) -> None:  # type: ignore[no-untyped-def]
    from harness.report.label_session import Session, plan_of

    (tmp_path / "s.yaml").write_text(SWEEP)
    for name, rate in (("old", 0.05), ("new", 0.5)):
        (tmp_path / f"{name}.yaml").write_text(f"adapter: {name}\ntype: mock\nerror_rate: {rate}\n")
        adapter, out = tmp_path / f"{name}.yaml", tmp_path / "runs"
        made = run_here("run", tmp_path / "s.yaml", "-a", adapter, "-q", "--no-report", "--out", out)
        assert made.code == 0, made.err
    folders = {Run(one.parent).record.adapter.name: Run(one.parent) for one in (tmp_path / "runs").glob("*/run.json")}
    runs, file = (folders["old"], folders["new"]), tmp_path / "labels.jsonl"
    with LabelWriter(file) as writer:
        session = Session.begin(plan_of(runs, LabelSet(), 30, "ann"), "ann", writer, LabelSet())
        while (question := session.current) is not None:
            session.choose(question.name, "right" if question.turned else "left")
    whole = compare(*runs, Options(labels=WithLabels(read_labels(file), "labels.jsonl")))
    assert {one.task for one in whole.labelled} == {"qa", "sweep"}
    assert all(one.notes == () for one in whole.labelled)
    assert sum(one.found.labelled for one in whole.labelled) > 30  # the clean questions of both are asked once
    for one in whole.labelled:  # the old run's answer always won
        assert one.comparison.estimate == pytest.approx(-one.found.differing / one.found.rows)


def test_weights_of_draws_keep_what_is_asked_more_often_from_counting_more(pair_of_runs) -> None:  # type: ignore[no-untyped-def]
    runs = pair_of_runs([0.0] * 20 + [1.0] * 60)  # the metric sees 20, which are asked twice as often and are losses
    (asked,) = asked_pairs(*runs)
    truth = {f"s{i:04d}": -1 for i in range(20)}
    labels = told(asked, truth, 40)
    share = float(np.mean([one.better == "a" for one in labels]))
    assert share > 0.25
    assert by_labels(runs, LabelSet.of(labels)).comparison.estimate == pytest.approx(-0.05, abs=0.01)


def test_several_people_are_told_with_how_far_they_agree(pair_of_runs) -> None:  # type: ignore[no-untyped-def]
    from harness.report.compare_rows import about_labels

    runs = pair_of_runs([1.0] * 80)
    (asked,) = asked_pairs(*runs)
    truth = {f"s{i:04d}": -1 if i % 2 else 1 for i in range(80)}
    found = by_labels(runs, LabelSet.of([*told(asked, truth, 40), *told(asked, truth, 20, "bob")]))
    assert found.people == ("ann", "bob")
    assert found.agreement is not None
    assert (found.agreement.alpha, found.agreement.units) == (1.0, 20)
    assert any("Krippendorff's alpha of 2 people on 20 of them: 1.00 [" in said for said in about_labels(found))


def test_an_answer_that_differs_in_case_alone_is_another_answer(make_run: Made) -> None:
    runs = make_run("old", [1.0] * 9), make_run("new", [1.0] * 9, {"s0000": {"response": "Right"}})
    (asked,) = asked_pairs(*runs)
    assert asked.differing.tolist() == [0]
    assert asked.pairs[0][1:] == (answer_digest("right"), answer_digest("Right"))


def test_the_command_line_tells_labels_in_a_section_of_their_own(  # type: ignore[no-untyped-def]
    pair_of_runs, tmp_path: Path, run_here
) -> None:
    runs = pair_of_runs([1.0] * 80)
    (asked,) = asked_pairs(*runs)
    file = tmp_path / "labels.jsonl"
    with LabelWriter(file) as out:
        out.append(*told(asked, {f"s{i:04d}": -1 for i in range(60)}, 50))
    folders = [str(run.folder) for run in runs]
    done = run_here("compare", *folders, "--labels", str(file))
    assert "by labels" in done.out
    assert "50 of 80" in done.out
    told_json = json.loads(run_here("compare", *folders, "--labels", str(file), "--json").out)
    (one,) = told_json[0]["labelled"]
    assert (one["task"], one["verdict"], one["found"]["labelled"]) == ("qa", "fail", 50)
    page = tmp_path / "page.html"
    assert run_here("compare", *folders, "--labels", str(file), "--format", "html", "--out", str(page)).code == 0
    markdown = run_here("compare", *folders, "--labels", str(file), "--format", "markdown").out
    assert "**By labels**" in markdown
    file.write_text(file.read_text() + "{}\n")
    bad = run_here("compare", *folders, "--labels", str(file))
    assert (bad.code, f"{file}:51:1: needs either" in bad.err) == (2, True)
    with pytest.raises(UsageError, match="cannot read labels"):
        read_labels(tmp_path / "nothing.jsonl")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("{fle: x.jsonl}", "did you mean 'file'"),
        ("{max_drop: 2}", "max_drop"),
        ("{proxy: qa/relaxed}", "no task has a score 'qa/relaxed'"),
        ("5", "expected a mapping"),
    ],
)
def test_what_a_suite_says_wrong_of_labels_is_told_at_its_line(  # type: ignore[no-untyped-def]
    tmp_path: Path, run_here, said: str, why: str
) -> None:
    (tmp_path / "s.yaml").write_text(f"{SWEEP}\nlabels: {said}\n")
    told_ = run_here("validate", tmp_path / "s.yaml")
    assert told_.code == 2
    assert "s.yaml:9:" in told_.err
    assert why in told_.err


def test_a_suite_names_its_labels_and_need_not_have_any_yet(tmp_path: Path) -> None:
    found = WithLabels.of_suite({"labels": {}}, tmp_path / "s.yaml")
    assert found == WithLabels(LabelSet(), str(tmp_path / "labels.jsonl"))
    assert WithLabels.of_suite({}, tmp_path / "s.yaml") is None
