"""What a server says that it runs, and what it thought, from the answer to the comparison of two runs."""

import json
from collections.abc import Callable

import pytest

import harness
from harness.record import Run
from tests.conftest import Done

MODEL = """\
import os
from harness.adapters import Response

def answer(prompt, images):
    number = int(prompt.partition("?")[0])
    names = os.environ["SERVED"].split(",")
    told = {"tokens_in": 9, "tokens_out": 16, "reasoning_tokens": 12, "served": names[number % len(names)]}
    return Response("0" if os.environ.get("WRONG") and number % 3 else str(number), **told)
"""
Make = Callable[..., Run]


@pytest.fixture
def made(ask_code: Callable[[str, int], None], monkeypatch: pytest.MonkeyPatch) -> Make:
    ask_code(MODEL, 40)

    def make(served: str, wrong: str = "", *, cache: bool = False) -> Run:
        monkeypatch.setenv("SERVED", served)
        monkeypatch.setenv("WRONG", wrong)
        monkeypatch.setattr("sys.argv", ["harness", "run", "suite.yaml", "-a", "adapter.yaml"])
        return harness.run("suite.yaml", "adapter.yaml", report=False, fresh=True, cache=cache)

    return make


def test_an_answer_keeps_who_gave_it_and_what_it_thought_a_known_one_too(
    made: Make, run_here: Callable[..., Done]
) -> None:
    for run in (made("m-1 fp_1", cache=True), made("m-2 fp_2", cache=True)):  # the second time no one is asked
        rows = run.table().to_pylist()
        assert {(row["served"], row["reasoning_tokens"]) for row in rows} == {("m-1 fp_1", 12)}
        assert run.record.tasks["qa"].served == {"m-1 fp_1": 40}
        assert run.record.tasks["qa"].findings == []
        told = run_here("show", run.folder, "--answer", "q07").out
        assert "served by:" in told
        assert "16 written, 12 of them in thinking" in told
        assert "m-1 fp_1" in run_here("show", run.folder).out
    assert run.record.cached == 40


def test_a_model_that_changed_during_a_run_is_said_aloud(made: Make, run_here: Callable[..., Done]) -> None:
    run = made("m-1 fp_1,m-1 fp_1,m-2 fp_2,m-1 fp_1")
    (found,) = run.record.tasks["qa"].findings
    said = "the server's model changed during the run: 'm-1 fp_1' gave 30 answers, 'm-2 fp_2' 10"
    assert (found.level, found.text) == ("warning", said)
    assert said in " ".join(run_here("show", run.folder).out.split())


def test_a_model_that_changed_between_two_runs_is_said_wherever_they_are_compared(
    made: Make, run_here: Callable[..., Done]
) -> None:
    runs = made("m-1 fp_1"), made("m-2 fp_2", "wrong")
    folders = [run.folder for run in runs]
    said = "the server's model changed between the runs, under the same name: m-1 fp_1 in the baseline, m-2 fp_2 in"
    for command in (("diff",), ("compare",)):
        assert said in " ".join(run_here(*command, *folders).out.split()), command
    why = run_here("why", *folders, "--json")
    told = json.loads(why.out)
    names = [one["change"] for one in told["not_taken_back"]]
    assert names == ["model that the server runs"]
    assert "the server runs another model under the same name" in told["not_taken_back"][0]["why_not"]
    assert "model that the server" not in run_here("diff", folders[0], folders[0]).out
