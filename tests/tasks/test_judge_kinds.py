"""Judges of captions and of dialogues: known answers that fit them, and kinds that no judge is asked about."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.comparison.asked import asked_answers, asked_pairs
from harness.errors import SpecError, UsageError
from harness.labels import AnswerLabel, LabelSet, LabelWriter, answer_digest, question_key
from harness.metrics.captions import tokens
from harness.record import Run
from harness.report.label_session import Session, plan_of
from harness.seeds import Stream
from harness.tasks.judge.captions import another_number, another_thing, things
from harness.types import Request, Response, Status
from tests.tasks.seeing import COLOURS, NAMES, Eye, Sightless, pictures, put_judges, resumed, run, verdict
from tests.tasks.test_dialogue import Stubborn, Talker

JUDGES = '''
"""Judges made of rules: they look at the picture and read what they are told of it."""

import re

COLOURS = {colours!r}
SEEN = {{"red": "engine", "green": "meadow", "blue": "lake", "yellow": "lemon", "white": "goat", "black": "stove"}}


def lines(prompt, name):
    return re.findall(rf"^{{name}}: (.*)$", prompt, re.MULTILINE)


def looks(images):
    pixel = images[-1].convert("RGB").getpixel((6, 1))
    return min(COLOURS, key=lambda name: sum(abs(x - y) for x, y in zip(pixel, COLOURS[name])))


def fits(answer, colour):
    """Of all things only the one that is there, and two of them."""
    named = [word for word in SEEN.values() if re.search(rf"\\b{{word}}s?\\b", answer.lower())]
    return named == [SEEN[colour]] and "two" in answer.lower()


def sees(prompt, images):
    return "yes" if fits(lines(prompt, "Answer")[-1], looks(images)) else "no"


def counts_nothing(prompt, images):
    answer = re.sub("two|three|four|five|six|seven|eight|nine|ten", "two", lines(prompt, "Answer")[-1].lower())
    return "yes" if fits(answer, looks(images)) else "no"


def passes(prompt, images):
    return "yes"


def prefers(prompt, images):
    a, b = (fits(lines(prompt, f"Answer {{side}}")[-1], looks(images)) for side in "AB")
    return "tie" if a == b else "A" if a else "B"


def reads(prompt, images):
    """Believes whatever somebody wrote."""
    return "yes" if lines(prompt, "Answer")[-1].lower() in map(str.lower, lines(prompt, "Somebody wrote")) else "no"


def hears(prompt, images):
    """Answers to the last question right, if what was said before it was."""
    before = [answer.strip().lower() for answer in lines(prompt, "Assistant")]
    answer, right = (lines(prompt, name)[-1].strip().lower() for name in ("Answer", "Right answer"))
    return "yes" if answer == right and before == [looks(images), "yes"] else "no"
'''
THINGS = {"red": "engine", "green": "meadow", "blue": "lake", "yellow": "lemon", "white": "goat", "black": "stove"}
CAPTIONS = """\
suite: told
version: 1
seed: 3
datasets: {{rows: {{type: jsonl, path: rows.jsonl}}}}
tasks:
  told: {{kind: caption, dataset: rows, metrics: [rouge_l, cider_d]}}
  judged: {{kind: judge, of: told{keys}}}
"""
DIALOGUES = """\
suite: talk
version: 1
seed: 3
datasets: {{rows: {{type: jsonl, path: rows.jsonl}}}}
tasks:
  talk: {{kind: dialogue, dataset: rows, histories: [{history}]}}
  judged: {{kind: judge, of: talk{keys}}}
