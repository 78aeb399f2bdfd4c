"""A model that sees colours, others that do so badly, and pictures for them: what tests of task kinds share."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import harness
from harness.engine.keep import Keeper
from harness.record import Run
from harness.types import Request, Response
from tests.doubles import Double

COLOURS = {
    "red": (220, 20, 20),
    "green": (20, 200, 20),
    "blue": (20, 20, 220),
    "yellow": (230, 230, 20),
    "white": (250, 250, 250),
    "black": (5, 5, 5),
}
NAMES = (*COLOURS,)


class Eye(Double):
    """Sees the colour of the upper part of an image, and answers by it in whatever form it is asked."""

    simulated = False
    capabilities = frozenset({"generate", "score_text", "embed", "classify"})
    classes = NAMES

    def see(self, image: Image.Image | None) -> str:
        if image is None:
            return "black"
        point = np.asarray(image.convert("RGB"), float)[image.height // 8, image.width // 2]
        return min(NAMES, key=lambda name: float(np.abs(point - COLOURS[name]).sum()))

    def say(self, prompt: str, seen: str) -> str:
        """Answer with a letter where options stand in the prompt, yes or no to what asks for it, else the colour."""
        options = [line[3:] for line in prompt.splitlines() if line[1:3] == ". "]
        if options:
            return "ABCDEFGH"[options.index(seen)] if seen in options else "Z"
        if "Is " in prompt:
            return "yes" if (seen in prompt.split()) != (" not " in prompt) else "no"
        return seen

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [Response(self.say(one.prompt, self.see(one.images[0] if one.images else None))) for one in requests]

    def score_text(self, request: Request, candidates: Sequence[str]) -> list[float]:
        said = self.say(request.prompt, self.see(request.images[0])) if request.images else ""
        return [-0.1 if text == said else -4.0 - len(text) / 10 for text in candidates]

    def classify(self, images: Sequence[Image.Image]) -> np.ndarray:
        rows = np.full((len(images), len(NAMES)), -2.0, np.float32)
        for row, image in zip(rows, images, strict=True):
            row[NAMES.index(self.see(image))] = 2.0
        return rows

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        return np.stack([np.eye(len(NAMES), dtype=np.float32)[NAMES.index(self.see(image))] for image in images])


class Sightless(Eye):
    """Always sees red."""

    def see(self, image: Image.Image | None) -> str:
        return "red"


class Gone(BaseException):
    """Nobody catches it: the process is gone."""


def put_judges(folder: Path, code: str) -> None:
    """Write functions as ``judges.py``, and for each an adapter of its name that answers by it."""
    (folder / "judges.py").write_text(code)
    for line in code.splitlines():
        if line.startswith("def "):
            name = line[4:].partition("(")[0]
            (folder / f"{name}.yaml").write_text(f"{{adapter: {name}, type: python, target: 'judges.py:{name}'}}\n")


def pictures(folder: Path, count: int = 24, **more: Any) -> Path:
    """Write ``rows.jsonl``: so many flat pictures, in turn of each colour, with the question which it is.

    Keyword arguments are functions of a row's colour and number, for further keys.
    """
    lines = []
    for i in range(count):
        name = NAMES[i % len(NAMES)]
        Image.new("RGB", (12, 10), COLOURS[name]).save(folder / f"{i}.png")
        row = {"id": f"s{i:02d}", "image": f"{i}.png", "question": "Which colour?", "answer": name}
        row |= {"tags": {"half": "first" if i < count // 2 else "second"}}
        lines.append(json.dumps(row | {key: make(name, i) for key, make in more.items()}))
    file = folder / "rows.jsonl"
    file.write_text("\n".join(lines))
    return file


def run(suite: str, model: type[Double], folder: Path, **options: Any) -> Run:
    """Run a suite, by its text, on a model."""
    file = folder / "suite.yaml"
    file.write_text(suite)
    return harness.run(file, model.choice(folder), out=folder / "runs", report=False, **options)


def resumed(suite: str, folder: Path, monkeypatch: pytest.MonkeyPatch, model: type[Double] = Eye) -> tuple[Run, Run]:
    """Return a run that was killed after three batches and continued, and one that was not."""
    keep, left = Keeper.keep, [3]

    def dying(self: Keeper, answered: Any) -> None:
        if not left[0]:
            raise Gone
        left[0] -= 1
        keep(self, answered)

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "keep", dying)
        with pytest.raises(Gone):
            run(suite, model, folder)
    continued = run(suite, model, folder)
    assert len(continued.record.sessions) == 2
    return continued, run(suite, model, folder, fresh=True)


def verdict(suite: str, model: type[Double], baseline: Run, folder: Path) -> str:
    """Return what the suite's gates say of a model beside the run of another."""
    file = folder / "suite.yaml"
    file.write_text(suite)
    return str(harness.gate(file, model.choice(folder), baseline=str(baseline.folder), out=folder / "runs").verdict)
