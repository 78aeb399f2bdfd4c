"""Judges: good, erring, biased, mute and bribed ones, found out by answers whose truth is known."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import harness
from harness.errors import SpecError
from harness.labels import answer_digest, question_key
from harness.record import Run
from harness.seeds import Stream
from harness.tasks.judge.config import JudgeConfig, Rubric
from harness.tasks.judge.opinions import of_one, of_two
from harness.tasks.judge.planted import longer, wrong_answer
from harness.types import Request, Response, Status
from tests.tasks.seeing import NAMES, Eye, Sightless, pictures, put_judges, resumed, run, verdict

JUDGES = '''
"""Judges made of rules: functions of the prompt that they are shown."""

import hashlib
import re


def said(prompt, name):
    return re.findall(rf"^{name}: (.*)$", prompt, re.MULTILINE)[-1]


def coin(prompt, sides):
    return int(hashlib.sha256(prompt.encode()).hexdigest(), 16) % sides


def is_right(prompt, name="Answer"):
    return said(prompt, name).lower().endswith(said(prompt, "Right answer").lower())


def perfect(prompt, images):
    return "yes" if is_right(prompt) else "no"


def strict(prompt, images):
    return "yes" if is_right(prompt) and coin(prompt, 10) < 7 else "no"


def tosses(prompt, images):
    return "yes" if coin(prompt, 2) else "no"


def likes_words(prompt, images):
    return "yes" if len(said(prompt, "Answer").split()) > 5 else perfect(prompt, images)


def mute(prompt, images):
    return "I would rather not say."


def mumbles(prompt, images):
    return "hm" if coin(prompt, 4) == 0 else perfect(prompt, images)


def breaks(prompt, images):
    if coin(prompt, 4) == 0:
        raise ValueError("no judge today")
    return perfect(prompt, images)


def grades(prompt, images):
    return f"Score: {5 if is_right(prompt) else 2}/5"


def first(prompt, images):
    return "A"


def longest(prompt, images):
    a, b = (len(said(prompt, f"Answer {letter}").split()) for letter in "AB")
    return "tie" if a == b else "A" if a > b else "B"


COLOURS = "red green blue yellow white black".split()


def sees(prompt, images):
    """Sees the picture, as the model does, and so needs no right answer."""
    pixel = images[0].convert("RGB").getpixel((6, 1))
    table = dict(zip(COLOURS, [(220, 20, 20), (20, 200, 20), (20, 20, 220), (230, 230, 20), (250,) * 3, (5,) * 3]))
    colour = min(table, key=lambda name: sum(abs(x - y) for x, y in zip(pixel, table[name])))
    a, b = (said(prompt, f"Answer {letter}").lower().endswith(colour) for letter in "AB")
    return "tie" if a == b else "A" if a else "B"


def family(prompt, images):
    a, b = ("verily" in said(prompt, f"Answer {letter}").lower() for letter in "AB")
    return "tie" if a == b else "A" if a else "B"


def ours(prompt, images):
    return f"Verily {'red' if coin(prompt + str(images[0].getpixel((6, 1))), 2) else 'pink'}"


def theirs(prompt, images):
    return ours(prompt, images).replace("Verily", "Well,")
'''

SUITE = """\
suite: judged
version: 1
seed: 3
datasets: {{rows: {{type: jsonl, path: rows.jsonl}}}}
tasks:
  qa: {{kind: qa, dataset: rows, metrics: [exact_match]}}
  judged: {{kind: judge, of: qa{keys}}}
