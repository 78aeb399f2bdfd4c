"""Numbers that a model gives are held to their shape and finite at one door, whichever kind of question they answer."""

import math
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.asks import NOT_FINITE, ask_named
from harness.types import Request, Status


class Model:
    """Says of each image or text what a test tells it to."""

    classes = ("a", "b")
    simulated, batch_invariant, batch_size = False, True, 1
    capabilities = frozenset({"classify", "embed", "ground", "score_text"})
    Config = object

    def __init__(self, said: Any) -> None:
        self.said = said

    @classmethod
    def from_config(cls, config: Any, folder: Any) -> "Model":
        raise NotImplementedError

    def fingerprint(self) -> str:
        return ""

    def generate(self, requests: Any) -> Any:
        raise NotImplementedError

    def close(self) -> None: ...

    def classify(self, images: Any) -> Any:
        return np.float32([self.said] * len(images))

    embed = classify

    def ground(self, images: Any, phrases: Any) -> Any:
        return [np.float32([self.said])] * len(images)

    def score_text(self, request: Any, candidates: Any) -> Any:
        return self.said


def ask(kind: str, said: Any) -> Any:
    request = Request("1", "", (Image.new("RGB", (4, 4)),), ask=kind, phrases=("a",), candidates=("a", "b"))
    (response,) = ask_named(kind).call(Model(said), [request])
    return response


GOOD = {"classify": [1.0, 2.0], "embed": [1.0, 2.0], "ground": [0.0, 0.0, 1.0, 1.0], "score_text": [-1.0, -2.0]}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_costs_its_sample(kind: str, bad: float) -> None:
    assert ask(kind, GOOD[kind]).status is Status.OK
    response = ask(kind, [bad, *GOOD[kind][1:]])
    assert (response.status, response.error, response.value) == (Status.ERROR, NOT_FINITE, None)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("classify", [1.0]), ("classify", [1.0, 2.0, 3.0]), ("embed", []), ("ground", [0.0, 1.0]), ("score_text", [-1.0])],
)
def test_what_has_another_shape_is_an_error_of_its_batch(kind: str, said: list[float]) -> None:
    with pytest.raises(TypeError, match=r"the adapter (returned|gave)"):
        ask(kind, said)
