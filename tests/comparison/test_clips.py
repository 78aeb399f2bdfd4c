"""Numbers of tasks on clips are tested between two runs: a metric of its own, a gap to a control, pooled changes."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.comparison.compare import Options, compare
from harness.comparison.decide import decide, margins
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.record import Run
from harness.spec.models import GateSpec
from harness.suite.bind import Suite
from harness.types import Request, Response
from tests.doubles import Double

Bind = Callable[[str], Suite]

TEMPORAL = """\
suite: t
version: 1
datasets: {clips: {type: evolving_charts, limit: 24, events: [when_higher]}}
tasks:
  when: {kind: temporal, dataset: clips, frames: 3, metrics: [recall_at_1_iou], controls: [blind]}
"""
SCENES = """\
suite: s
version: 1
datasets: {clips: {type: composed_clips, limit: 8, scenes: [2, 3], transitions: [cut]}}
tasks:
  cuts: {kind: scene_change, dataset: clips, features: adapter, detectors: [{detector: scene_distance, limit: 0.2}]}
"""


class Looking(Double):
    """Right where it is shown something."""

    capabilities = frozenset({"generate", "embed"})

    def right(self, request: Request) -> bool:
        return any(len(image.getcolors(1 << 20) or ()) > 1 for image in request.images)

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        told = [
            request.oracle.references[0] if request.oracle and self.right(request) else "no" for request in requests
        ]
        return [Response(text) for text in told]

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        return np.array([np.asarray(image).mean(axis=(0, 1)) - 128 for image in images], np.float32)


class Knowing(Looking):
    """Right whatever it is shown."""

    def right(self, request: Request) -> bool:
        return True


class Lost(Looking):
    """Never right, and sees no difference between two frames."""

    def right(self, request: Request) -> bool:
        return False

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        return np.ones((len(images), 3), np.float32)


@pytest.fixture
def verdicts(bind: Bind, tmp_path: Path) -> Callable[..., list[str]]:
    """Run a suite on two models; say what becomes of gates that allow a drop of 0.3 in some metrics."""

    def judge(text: str, before: type[Double], after: type[Double], *metrics: str) -> list[str]:
        gates = [GateSpec(metric=metric, max_drop=0.3) for metric in metrics]
        options = RunOptions(out=tmp_path)
        one, other = (
            Run(run_suite(bind(text), model.choice(tmp_path), options, Silent())[0]) for model in (before, after)
        )
        decision = decide(gates, other.record, compare(one, other, Options(margins=margins(gates))))
        return [judged.gate.verdict for judged in decision.gates]

    return judge


def test_a_temporal_tasks_own_metric_and_its_gaps_decide(verdicts: Callable[..., list[str]]) -> None:
    told = ("when/recall_at_1_iou", "when/control_gap[blind]", "when/control_gap[uniform_span]")
    assert verdicts(TEMPORAL, Looking, Knowing, *told) == ["pass", "fail", "pass"]
    assert verdicts(TEMPORAL, Looking, Lost, *told) == ["fail", "fail", "fail"]


def test_changes_that_a_detector_no_longer_finds_decide(verdicts: Callable[..., list[str]]) -> None:
    assert verdicts(SCENES, Looking, Lost, "cuts/f1[scene_distance]") == ["fail"]
    assert verdicts(SCENES, Lost, Looking, "cuts/f1[scene_distance]") == ["pass"]