"""


class Squints(Eye):
    """Takes white and yellow for red."""

    def say(self, prompt: str, seen: str) -> str:
        return "red" if seen in ("white", "yellow") else seen


class Shouts(Eye):
    """Says what it sees in capitals, so that its answers are other texts than the references."""

    def say(self, prompt: str, seen: str) -> str:
        return seen.upper()


class Breaks(Eye):
    """Has no answer to a white picture."""

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        told = super().generate(requests)
        return [Response(None, Status.ERROR, "broken") if one.text == "white" else one for one in told]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    pictures(tmp_path, 48, question=lambda _, i: f"Which colour has picture {i}?")
    put_judges(tmp_path, JUDGES)
    return tmp_path


def suite(judge: str | None, more: str = "") -> str:
    keys = f", judge: {judge}.yaml" if judge else ""
    return SUITE.format(keys=f"{keys}{', ' if more else ''}{more}")


def numbers(made: Run, task: str = "judged") -> dict[str, Any]:
    return {**made.record.tasks["qa"].metrics, **made.record.tasks[task].metrics}


def said(made: Run) -> str:
    return "\n".join(one.text for one in made.record.tasks["judged"].findings)


def test_a_perfect_judge_leaves_the_share_as_it_is(rows: Path) -> None:
    found = numbers(run(suite("perfect"), Squints, rows))
    share = found["exact_match"].value
    assert share == pytest.approx(2 / 3)
    assert found["judged_share"].value == found["judged_share_corrected"].value == share
    values = [found[name].value for name in ("sensitivity", "specificity", "judge_kappa", "informedness")]
    assert values == [1, 1, 1, 1]
    assert found["length_effect"].value == 0
    widths = [found[name].high - found[name].low for name in ("judged_share", "judged_share_corrected")]
    assert widths[0] < widths[1] < widths[0] + 0.05


def test_a_judge_that_errs_is_corrected_to_the_truth_which_its_own_interval_does_not_hold(rows: Path) -> None:
    found = numbers(run(suite("strict"), Eye, rows))
    naive, corrected = found["judged_share"], found["judged_share_corrected"]
    assert found["exact_match"].value == 1.0
    assert naive.high < 1.0
    assert corrected.low < 1.0 <= corrected.high
    assert corrected.n == 48


def test_a_judge_that_tosses_a_coin_is_too_poor_to_decide_and_says_so(rows: Path) -> None:
    made = run(suite("tosses"), Squints, rows)
    corrected = numbers(made)["judged_share_corrected"]
    assert (corrected.low, corrected.high) in ((0.0, 1.0), (None, None))
    assert "this judge is too poor to decide: informedness" in said(made)


def test_a_judge_that_likes_long_answers_is_found_of_one_answer_and_of_two(rows: Path) -> None:
    one = run(suite("likes_words"), Eye, rows)
    assert numbers(one)["length_effect"].value == pytest.approx(0.5)  # wrong ones pass, right ones did already
    assert "the judge likes long answers" in said(one)
    two = run(suite("longest", "against: references"), Shouts, rows)
    found = numbers(two)
    assert (found["length_effect"].value, found["judge_accuracy"].value) == (1.0, 0.5)
    assert "the judge likes long answers" in said(two)
    assert "too poor to decide" in said(two)


def test_a_judge_that_likes_long_answers_is_not_believed_where_the_models_are_longer_than_the_known_ones(
    rows: Path,
) -> None:
    class Talks(Sightless):
        def say(self, prompt: str, seen: str) -> str:
            return "The colour that I can see in this picture is red"

    assert "the model's answers have 11.0 words, the known ones 1.0" in said(run(suite("likes_words"), Talks, rows))


def test_a_judge_that_takes_the_first_answer_is_found_and_decides_nothing(rows: Path) -> None:
    made = run(suite("first", "against: references"), Squints, rows)
    found = numbers(made)
    assert (found["first_preferred"].value, found["consistency"].value) == (1.0, 0.0)
    assert found["first_preferred"].low > 0.9
    assert "the judge prefers the answer that stands first: 100.0%" in said(made)
    assert "win_rate 0.500 says nothing of the model" in said(made)


def test_a_judge_that_sees_prefers_what_is_right_in_both_orders(rows: Path) -> None:
    made = run(suite("sees", "against: references"), Squints, rows)
    found = numbers(made)
    assert (found["judge_accuracy"].value, found["consistency"].value) == (1.0, 1.0)
    assert found["win_rate"].value == found["win_rate_corrected"].value == pytest.approx(1 / 3)  # right ones tie
    assert found["first_preferred"].value == 0.5
    parts = next(json.loads(row["parts"]) for row in made.table().to_pylist() if row["cell"] == "better")
    assert [part["part"] for part in parts] == ["forth-1", "back-1"]
    assert {part["role"] for part in parts} == {"judge"}


def test_verdicts_that_cannot_be_read_are_counted_and_do_not_pass(rows: Path) -> None:
    mute = run(suite("mute"), Eye, rows)
    found = numbers(mute)
    assert [found[name].value for name in ("unparsed_share", "unparsed_known", "judged_share")] == [1, 1, 0]
    assert found["judged_share"].statuses == {"unparsed": 48}
    assert "100.0% of the judge's verdicts on the model's answers cannot be read" in said(mute)
    mumbling = numbers(run(suite("mumbles"), Eye, rows))
    assert 0 < mumbling["unparsed_share"].value < 0.5
    # Right answers whose verdict is lost do not pass, known ones neither: what is corrected holds the truth.
    assert mumbling["judged_share"].value == pytest.approx(1 - mumbling["unparsed_share"].value)
    assert mumbling["judged_share_corrected"].high == 1.0


def test_a_judge_that_fails_costs_no_answer_its_score_and_an_answer_that_fails_is_wrong(rows: Path) -> None:
    judge = numbers(run(suite("breaks"), Eye, rows))
    assert judge["judged_share"].value == judge["judged_share_corrected"].value == 1.0
    assert 0 < judge["judged_share"].n < 48
    model = numbers(run(suite("perfect"), Breaks, rows))
    assert model["judged_share"].value == model["judged_share_corrected"].value == pytest.approx(5 / 6)
    assert model["judged_share"].n == 48


def test_a_judge_grades_on_a_scale_and_passes_from_a_grade_on(rows: Path) -> None:
    found = numbers(run(suite("grades", "rubric: {scale: [1, 5], passes: 4}"), Squints, rows))
    assert found["judged_share"].value == pytest.approx(2 / 3)
    assert found["judge_score"].value == pytest.approx(2 / 3 + 1 / 3 * 0.25)
    kind = numbers(run(suite("grades", "rubric: {scale: [1, 5], passes: 2}"), Squints, rows))
    assert (kind["judged_share"].value, kind["specificity"].value) == (1.0, 0.0)


def test_a_judge_that_prefers_its_own_family_is_found_where_neither_answer_is_better(rows: Path) -> None:
    keys = "against: references, self_preference: {own: ours.yaml, other: theirs.yaml}"
    made = run(suite("family", keys), Eye, rows)
    own = numbers(made)["self_preference"]
    assert own.value == 1.0
    assert 40 <= own.n <= 48  # both are wrong, in the words of this metric
    assert "the judge prefers its own family's answers where neither is better: 1.000" in said(made)
    assert numbers(run(suite("sees", keys), Eye, rows))["self_preference"].value == 0.5


def test_two_judges_are_compared_as_two_models_are(rows: Path) -> None:
    text = suite(None) + 'gates: [{metric: "judged/sensitivity", max_drop: 0.05}]\n'

    class Sees(Eye):
        def say(self, prompt: str, seen: str) -> str:
            if "Answer: " not in prompt:
                return seen
            return "yes" if prompt.split("\nAnswer: ")[1].split("\n", maxsplit=1)[0].endswith(seen) else "no"

    class Strict(Sees):
        def say(self, prompt: str, seen: str) -> str:
            return "no" if seen == "red" else super().say(prompt, seen)

    good = run(text, Sees, rows)
    found = numbers(good)
    assert "judged_share" not in found
    assert (found["sensitivity"].value, found["specificity"].value) == (1.0, 1.0)
    assert verdict(text, Sees, good, rows) != "fail"
    assert verdict(text, Strict, good, rows) == "fail"


def test_a_worse_model_fails_by_what_its_judge_says_corrected(rows: Path) -> None:
    text = suite("strict") + "gates: [{metric: judged/judged_share_corrected, max_drop: 0.05}]\n"
    good = run(text, Eye, rows)
    assert verdict(text, Sightless, good, rows) == "fail"


def test_another_runs_answers_are_what_the_models_are_held_against(rows: Path) -> None:
    other = run(suite("perfect"), Squints, rows)
    made = run(suite("sees", f"against: {other.folder}"), Eye, rows)
    found = numbers(made)
    assert found["win_rate"].value == pytest.approx(1 / 3 + 2 / 3 / 2)  # right where the other is not; else the same
    assert found["unparsed_share"].n == 16  # what is the same is not asked about


def test_what_people_say_of_answers_takes_the_place_of_planted_ones(rows: Path) -> None:
    earlier = run(suite("perfect"), Squints, rows)
    lines = []
    for row in earlier.table().to_pylist():
        if row["task"] == "qa":
            told = {"key": question_key(row["sample_id"], row["request_hash"]), "text": row["response"], "by": "ann"}
            right = row["response"] == row["references"][0]
            lines.append({**told, "answer": answer_digest(row["response"]), "value": 0.0, "at": "2026-01-01"})
            lines.append({**told, "answer": answer_digest(row["response"]), "value": float(right), "at": "2026-01-02"})
    (rows / "labels.jsonl").write_text("\n".join(map(json.dumps, lines)))
    made = run(suite("strict", f"known: {{labels: labels.jsonl, runs: [{earlier.folder}]}}"), Squints, rows)
    found = numbers(made)
    assert found["sensitivity"].n == 32
    assert found["specificity"].n == 16
    assert found["judged_share_corrected"].value == pytest.approx(2 / 3)  # the very answers that are judged
    assert {"labelled_right", "labelled_wrong"} <= made.record.tasks["judged"].cells.keys()


def test_what_people_prefer_of_two_runs_answers_is_what_a_judge_of_pairs_is_tried_on(rows: Path) -> None:
    good, poor = run(suite("perfect"), Eye, rows), run(suite("perfect"), Squints, rows)
    texts = [{row["sample_id"]: row for row in one.table().to_pylist() if row["task"] == "qa"} for one in (good, poor)]
    lines = []
    for sample, row in texts[0].items():
        a, b = (answer_digest(one[sample]["response"]) for one in texts)
        if a != b:
            key = question_key(sample, row["request_hash"])
            lines.append({"key": key, "a": b, "b": a, "better": "b", "by": "ann", "at": "2026-01-01"})
    (rows / "labels.jsonl").write_text("\n".join(map(json.dumps, lines)))
    keys = f"against: {poor.folder}, known: {{labels: labels.jsonl, runs: [{good.folder}, {poor.folder}]}}"
    found = numbers(run(suite("sees", keys), Eye, rows))
    assert (found["judge_accuracy"].value, found["judge_accuracy"].n) == (1.0, 16)
    assert found["win_rate_corrected"].value == found["win_rate"].value


def test_a_run_that_was_stopped_ends_as_one_that_was_not(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    continued, whole = resumed(suite("strict"), rows, monkeypatch)
    assert continued.record.tasks == whole.record.tasks


def test_stored_answers_are_scored_again_the_models_and_the_known_ones(rows: Path) -> None:
    made = run(suite("strict"), Squints, rows)
    found = harness.score(made, "exact_match")
    assert found["judged/judged"].value == found["qa/clean"].value
    assert (found["judged/right"].value, found["judged/wrong"].value) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ("judge: nobody.yaml", "nobody"),
        ("votes: 3", "all votes are the same where nothing is drawn"),
        ("rubric: {scale: [5, 1]}", "the best grade must be above the worst"),
        ("rubric: {scale: [1, 5], passes: 6}", "outside of the scale"),
        ("against: references, rubric: {scale: [1, 5]}", "compared, not graded"),
        ("known: {planted: [longer]}", "right answers alone tell nothing"),
        ("known: {labels: labels.jsonl}", "`runs` is missing"),
        ("known: null", "there are none"),
        ("prompt: 'Is it right?'", "does not show `answer`"),
        ("judge: perfect.yaml, against: nowhere", "is not a run"),
        ("known: {labels: no.jsonl, runs: [nowhere]}", "cannot read labels"),
    ],
)
def test_what_cannot_be_judged_is_told_at_its_line(rows: Path, more: str, wrong: str) -> None:
    with pytest.raises(SpecError, match=wrong) as caught:
        run(suite(None, more), Eye, rows)
    assert "suite.yaml:7" in str(caught.value)


WORDS = st.sampled_from(["A", "B", "tie", "hm"])


@given(st.lists(WORDS, min_size=1, max_size=5), st.lists(WORDS, min_size=1, max_size=5))
def test_what_one_answer_wins_of_both_orders_the_other_loses(forth: list[str], back: list[str]) -> None:
    one, other = of_two(forth, back), of_two(back, forth)
    assert one.passed == pytest.approx(1 - other.passed)
    assert (one.first, one.decided, one.orders, one.unread) == (other.first, other.decided, other.orders, other.unread)
    same = of_two(["A"], ["A"])
    assert (same.passed, same.agreeing, same.first) == (0.5, 0.0, 2)


@pytest.mark.parametrize(
    ("by", "votes", "passed"),
    [
        ("majority", ["5", "5", "1"], 1.0),
        ("majority", ["5", "1"], 0.0),
        ("mean", ["5", "3", "3"], 1.0),
        ("median", ["5", "3", "3"], 0.0),
        ("mean", ["5", "hm", "hm"], 1.0),
        ("mean", ["hm"], 0.0),
    ],
)
def test_votes_are_counted_as_the_suite_says_and_those_that_say_nothing_are_none(
    by: Any, votes: list[str], passed: float
) -> None:
    config = JudgeConfig(of="qa", judge="x", rubric=Rubric(scale=(1, 5)), votes_by=by)
    found = of_one(votes, config)
    assert found.passed == passed
    assert found.unread == votes.count("hm")


@given(st.sampled_from(["41", "yes", "3.5 million", "red", "-7 %", "0", ""]), st.integers(0, 50))
def test_a_planted_answer_is_wrong_and_the_same_for_one_seed(right: str, seed: int) -> None:
    is_wrong: Callable[[str], bool] = lambda text: text.strip().casefold() != right.strip().casefold()  # noqa: E731
    made = wrong_answer(right, "", NAMES, is_wrong, ("test", seed))
    assert made is not None
    assert is_wrong(made)
    assert made == wrong_answer(right, "", NAMES, is_wrong, ("test", seed))
    assert wrong_answer(right, "", NAMES, lambda _: False, ("test", seed)) is None
    assert right in longer(right, Stream("test", seed))
