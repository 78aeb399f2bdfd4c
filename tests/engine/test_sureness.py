"""How sure a model was of its answer, from the adapter to the record, and from the cache too."""

import math
from collections.abc import Callable

import pytest

import harness
from harness.adapters import Response
from harness.engine.keep import _sure
from harness.record import Run
from harness.report.one_answer import answers, lines

MODEL = """\
from harness.adapters import Response

def answer(prompt, images):
    number = int(prompt.partition("?")[0])
    least = {7: float("nan"), 8: 2.0, 9: 1e-5}.get(number, -number / 10)
    told = {} if number == 3 else {"mean_logprob": -number / 20, "min_logprob": least}
    return Response(str(number), **told)
"""


@pytest.fixture
def make(ask_code: Callable[[str, int], None]) -> Callable[[], Run]:
    ask_code(MODEL, 10)
    return lambda: harness.run("suite.yaml", "adapter.yaml", report=False, fresh=True, cache=True)


def test_the_record_has_what_the_adapter_says_and_so_has_that_of_a_known_answer(make: Callable[[], Run]) -> None:
    for asked in (10, 2):  # the second time only those that failed are asked again
        run = make()
        rows = {row["sample_id"]: row for row in run.table().to_pylist()}
        assert run.record.cached == 10 - asked
        assert rows["q4"]["mean_logprob"] == pytest.approx(-0.2)
        assert rows["q4"]["min_logprob"] == pytest.approx(-0.4)
        assert (rows["q3"]["mean_logprob"], rows["q3"]["min_logprob"]) == (None, None)
        assert rows["q9"]["min_logprob"] == 0  # rounding had lifted it above


def test_one_answer_says_how_sure_the_model_was_of_it(make: Callable[[], Run]) -> None:
    run = make()
    sure, silent = (dict(lines(answers(run, name)[0])) for name in ("q4", "q3"))
    assert sure["sure"] == "its least sure token has 67.0%, its tokens' geometric mean has 81.9%"
    assert "sure" not in silent


def test_what_is_no_log_probability_costs_its_answer(make: Callable[[], Run]) -> None:
    rows = {row["sample_id"]: row for row in make().table().to_pylist()}
    assert [rows[name]["status"] for name in ("q6", "q7", "q8")] == ["ok", "error", "error"]
    assert "log-probability of nan" in rows["q7"]["error"]


def test_several_answers_are_as_sure_as_the_least_and_unknown_where_one_is() -> None:
    known = [Response("a", mean_logprob=-0.1, min_logprob=-0.2), Response("b", mean_logprob=-0.3, min_logprob=-0.3)]
    assert _sure(known) == (-0.3, -0.3)
    assert _sure([*known, Response("c")]) == _sure([]) == (None, None)


def test_answers_that_differ_in_sureness_alone_are_the_same_answer() -> None:
    assert Response("a", mean_logprob=-0.1) == Response("a", mean_logprob=-math.pi)
