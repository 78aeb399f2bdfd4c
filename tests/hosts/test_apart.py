"""What a model in a process of its own answers reaches the run, whatever it is made of."""

import multiprocessing
import threading
from pathlib import Path

import pytest

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.hosts.answers import checked
from harness.hosts.host import Raised
from harness.hosts.process import ProcessHost
from harness.record import Run
from harness.suite.adapters import read_adapter
from harness.types import Request, Response

SUITE = """\
suite: apart
version: 1
datasets: {charts: {type: charts, limit: 3}}
tasks: {qa: {kind: qa, dataset: charts, metrics: [exact_match]}}
"""
COLOURS = """\
from enum import Enum, StrEnum

class Colour(StrEnum):
    RED = "red"

class Older(str, Enum):
    BLUE = "blue"

def answer(prompt, images):
    return Colour.RED if "colour" in prompt else Older.BLUE
"""


@pytest.mark.parametrize("executor", ["local", "process"])
@pytest.mark.parametrize(("prompt", "text"), [("Which colour?", "red"), ("Which?", "blue")])
def test_an_answer_of_a_type_that_only_the_model_knows_is_its_text(
    bind, write, tmp_path: Path, executor, prompt: str, text: str
) -> None:
    write("colours.py", COLOURS)
    choice = read_adapter(str(write("own.yaml", "adapter: own\ntype: python\ntarget: colours.py:answer\n")))
    suite = bind(SUITE.replace("metrics", f'prompt: "{prompt}", metrics'))
    folder, record = run_suite(suite, choice, RunOptions(tmp_path / "runs", executor=executor), Silent())
    assert record.responses == {"ok": 3}
    assert set(Run(folder).table()["response"].to_pylist()) == {text}


class Louder(Response):
    """A response with a type of its own."""


def test_a_checked_answer_is_made_of_plain_values_and_stays_the_same_when_it_is_checked_again() -> None:
    (once,) = checked([Louder("a", seconds={"decode": 1})], [Request("1", "?")])
    assert type(once) is Response
    assert checked([once], [Request("1", "?")]) == [once] == [Response("a", seconds={"decode": 1.0})]


def test_an_answer_that_cannot_be_read_costs_its_batch_and_not_the_run() -> None:
    host = ProcessHost.__new__(ProcessHost)
    host._pipe, theirs = multiprocessing.Pipe()
    theirs.send_bytes(b"cno_such_module\nThing\n.")
    with pytest.raises(Raised, match="cannot be read outside its process: ModuleNotFoundError"):
        host.ask([], 5, threading.Event())
