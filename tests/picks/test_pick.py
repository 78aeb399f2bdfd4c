"""Picks of real runs: which signal, what is left out and said, leaks, and the command."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import harness
from harness.errors import ConfigError, HarnessError, UsageError
from harness.picks import How, Leaks, Picked, pick
from tests.conftest import Done
from tests.picks.conftest import Make, rows


def ids(found: Picked) -> list[str]:
    return [one.sample_id for one in found.picks]


def against(name: str) -> Leaks:
    return Leaks.of(harness.load_suite(name).datasets)


def test_a_pool_without_answers_is_ranked_by_its_least_sure_token(make: Make) -> None:
    run = make(rows())
    assert run.record.tasks["ask"].metrics["exact_match"].value is None
    found = pick([run], 4, How(spread=False))
    assert (found.signal, found.pool, ids(found)) == ("min_logprob", 29, ["q28", "q27", "q26", "q25"])
    assert found.picks[0].score == pytest.approx(1 - 2.718281828**-1.4, abs=1e-4)
    assert found.picks[0].answer == "0"
    assert "1 of 30 samples have no answer and are left out" in found.notes[0]
    assert found.expected is not None
    assert found.expected_random is not None
    assert found.expected > found.expected_random


def test_pictures_that_are_nearly_the_same_are_one_group(make: Make) -> None:
    run = make(rows())
    assert "q27" not in ids(pick([run], 8))
    assert "q27" in ids(pick([run], 8, How(pictures=False)))
    last = next(one for one in pick([run], 29).picks if one.sample_id == "q27")
    assert "1 of its picture" in last.reason


def test_budgets_are_prefixes_and_the_file_s_order_is_nothing(make: Make) -> None:
    whole = pick([make(rows())], 29)
    turned = pick([make(rows(reversed(range(30))), "turned")], 12)
    assert ids(turned) == ids(whole)[:12]
    assert len(set(ids(whole))) == 29


def test_runs_that_disagree_say_it_where_no_token_does(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURE", "no")
    one = make(rows())
    alone = pick([one], 5)
    assert alone.signal == "random"
    assert alone.expected is None
    assert any("a plain draw" in note for note in alone.notes)
    monkeypatch.setenv("OFF", "1")
    both = pick([one, make(rows())], 15)
    assert both.signal == "disagreement"
    assert {int(name[1:]) % 3 for name in ids(both)[:10]} == {0}
    assert "2 answers: " in both.picks[0].reason
    assert both.picks[-1].score == 0
    assert any("is drawn by the seed" in note for note in both.notes)
    with pytest.raises(UsageError, match="asked different data"):
        pick([one, make(rows(range(9)), "other")], 5)


def test_epochs_disagree_too_and_are_one_sample(make: Make, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "model.py").write_text("from itertools import count\nturn = count()\n"
                                     "def answer(prompt, images):\n"
                                     "    return str(next(turn)) if '3?' in prompt else 'always'\n")  # fmt: skip
    found = pick([make(rows(range(5)), epochs=3)], 9)
    assert (found.signal, sorted(ids(found))) == ("disagreement", [f"q0{n}" for n in range(5)])
    assert (found.picks[0].sample_id, found.picks[0].score) == ("q03", 1)


def test_what_is_answered_already_is_left_out_and_known_wrong_answers_come_first(make: Make) -> None:
    part = pick([make(rows(answer=lambda n: "1" if n % 2 else None))], 40)
    assert all(int(name[1:]) % 2 == 0 for name in ids(part))
    assert any("have a right answer already" in note for note in part.notes)
    known = pick([make(rows(answer=lambda n: "1"), "known")], 40, How(by="wrong", spread=False))
    right = [int(one.sample_id[1:]) % 7 == 1 for one in known.picks]
    assert right == sorted(right)
    assert known.picks[0].reason == "scored 0"


def test_what_an_evaluation_asks_is_never_picked(make: Make, folder: Path) -> None:
    run = make(rows())
    Image.open(folder / "28.png").save(folder / "copy.bmp")  # other bytes, the same pixels
    held = rows([28], image=lambda n: "copy.bmp", question=lambda n: "how  MUCH is 28?")
    other = rows([26], question=lambda n: "What else is 26?")
    make([*held, *other], "held")
    found = pick([run], 29, How(spread=False), against("held.yaml"))
    assert [(one.name, one.where) for one in found.leaks] == [("q28", "rows/q28")]
    assert ids(found)[:2] == ["q27", "q26"]
    assert any("1 samples show a picture of an evaluation" in note for note in found.notes)
    with pytest.raises(UsageError, match="nothing left to pick"):
        pick([run], 5, against=against("pool.yaml"))
    (folder / "pool.jsonl").write_text("")
    with pytest.raises(UsageError, match="cannot be known"):
        pick([run], 5, against=against("held.yaml"))


def test_a_suite_that_gates_is_an_evaluation_itself(make: Make) -> None:
    run = make(rows(answer=lambda n: "1"), "gated", "gates:\n  - {metric: ask/exact_match, min: 0.1}\n")
    assert any("has gates" in note for note in pick([run], 3).notes)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (How(task="as"), "did you mean 'ask'"),
        (How(by="min_logprop"), "did you mean 'min_logprob'"),
        (How(by="disagreement"), "the run has no disagreement"),
        (How(across=["style"]), "no sample has a tag 'style'"),
    ],
)
def test_what_there_is_not_is_named(make: Make, how: How, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        pick([make(rows(range(6)))], 3, how)


def test_the_command_prints_a_table_json_and_lines(make: Make, folder: Path, run_here: Callable[..., Done]) -> None:
    make(rows(range(12)))
    told = run_here("pick", "@1", "--budget", "5", "--out", "out/picks.jsonl")
    assert told.code == 0, told.err
    assert "ask: 5 of 12 samples, by min_logprob" in told.out
    assert "no evaluation was named" in told.out
    lines = [json.loads(line) for line in (folder / "out/picks.jsonl").read_text().splitlines()]
    assert [line["rank"] for line in lines] == [1, 2, 3, 4, 5]
    leaking = run_here("pick", "@1", "--json", "--against", "pool.yaml")
    assert (leaking.code, leaking.out) == (2, "")
    assert "nothing left to pick" in leaking.err
    plain = json.loads(run_here("pick", "@1", "--budget", "5", "--json").out)
    assert plain["picks"] == lines
    assert run_here("pick", "@1", "--task", "nope").code == 2


def test_python_picks_what_the_command_does_of_runs_by_name_and_evaluations_of_every_kind(
    make: Make, folder: Path, run_here: Callable[..., Done]
) -> None:
    make(rows([28], answer=lambda n: "1"), "held")
    run = make(rows())
    told = json.loads(run_here("pick", "@1", "--budget", "4", "--against", "held.jsonl", "--no-spread", "--json").out)
    of: tuple[Any, ...] = (run, "@1", [run.folder])
    held: tuple[Any, ...] = (harness.load_suite("held.yaml"), "held.yaml", ["held.jsonl"])
    for one, evaluation in zip(of, held, strict=True):
        found = harness.pick(one, budget=4, against=evaluation, spread=False)
        assert found.plain()["picks"] == told["picks"]
        assert [leak.name for leak in found.leaks] == ["q28"]
    found.write(folder / "deep" / "picks.jsonl")
    lines = (folder / "deep" / "picks.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == told["picks"]
    with pytest.raises(UsageError, match="budget must be 1 or more, not 0"):
        harness.pick(run, budget=0)
    (folder / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write file"):
        found.write("file/picks.jsonl")


def test_a_missing_answer_stays_an_error_where_nobody_said_otherwise(folder: Path) -> None:
    def suite(kind: str, more: str = "") -> Any:
        (folder / "s.yaml").write_text(
            f"suite: s\nversion: 1\ndatasets:\n  rows: {{type: {kind}, path: rows.{kind}{more}}}\n"
            "tasks:\n  ask: {kind: qa, dataset: rows, metrics: [exact_match]}\n"
        )
        return harness.load_suite("s.yaml").datasets["rows"]

    (folder / "rows.jsonl").write_text('{"question": "a?", "answer": "1"}\n{"question": "b?"}\n')
    (folder / "rows.csv").write_text("question,answer\na?,1\nb?,\n")
    for kind in ("jsonl", "csv"):
        problem = list(suite(kind))[1].problem
        assert problem is not None
        assert "missing or empty" in problem
        assert "unanswered: ask" in problem
        asked = list(suite(kind, ", unanswered: ask"))
        assert [(one.problem, one.references) for one in asked] == [(None, ("1",)), (None, ())]
    with pytest.raises((ConfigError, HarnessError), match="unanswered"):
        suite("jsonl", ", unanswered: none")
