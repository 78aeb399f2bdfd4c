"""A gate that looks again asks the model nothing twice."""

from dataclasses import replace
from itertools import count
from typing import ClassVar

import numpy as np
from PIL import Image

from harness.adapters.mock import MockAdapter
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.gates.remember import remembering
from harness.hosts.dispatch import dispatch
from harness.suite.adapters import read_adapter
from harness.types import (
    ClassifyingAdapter,
    EmbeddingAdapter,
    GradientAdapter,
    GroundingAdapter,
    Request,
    Response,
    StagedAdapter,
)
from tests.doubles import Double

SUITE = """\
suite: looks
version: 1
datasets:
  charts: {type: charts, limit: 96}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
"""


def test_each_look_asks_only_for_what_is_new_and_the_last_is_the_whole_run(bind, tmp_path, monkeypatch) -> None:
    asked: list[str] = []
    generate = MockAdapter.generate

    def counting(self, requests):
        asked.extend(request.id for request in requests)
        return generate(self, requests)

    monkeypatch.setattr(MockAdapter, "generate", counting)
    suite, choice, options = bind(SUITE), read_adapter("mock"), RunOptions(out=tmp_path / "runs", ranked=True)
    with remembering(choice) as once:
        for limit in (32, 64, 96):
            _, last = run_suite(suite, once, replace(options, limit=limit), Silent())
            assert len(asked) == limit
    assert len(set(asked)) == 96
    _, whole = run_suite(suite, choice, options, Silent())
    assert last.tasks == whole.tasks
    assert last.adapter == whole.adapter


def test_a_call_that_raised_is_not_remembered(bind, tmp_path, monkeypatch) -> None:
    calls = []

    def failing(self, requests):
        calls.append(len(requests))
        raise RuntimeError("out of luck")

    monkeypatch.setattr(MockAdapter, "generate", failing)
    with remembering(read_adapter("mock")) as once:
        for _ in range(2):
            _, record = run_suite(bind(SUITE), once, RunOptions(out=tmp_path / "runs", limit=32), Silent())
            assert record.status == "failed"
    assert calls == [32, 32]


class Sees(Double):
    """Embeds and classifies an image by its mean level, and counts how often it is asked to."""

    capabilities = frozenset({"generate", "embed", "classify"})
    classes = ("dark", "light")
    seen: ClassVar[list[int]] = []

    def embed(self, images):
        self.seen.append(len(images))
        return np.array([[float(np.asarray(image).mean())] for image in images])

    def classify(self, images):
        self.seen.append(len(images))
        return np.array([[1.0, float(np.asarray(image).mean())] for image in images])


def test_features_and_class_scores_are_remembered_apart_from_each_other_and_from_texts(tmp_path) -> None:
    Sees.seen.clear()
    images = [Image.new("L", (2, 2), level) for level in (10, 20)]
    with remembering(Sees.choice(tmp_path)) as once:
        for _ in range(2):  # a look each
            adapter = once.load()
            for ask, expected in (("embed", [[10.0], [20.0]]), ("classify", [[1.0, 10.0], [1.0, 20.0]])):
                batch = [Request(str(i), "", (image,), ask=ask) for i, image in enumerate(images)]
                assert [[*response.vector] for response in dispatch(adapter, batch)] == expected
            assert dispatch(adapter, [Request("0", "q"), Request("1", "q")])[1].text == "seen"
    assert Sees.seen == [2, 2]


def test_a_remembering_adapter_can_do_what_the_remembered_one_can_and_no_more(tmp_path) -> None:
    with remembering(Sees.choice(tmp_path)) as sees, remembering(Double.choice(tmp_path)) as speaks:
        adapter, plain = sees.load(), speaks.load()
    assert isinstance(adapter, EmbeddingAdapter)
    assert isinstance(adapter, ClassifyingAdapter)
    assert adapter.classes == ("dark", "light")
    assert not isinstance(adapter, StagedAdapter | GroundingAdapter | GradientAdapter)
    assert not isinstance(plain, EmbeddingAdapter | ClassifyingAdapter)


def test_what_a_task_asks_by_the_way_is_asked_each_time(tmp_path) -> None:
    class Counts(Double):
        def generate(self, requests):
            return [Response(str(next(numbers))) for _ in requests]

    numbers = count()
    with remembering(Counts.choice(tmp_path)) as once:
        adapter = once.load()
        assert [adapter.generate([Request("same", "q")])[0].text for _ in range(2)] == ["0", "1"]