"""


class Teller(Eye):
    """Describes what it sees as nobody else put it."""

    def say(self, prompt: str, seen: str) -> str:
        return f"what I see is two times the {THINGS[seen]}"


class Invents(Teller):
    """Sees a goat in half of the pictures, whatever is there."""

    def say(self, prompt: str, seen: str) -> str:
        return super().say(prompt, "white" if seen in ("red", "green", "blue") else seen)


class BlindTeller(Teller, Sightless):
    """Describes a red picture."""


@pytest.fixture
def judges(tmp_path: Path) -> Path:
    put_judges(tmp_path, JUDGES.format(colours=COLOURS))
    return tmp_path


def wrote(name: str, number: int) -> list[str]:
    thing = THINGS[name]
    return [f"Two {thing}s stand by.", f"there are two {thing}s", f"the {thing}s, and they are two"]


@pytest.fixture
def captions(judges: Path) -> Path:
    pictures(judges, 30, question=lambda *_: "Describe it.", answer=wrote)
    return judges


@pytest.fixture
def talks(judges: Path) -> Path:
    def turns(name: str, number: int) -> list[dict[str, object]]:
        return [
            {"question": "Which colour?", "answer": name},
            {"question": f"Is it {name}?", "answer": "yes"},
            {"question": "Once more, which?", "answer": name},
        ]

    pictures(judges, 24, turns=turns)
    return judges


def numbers(made: Run) -> dict[str, Any]:
    return dict(made.record.tasks["judged"].metrics)


def rows_of(made: Run, cell: str) -> list[dict[str, Any]]:
    return [row for row in made.table().to_pylist() if row["task"] == "judged" and row["cell"] == cell]


def asked(row: dict[str, Any]) -> str:
    """Return what the judge was asked about one row."""
    return str(next(part["prompt"] for part in json.loads(row["parts"]) if part["role"] == "judge"))


def test_a_judge_that_looks_finds_right_captions_right_in_words_that_nobody_used(captions: Path) -> None:
    found = numbers(run(CAPTIONS.format(keys=", judge: sees.yaml"), Teller, captions))
    assert found["judged_share"].value == found["judged_share_corrected"].value == 1.0
    assert [found[name].value for name in ("sensitivity", "specificity", "judge_kappa")] == [1, 1, 1]
    assert found["length_effect"].value == 0
    half = numbers(run(CAPTIONS.format(keys=", judge: sees.yaml, known: {planted: [wrong]}"), Invents, captions))
    assert half["judged_share"].value == half["judged_share_corrected"].value == 0.5


def test_planted_captions_are_another_pictures_or_have_another_thing_or_number(captions: Path) -> None:
    made = run(CAPTIONS.format(keys=", judge: counts_nothing.yaml"), Teller, captions)
    cells = made.record.tasks["judged"].cells
    wrongs = {name: rows_of(made, name) for name in ("wrong_picture", "wrong_object", "wrong_number")}
    assert wrongs.keys() <= cells.keys()
    assert sum(map(len, wrongs.values())) == 30, "each picture has one wrong caption"
    assert all(len(rows) >= 5 for rows in wrongs.values())
    for sort, rows in wrongs.items():
        for row in rows:
            own = next(thing for thing in THINGS.values() if thing in " ".join(row["references"]))
            named = {thing for thing in THINGS.values() if thing in row["response"].lower()}
            assert (own in named) == (sort == "wrong_number")
            assert ("two" in row["response"].lower()) == (sort != "wrong_number")
            assert row["response"] not in row["references"]
    # Who cannot count passes wrong numbers: of all wrong captions so many as have one.
    numbered = len(wrongs["wrong_number"])
    assert cells["wrong_number"].metrics["pass_rate"].value == 1.0
    assert cells["wrong_object"].metrics["pass_rate"].value == 0.0
    assert numbers(made)["specificity"].value == pytest.approx(1 - numbered / 30)
    assert numbers(made)["specificity"].n == 30


def test_the_known_caption_is_none_of_those_that_the_judge_is_shown_and_they_are_as_many_for_the_models(
    captions: Path,
) -> None:
    made = run(CAPTIONS.format(keys=", judge: reads.yaml"), Teller, captions)
    for row in rows_of(made, "right"):
        prompt = asked(row)
        assert row["response"] in row["references"]
        assert f"Somebody wrote: {row['response']}\n" not in prompt
        assert prompt.count("Somebody wrote: ") == 2
        assert "Asked for: Describe the image in one sentence." in prompt
        assert "Does it describe the picture" in prompt
    assert numbers(made)["sensitivity"].value == 0, "a judge that only compares texts knows no right caption"
    assert all(asked(row).count("Somebody wrote: ") == 2 for row in rows_of(made, "judged"))
    long = rows_of(made, "right_long")[0]["response"]
    assert len(long.split()) > 15


def test_two_captions_are_compared_in_both_orders_and_another_runs_own_are_its_opponents(captions: Path) -> None:
    earlier = run(CAPTIONS.format(keys=", judge: passes.yaml"), Invents, captions)
    made = run(CAPTIONS.format(keys=f", judge: prefers.yaml, against: {earlier.folder}"), Teller, captions)
    assert numbers(made)["win_rate"].value == pytest.approx(0.75), "half are equal"
    assert numbers(made)["judge_accuracy"].value == 1.0
    own = numbers(run(CAPTIONS.format(keys=", judge: prefers.yaml, against: references"), Invents, captions))
    assert own["win_rate"].value == pytest.approx(0.25)


def test_a_worse_teller_fails_by_its_judge(captions: Path) -> None:
    gates = "gates: [{metric: judged/judged_share_corrected, max_drop: 0.1}]\n"
    text = CAPTIONS.format(keys=", judge: sees.yaml, known: {planted: [wrong]}") + gates
    assert verdict(text, BlindTeller, run(text, Teller, captions), captions) == "fail"


def test_one_caption_a_picture_is_not_shown_to_a_judge_that_is_tried_on_it(judges: Path) -> None:
    pictures(judges, 12, answer=lambda name, _: f"Two {THINGS[name]}s stand there.")
    with pytest.raises(SpecError, match="each picture of task 'told' has one caption") as error:
        run(CAPTIONS.format(keys=", judge: sees.yaml"), Teller, judges)
    assert "suite.yaml:7" in str(error.value)
    made = run(CAPTIONS.format(keys=", judge: sees.yaml, rubric: {reference: false}"), Teller, judges)
    assert numbers(made)["informedness"].value == 1.0


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("metric: rouge_l", "no metric says which captions are right"),
        ("self_preference: {own: sees.yaml, other: passes.yaml}", "no metric says of two answers of 'told'"),
    ],
)
def test_what_captions_lack_is_told_with_its_place(captions: Path, keys: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as error:
        run(CAPTIONS.format(keys=f", judge: sees.yaml, {keys}"), Teller, captions)
    assert "suite.yaml:7" in str(error.value)


def test_a_single_picture_has_no_other_to_take_wrong_captions_from(judges: Path) -> None:
    pictures(judges, 1, answer=lambda *_: ["an engine by the road", "engine, parked"])
    made = run(CAPTIONS.format(keys=", judge: passes.yaml"), Teller, judges)
    assert numbers(made)["judged_share"].value == 1.0
    assert numbers(made)["specificity"].value is None


def test_the_last_answer_of_a_dialogue_is_judged_with_what_was_said_before_it(talks: Path) -> None:
    text = DIALOGUES.format(history="own", keys=", judge: hears.yaml")
    made = run(text, Talker, talks)
    found = numbers(made)
    assert [found[name].value for name in ("judged_share", "sensitivity", "specificity")] == [1, 1, 1]
    row = rows_of(made, "judged")[1]
    assert [part["part"] for part in json.loads(row["parts"])] == ["turn-1", "turn-2", "turn-3", "verdict-1"]
    prompt = asked(row)
    assert "User: Which colour?\nAssistant: green\nUser: Is it green?\nAssistant: yes\n" in prompt
    assert "Question: Once more, which?\nRight answer: green\nAnswer: green\n" in prompt
    assert row["response"] == "green"

    class Slips(Talker):
        """Is wrong at first, and right in the end."""

        def say(self, prompt: str, seen: str) -> str:
            return "mauve" if "Assistant:" not in prompt else super().say(prompt, seen)

    # The judge minds what was said before: it sees the model's own words, not the right ones.
    assert numbers(run(text, Slips, talks))["judged_share"].value == 0.0


@pytest.mark.parametrize(("history", "share"), [("own", 0.0), ("given", 1.0)])
def test_the_history_of_the_task_is_that_of_its_judge(history: str, share: float, talks: Path) -> None:
    class Echoes(Stubborn):
        """Believes its own mistake, and what it is led back to."""

    found = numbers(run(DIALOGUES.format(history=history, keys=", judge: hears.yaml"), Echoes, talks))
    assert found["judged_share"].value == share
    assert found["judged_share_corrected"].value == share


def test_a_stopped_dialogue_is_judged_as_one_that_was_not(talks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = DIALOGUES.format(history="own", keys=", judge: hears.yaml, known: {limit: 6}")
    continued, whole = resumed(text, talks, monkeypatch, Talker)
    assert continued.record.tasks == whole.record.tasks


def test_a_dialogue_that_breaks_off_does_not_pass_and_a_judge_that_fails_costs_nobody(talks: Path) -> None:
    class Silent(Talker):
        """Has no second answer about white pictures."""

        def generate(self, requests: Sequence[Request]) -> list[Response]:
            told = super().generate(requests)
            broken = ["Is it white?" in one.prompt and "Once more" not in one.prompt for one in requests]
            return [Response(None, Status.ERROR, "gone") if bad else one for bad, one in zip(broken, told, strict=True)]

    found = numbers(run(DIALOGUES.format(history="own", keys=", judge: hears.yaml"), Silent, talks))
    assert found["judged_share"].value == pytest.approx(5 / 6)
    assert found["judged_share"].n == 24


def test_a_dialogue_of_all_rounds_leaves_none_for_its_judge(judges: Path) -> None:
    pictures(judges, 6, turns=lambda name, _: [{"question": f"Which, {i}?", "answer": name} for i in range(16)])
    text = DIALOGUES.format(history="own", keys=", judge: passes.yaml").replace("histories", "most: 16, histories")
    with pytest.raises(SpecError, match="16 rounds leave none for the judge") as error:
        run(text, Talker, judges)
    assert "most: 15" in str(error.value)
    assert numbers(run(text.replace("16", "15"), Talker, judges))["judged_share"].value == 1.0


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("{kind: choice, dataset: rows}", "its metric holds an answer against the right one exactly"),
        ("{kind: judge, of: qa, judge: passes.yaml}", "judge the task that it judges"),
        ("{kind: sweep, of: qa, corruptions: [rotation], severities: [1]}", "judge that task"),
    ],
)
def test_kinds_that_are_not_judged_say_why_and_where(judges: Path, task: str, why: str) -> None:
    pictures(judges, 6, choices=lambda *_: ["red", "green"], answer=lambda *_: "red")
    text = (
        "suite: s\nversion: 1\ndatasets: {rows: {type: jsonl, path: rows.jsonl}}\ntasks:\n"
        "  qa: {kind: qa, dataset: rows, metrics: [exact_match]}\n"
        f"  other: {task}\n  judged: {{kind: judge, of: other, judge: passes.yaml}}\n"
    )
    with pytest.raises(SpecError, match=why) as error:
        run(text, Eye, judges)
    assert "suite.yaml:7:" in str(error.value)


WORDS = st.sampled_from(
    ["horse", "boat", "kites", "sea", "dogs", "market", "two", "three", "tree", "caf\u00e9", "people"]
)
TEXT = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)


@given(references=st.lists(TEXT, min_size=1, max_size=4), others=st.lists(WORDS, max_size=6), seed=st.integers(0, 99))
def test_another_thing_or_number_is_one_that_nobody_names_of_this_picture(
    references: list[str], others: list[str], seed: int
) -> None:
    named = {word for text in references for word in tokens(text)}
    right = references[0]
    for made in (
        another_thing(right, references, others, Stream("test", seed)),
        another_number(right, references, Stream("test", seed)),
    ):
        if made is not None:
            assert made != right
            (new,) = set(tokens(made)) - named
            changed = {one for one, other in zip(tokens(right), tokens(made), strict=True) if one != other}
            assert len(changed) == 1
            assert new not in named
    assert things(references) <= named


JUDGED = """\
suite: judged
version: 1
seed: 3
datasets: {{rows: {{type: jsonl, path: rows.jsonl}}}}
tasks:
  qa: {{kind: qa, dataset: rows, metrics: [exact_match]}}
  judged: {{kind: judge, of: qa, judge: {judge}.yaml, known: {{limit: 12}}{keys}}}
