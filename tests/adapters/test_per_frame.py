"""The adapter that asks about each frame: rules, shapes, and that a request stands for itself."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.adapters._per_frame.rules import RuleConfig, compile_rules
from harness.adapters._per_frame.shapes import best_run, best_turn, window
from harness.adapters.per_frame import PerFrameAdapter, PerFrameConfig
from harness.errors import AdapterError, ConfigError, SpecError
from harness.suite.adapters import read_adapter
from harness.types import Request, Response, Status
from tests.doubles import Double

SPAN = RuleConfig(when=r"When is (?P<a>\w+) up\?", ask="Is {{ a }} up?")
TURN = RuleConfig(
    when=r"Which of (?P<a>\w+) and (?P<b>\w+)", ask="{{ a }}?", put_together="turn", rising="{{ a }}", falling="{{ b }}"
)
VOTE = RuleConfig(when="What", ask="What is it?", put_together="vote")


class Reader(Double):
    """Answers yes about light frames and no about dark ones; refuses red ones."""

    simulated = False
    batch_invariant = False
    batch_size = 3

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        self.calls.append([request.prompt for request in requests])
        return [self._one(request.images[-1]) for request in requests]

    def _one(self, image: Image.Image) -> Response:
        red, green, _ = image.getpixel((0, 0))  # type: ignore[misc]
        if red > 250 and green < 5:
            return Response(None, Status.ERROR, "red")
        return Response(" Yes\n" if red > 128 else "no", tokens_in=5, tokens_out=1, seconds={"decode": 0.5})


def adapter(*rules: RuleConfig) -> PerFrameAdapter:
    config = PerFrameConfig(model={"type": "reader"}, rules=rules)
    return PerFrameAdapter(config, Reader(), compile_rules(rules))


def frames(levels: Sequence[int | tuple[int, int, int]]) -> tuple[Image.Image, ...]:
    return tuple(Image.new("RGB", (4, 4), (v, v, v) if isinstance(v, int) else v) for v in levels)


def asked(prompt: str, levels: Sequence[int | tuple[int, int, int]], **more: Any) -> Request:
    return Request("r", prompt, frames(levels), times=tuple(i + 0.5 for i in range(len(levels))), **more)


def test_a_window_is_put_together_from_answers_about_single_frames() -> None:
    one = adapter(SPAN)
    (response,) = one.generate([asked("When is A up? Answer with JSON.", [0, 0, 200, 0, 200, 200, 0, 0])])
    said = json.loads(response.text or "")
    assert said == {
        "schema": "temporal-answer/1",
        "answer": None,
        "spans": [[2.0, 6.0]],
        "frame_references": [2.5, 3.5, 4.5, 5.5],
        "confidence": 0.875,
    }
    assert response.tokens_in == 40
    assert response.seconds == {"decode": 4.0}


def test_a_turn_names_who_comes_out_ahead_and_a_vote_what_most_frames_say() -> None:
    one = adapter(TURN, VOTE)
    rising, falling, vote = one.generate(
        [asked("Which of A and B", [0, 0, 200]), asked("Which of A and B", [200, 0, 0]), asked("What", [0, 200, 0])]
    )
    assert [json.loads(r.text or "")["answer"] for r in (rising, falling, vote)] == ["A", "B", "no"]
    assert json.loads(rising.text or "")["spans"] == [[2.0, 3.0]]


def test_no_hit_is_an_empty_list_of_windows_and_not_a_guess() -> None:
    (response,) = adapter(SPAN).generate([asked("When is A up?", [0, 0])])
    assert json.loads(response.text or "")["spans"] == []


def test_a_request_is_asked_apart_from_its_companions_in_batches_of_the_models_size() -> None:
    one = adapter(SPAN)
    one.generate([asked("When is A up?", [0] * 4), asked("When is B up?", [0])])
    assert one._model.calls == [["Is A up?"] * 3, ["Is A up?"], ["Is B up?"]]  # type: ignore[union-attr]
    assert one.batch_invariant


def test_images_before_the_frames_stand_beside_each_frame() -> None:
    picture = Image.new("RGB", (4, 4))
    request = Request("r", "When is A up?", (picture, *frames([0, 200])), times=(0.5, 1.5))
    (response,) = adapter(SPAN).generate([request])
    assert json.loads(response.text or "")["spans"] == [[1.0, 2.0]]


def test_what_cannot_be_answered_costs_its_request_alone() -> None:
    failed, unknown, good = adapter(SPAN).generate(
        [asked("When is A up?", [0, (255, 0, 0)]), asked("Why?", [0]), asked("When is A up?", [200])]
    )
    assert (failed.status, failed.error) == (Status.ERROR, "the frame at 1.50 s: red")
    assert unknown.status is Status.ERROR
    assert "no rule of this adapter fits the question 'Why?'" in (unknown.error or "")
    assert good.status is Status.OK


def test_a_request_without_frames_goes_to_the_model_as_it_is() -> None:
    (response,) = adapter(SPAN).generate([Request("r", "Is it light?", frames([200]))])
    assert response.text == " Yes\n"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"when": "(", "ask": "x"}, "rules.0.when: not a regular expression"),
        ({"when": "x", "ask": "{{ a }}"}, "rules.0.ask: `when` has no group 'a'"),
        ({"when": "x", "ask": "{% if"}, "rules.0.ask: no Jinja template"),
        ({"when": "x", "ask": "x", "put_together": "turn"}, "`rising` and `falling`"),
    ],
)
def test_a_rule_that_cannot_work_is_named_before_a_model_is_loaded(rule: dict[str, Any], said: str) -> None:
    config = PerFrameConfig(model={"type": "onnx", "model": "nowhere"}, rules=(RuleConfig(**rule),))
    with pytest.raises(ConfigError, match=said):
        PerFrameAdapter.from_config(config, Path())


@pytest.mark.parametrize(
    ("model", "said"),
    [({}, "model"), ({"type": "onx"}, "did you mean 'onnx'"), ({"type": "onnx", "modl": "x"}, "modl|model")],
)
def test_a_mistake_in_the_nested_model_is_named(model: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        PerFrameAdapter.from_config(PerFrameConfig(model=model, rules=(SPAN,)), Path())


@pytest.mark.parametrize(
    ("model", "place", "said"),
    [
        ("  type: mock\n  eror_rate: 0.1\n", "5:14", "unknown key 'eror_rate'"),
        ("  type: mock\n  error_rate: 5\n", "5:15", "less than or equal to 1"),
        ("  type: onnx_classifier\n  model: gone.onnx\n", "5:10", "there is no file"),
        ("  type: per_frame\n  rules: [{when: x, ask: y}]\n  model: {type: mock, eror: 1}\n", "6:29", "key 'eror'"),
        ("  type: per_frame\n  model: {type: mock}\n  rules: [{when: x, ask: y, ak: 1}]\n", "6:33", "key 'ak'"),
    ],
)
def test_a_mistake_in_the_nested_model_is_said_at_its_place(write, model: str, place: str, said: str) -> None:
    text = f"adapter: it\ntype: per_frame\nmodel:\n{model}rules: [{{when: x, ask: y}}]\n"
    with pytest.raises(SpecError, match=rf"it\.yaml:{place}: .*{said}"):
        read_adapter(str(write("it.yaml", text))).load()


def test_the_rules_are_part_of_the_fingerprint_and_a_closed_adapter_says_so() -> None:
    one, other = adapter(SPAN), adapter(SPAN, TURN)
    assert one.fingerprint() != other.fingerprint()
    assert one.fingerprint() == adapter(SPAN).fingerprint()
    one.close()
    with pytest.raises(AdapterError, match="closed"):
        one.generate([])


@given(st.lists(st.booleans(), min_size=1, max_size=10))
def test_the_best_run_and_the_best_turn_are_the_best_of_all(hits: list[bool]) -> None:
    def fit(shape: Sequence[bool]) -> float:
        return sum(hit == wanted for hit, wanted in zip(hits, shape, strict=True)) / len(hits)

    places = range(len(hits))
    runs = [fit([a <= i <= b for i in places]) for a in places for b in places if a <= b and hits[b]]
    run = best_run(hits)
    assert (run is None) == (not any(hits))
    assert run is None or run.agreement == max(runs)
    turns = [fit([(i >= k) == up for i in places]) for k in range(1, len(hits)) for up in (True, False)]
    turn = best_turn(hits)
    assert turn is None if len(hits) < 2 else turn is not None and turn.agreement == max(turns)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8, unique=True).map(sorted), st.data())
def test_a_window_holds_its_frames_and_no_other(times: list[float], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(times) - 1))
    last = data.draw(st.integers(first, len(times) - 1))
    start, end = window(times, first, last)
    assert 0 <= start <= times[first] <= times[last] <= end
    assert all(time <= start for time in times[:first])
    assert all(time >= end for time in times[last + 1 :])
