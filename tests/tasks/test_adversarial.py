"""The attack finds what random noise does not, stays in its budget, and needs an adapter with gradients."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import SpecError, UsageError
from harness.spec.document import parse_document
from harness.suite.adapters import read_adapter
from harness.suite.bind import bind_suite
from harness.types import Request, Response
from tests.doubles import Double

SUITE = """
suite: attack
version: 1
seed: 3
datasets: {charts: {type: charts, limit: 12, questions: [highest]}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [exact_match]}
  attack: {kind: adversarial, of: qa, epsilons: [1, 4], steps: 5, restarts: 2}
"""


class Linear(Double):
    """Answers by the sign of one fixed linear function of the pixels, with the clean image's answer as the truth.

    Noise averages out under it; a step along its weights does not.
    """

    capabilities = frozenset({"generate", "gradient", "score_text"})

    def __init__(self) -> None:
        self._clean: dict[str, np.ndarray] = {}
        self._busy = threading.Lock()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Fail where two threads work with the model at once, as a real one would."""
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("two threads at once")
        try:
            time.sleep(0.001)
            yield
        finally:
            self._busy.release()

    def weights(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng(1).choice([-1.0, 1.0], shape).astype(np.float32)

    def margin(self, request: Request, image: np.ndarray) -> float:
        # Two grey levels a pixel from the border, whatever the chart.
        clean = self._clean.setdefault(request.id.split("/")[-1], image)
        return float((self.weights(image.shape) * (image - clean)).mean()) + 2.0

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        out = []
        with self.alone():
            images = [np.asarray(request.images[0], np.float32) for request in requests]
        for request, image in zip(requests, images, strict=True):
            right = self.margin(request, image) > 0
            truth = request.oracle.references[0] if request.oracle else "its own answer"
            out.append(Response(truth if right else "wrong"))
        return out

    def score_text(self, request: Request, candidates: Sequence[str]) -> list[float]:
        return [float((self.weights((112, 140, 3)) * np.asarray(request.images[0])).mean()) for _ in candidates]

    def image_gradient(self, requests: Sequence[Request], answers: Sequence[str] | None = None) -> list[np.ndarray]:
        with self.alone():
            return [-self.weights(np.asarray(request.images[0]).shape) for request in requests]


@pytest.fixture
def adapter(write, plug_in):
    """The linear model as an adapter file."""
    plug_in("adapters", "linear", "tests.tasks.test_adversarial:Linear")
    return read_adapter(str(write("linear.yaml", "adapter: linear\ntype: linear\n")))


def suite_of(text: str):
    return bind_suite(parse_document(text, Path("attack.yaml")))


def test_the_attack_breaks_what_noise_of_the_same_budget_leaves_whole(adapter, tmp_path: Path) -> None:
    _, record = run_suite(suite_of(SUITE), adapter, RunOptions(tmp_path), Silent())
    cells = record.tasks["attack"].cells
    scores = {name: cell.metrics["exact_match"].value for name, cell in cells.items()}
    assert scores["clean"] == 1.0
    assert scores["noise@1"] == scores["noise@2"] == 1.0
    assert scores["pgd@1"] == 1.0
    assert scores["pgd@2"] == 0.0
    assert cells["pgd@2"].labels["epsilon"] == "4"
    (finding,) = record.tasks["attack"].findings
    assert "stronger than random noise" in finding.text


def test_the_model_is_never_used_by_two_threads_at_once(adapter, tmp_path: Path) -> None:
    _, record = run_suite(suite_of(SUITE), adapter, RunOptions(tmp_path, workers=3, batch_size=2), Silent())
    assert record.responses == {"ok": 60 + 12}


@pytest.mark.parametrize("cell", ["pgd@1", "pgd@2", "noise@1", "noise@2"])
def test_no_pixel_leaves_the_budget(cell: str) -> None:
    suite = suite_of(SUITE)
    task = suite.tasks["attack"]
    task.attach(lambda: nullcontext(Linear()))
    grid = {known.id: known for known in task.cells()}
    for sample in list(task.samples(grid[cell]))[:3]:
        clean, changed = (
            np.asarray(task.requests(grid[name], sample, oracle=False)[0].images[0], np.int16)
            for name in ("clean", cell)
        )
        epsilon = float(grid[cell].labels["epsilon"])
        assert np.abs(changed - clean).max() <= epsilon
        assert np.abs(changed - clean).max() > 0


def test_the_attack_is_the_same_in_any_order() -> None:
    task = suite_of(SUITE).tasks["attack"]
    task.attach(lambda: nullcontext(Linear()))
    cell = {known.id: known for known in task.cells()}["pgd@2"]
    samples = list(task.samples(cell))[:3]

    def pixels(sample) -> bytes:
        image = task.requests(cell, sample, oracle=False)[0].images[0]
        assert isinstance(image, Image.Image)
        return image.tobytes()

    forward = [pixels(sample) for sample in samples]
    backward = [pixels(sample) for sample in reversed(samples)]
    assert forward == backward[::-1]


def test_an_adapter_without_gradients_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'attack' needs gradient, score_text; adapter 'mock' can generate"):
        run_suite(suite_of(SUITE), read_adapter("mock"), RunOptions(tmp_path), Silent())


@pytest.mark.parametrize("epsilons", ["[4, 1]", "[0, 1]", "[1, 300]"])
def test_budgets_that_make_no_curve_are_refused_where_they_stand(epsilons: str) -> None:
    with pytest.raises(SpecError) as caught:
        suite_of(SUITE.replace("[1, 4]", epsilons))
    (problem,) = caught.value.problems
    assert problem.mark.line == 8
    assert "budgets" in problem.message