"""


class Wavers(Eye):
    """Is right when it is asked first, third, …, and says mauve in between."""

    def __init__(self, *told: Any, **named: Any) -> None:
        super().__init__(*told, **named)
        self.asked: dict[str, int] = {}

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        made = []
        for one, told in zip(requests, super().generate(requests), strict=True):
            question = one.id.partition("#")[0]
            self.asked[question] = self.asked.get(question, 0) + 1
            made.append(told if int(one.id.rpartition("#")[2]) % 2 == 0 else Response("mauve"))
        return made


def test_each_epochs_answer_is_judged_and_the_share_is_over_questions(judges: Path) -> None:
    pictures(judges, 12, question=lambda _, i: f"Which colour has picture {i}?")
    (judges / "exact.py").write_text(
        "def right(prompt, images):\n"
        "    said = dict(line.split(': ', 1) for line in prompt.splitlines() if ': ' in line)\n"
        "    return 'yes' if said['Answer'] == said['Right answer'] else 'no'\n"
    )
    (judges / "exact.yaml").write_text("{adapter: exact, type: python, target: 'exact.py:right'}\n")
    text = JUDGED.format(judge="exact", keys="")
    once = numbers(run(text, Eye, judges))
    made = run(text, Wavers, judges, epochs=3)
    found = numbers(made)
    assert len(rows_of(made, "judged")) == 36
    assert found["judged_share"].value == pytest.approx(2 / 3)
    assert found["judged_share"].n == 12, "a question is one unit, however often it is asked"
    assert made.record.tasks["qa"].metrics["exact_match"].value == pytest.approx(2 / 3)
    assert found["judged_share_corrected"].value == pytest.approx(2 / 3)
    for name in ("sensitivity", "specificity"):
        assert (found[name].value, found[name].low, found[name].n) == (once[name].value, once[name].low, once[name].n)
    (table,) = [one for one in made.record.tasks["judged"].tables if one.name == "verdicts"]
    assert table.columns == ["answers", "passed", "divided", "not passed", "unreadable verdicts"]
    assert table.rows[0][:4] == ["judged", 0, 12, 0]
    majority = numbers(run(text, Wavers, judges, epochs=3, reducer="majority"))
    assert majority["judged_share"].value == 1.0, "two of three answers are the right one"


def test_epochs_of_judged_dialogues_and_of_what_no_reducer_makes_one(talks: Path, captions: Path) -> None:
    text = DIALOGUES.format(history="given", keys=", judge: hears.yaml, known: {limit: 4}")
    pictures(talks, 6, turns=lambda name, _: [{"question": "Which?", "answer": name}] * 2)
    found = run(text, Talker, talks, epochs=2)
    assert found.record.tasks["talk"].metrics["turn_accuracy"].value == 1.0
    assert (numbers(found)["judged_share"].n, found.record.tasks["judged"].epochs) == (6, 2)
    with pytest.raises(UsageError, match=r"pass@2 makes no one answer of several for turn_accuracy.*--reducer mean"):
        run(text, Talker, talks, epochs=2, reducer="pass@2")
    judged = JUDGED.format(judge="passes", keys="")
    with pytest.raises(UsageError, match=r"judge_score: .* take --reducer majority or mean"):
        run(judged, Eye, talks, epochs=2, reducer="at_least@2")


def test_another_runs_first_answers_are_the_opponents_where_it_was_asked_several_times(judges: Path) -> None:
    pictures(judges, 12, question=lambda _, i: f"Which colour has picture {i}?")
    text = JUDGED.format(judge="passes", keys="")
    earlier = run(text, Wavers, judges, epochs=2)
    made = run(JUDGED.format(judge="passes", keys=f", against: {earlier.folder}"), Eye, judges)
    assert numbers(made)["win_rate"].value == 0.5
    assert made.record.responses["ok"] == 12 + 12 + 36, "the first answers are the same, and nobody is asked about them"


def test_people_are_asked_about_the_models_answers_and_never_about_planted_ones(judges: Path) -> None:
    pictures(judges, 12, question=lambda _, i: f"Which colour has picture {i}?")
    text = JUDGED.format(judge="passes", keys="")
    good, poor = run(text, Eye, judges), run(text, Sightless, judges)
    assert [(one.task, len(one.names)) for one in asked_answers(good)] == [("qa", 12), ("judged", 12)]
    assert [(one.task, len(one), len(one.names)) for one in asked_pairs(good, poor)] == [
        ("qa", 12, 10),
        ("judged", 12, 10),
    ]
    plan = plan_of([good], LabelSet(), 60, "ann")
    assert plan.differing == 12, "the same answer to the same question is asked about once"


@pytest.mark.parametrize("task", ["talk", "judged"])
def test_who_labels_a_dialogue_reads_all_that_was_said_before_the_answer(task: str, talks: Path) -> None:
    made = run(DIALOGUES.format(history="own", keys=", judge: hears.yaml, known: {limit: 4}"), Talker, talks)
    plan = plan_of([made], LabelSet(), 1, "ann", [task])
    with LabelWriter(talks / "labels.jsonl") as writer:
        told = Session.begin(plan, "ann", writer, LabelSet()).state()
    assert told["prompt"].startswith("User: Which colour?\nAssistant: ")
    assert told["prompt"].endswith("User: Once more, which?\nAssistant:")


def test_labels_of_captions_of_other_pictures_are_no_known_answers_to_these(captions: Path) -> None:
    earlier = run(CAPTIONS.format(keys=", judge: passes.yaml"), Invents, captions)
    keys = f", judge: sees.yaml, known: {{labels: labels.jsonl, runs: [{earlier.folder}]}}"

    same = {row["sample_id"]: row["request_hash"] for row in earlier.table().to_pylist() if row["cell"] == "clean"}

    def label(cell: str) -> None:
        (captions / "labels.jsonl").unlink(missing_ok=True)
        with LabelWriter(captions / "labels.jsonl") as out:
            for row in earlier.table().to_pylist():
                if (row["task"], row["cell"]) == ("told", cell) and (
                    cell == "clean" or row["request_hash"] != same[row["sample_id"]]
                ):
                    key, answer = question_key(row["sample_id"], row["request_hash"]), answer_digest(row["response"])
                    right = float(THINGS[NAMES[int(row["sample_id"][1:]) % 6]] in row["response"])
                    out.append(AnswerLabel(key, answer, right, "ann", "2026-03-01"))

    label("mismatched")
    with pytest.raises(SpecError, match=r"no label of .* is of any answer to the questions of 'told'"):
        run(CAPTIONS.format(keys=keys), Invents, captions)
    label("clean")
    found = numbers(run(CAPTIONS.format(keys=keys), Invents, captions))
    assert [(found[name].value, found[name].n) for name in ("sensitivity", "specificity")] == [(1.0, 15), (1.0, 15)]
    assert found["judged_share_corrected"].value == 0.5
