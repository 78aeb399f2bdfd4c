"""An adapter that looks: it answers with the grey level of the image, and a dataset that asks for it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.record import Run
from harness.suite.bind import Suite
from harness.types import Request, Response, Status
from tests.doubles import Double


class LevelAdapter(Double):
    """Answers `level` with the mean of the image, `double` with twice that, `fail` not at all."""

    simulated = False
    batch_size = 3

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        assert len(requests) <= self.batch_size
        return [
            Response(None, Status.ERROR, "it broke") if "fail" in request.prompt else Response(self._answer(request))
            for request in requests
        ]

    def _answer(self, request: Request) -> str:
        if not request.images:
            return "nothing"
        level = round(float(np.asarray(request.images[0].convert("L")).mean()))
        return str(2 * level if "double" in request.prompt else level)


LEVELS = (10, 20, 30, 40, 50, 60)


@pytest.fixture
def levels(tmp_path: Path) -> Path:
    """A folder with one flat image a level and ``levels.jsonl``, which asks for the level of each."""
    lines = []
    for level in LEVELS:
        Image.new("RGB", (8, 6), (level,) * 3).save(tmp_path / f"{level}.png")
        lines.append(f'{{"id": "s{level}", "image": "{level}.png", "question": "level", "answer": "{level}"}}')
    (tmp_path / "levels.jsonl").write_text("\n".join(lines))
    return tmp_path


@pytest.fixture
def run_levels(bind: Callable[[str], Suite], levels: Path) -> Callable[..., Run]:
    """Run tasks on the adapter; ``d`` is the dataset of levels, which a test may add others to."""

    def run(tasks: str, datasets: str = "", limit: int | None = None) -> Run:
        d = "  d: {type: jsonl, path: levels.jsonl}\n"
        suite = bind(f"suite: s\nversion: 1\nseed: 5\ndatasets:\n{d}{datasets}\ntasks:\n{tasks}\n")
        choice = LevelAdapter.choice(levels)
        return Run(run_suite(suite, choice, RunOptions(out=levels / "runs", limit=limit), Silent())[0])

    return run
