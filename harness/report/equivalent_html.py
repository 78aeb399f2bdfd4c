"""Where two adapters part, as one HTML file: verdict, stages, and pictures of what each feeds its model."""

import base64
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.equivalence import Equivalence, Stage, State
from harness.equivalence.result import told
from harness.report.page import environment
from harness.stats.equivalence import Sameness

_TEMPLATE: Final = "equivalent.html.j2"
_LONGEST: Final = 448
"""Pixels of a side; larger tensors are thinned out, and their differences by the largest in each block."""
_CLOSE: Final = 40
"""Pixels of a side of the close-up."""
_CLASSES: Final = {Sameness.EQUIVALENT: "good", Sameness.DIFFERENT: "bad", Sameness.UNDECIDED: "open"}
_STATES: Final = {State.EQUAL: "good", State.NOISE: "good", State.PARTED: "bad"}

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of the page."""

    caption: str
    uri: str
    size: str


def write_equivalent(found: Equivalence, file: Path) -> Path:
    """Write the page to ``file``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render_equivalent(found), encoding="utf-8")
    return file


def render_equivalent(found: Equivalence) -> str:
    """Return the page."""
    picture = found.picture
    tests = [(name, on, told(found, on)) for name, on in (("answers", "agreement"), (found.metric, "score"))]
    return (
        environment()
        .get_template(_TEMPLATE)
        .render(
            found=found,
            said=str(found),
            css=_CLASSES[found.verdict],
            rows=[_row(stage) for stage in found.stages],
            first=found.first,
            tests=[(name, getattr(found, on), on == found.on, text) for name, on, text in tests if getattr(found, on)],
            sample=picture.sample if picture else "",
            pictures=list(_pictures(picture.a, picture.b)) if picture else [],
        )
    )


def _row(stage: Stage) -> dict[str, Any]:
    numbers = {name: getattr(stage, name) for name in ("size", "tolerance")}
    return {
        "stage": stage,
        "css": _STATES.get(stage.state, "dim"),
        "count": f"{stage.parted} of {stage.n}" if stage.parted else str(stage.n or ""),
        **{name: "" if value is None else f"{value:.3g}" for name, value in numbers.items()},
    }


def _pictures(a: Floats, b: Floats) -> Iterator[Shown]:
    """Yield both tensors as pictures, on one scale, and where shapes allow their difference and a close-up of it."""
    finite = [np.nan_to_num(one.astype(np.float64), posinf=0, neginf=0) for one in (a, b)]
    low = min(float(one.min()) for one in finite)
    high = max(float(one.max()) for one in finite)
    for name, one in zip("AB", finite, strict=True):
        yield _shown(name, _grey(one, low, high))
    if a.shape != b.shape:
        return
    difference = np.abs(finite[0] - finite[1])
    most = float(difference.max())
    if not most:
        return
    yield _shown(f"|A − B|, white is {most:.3g}", _grey(difference, 0.0, most), largest=True)
    row, column, _ = np.unravel_index(int(difference.argmax()), difference.shape)
    box = tuple(_window(int(at), side) for at, side in ((row, a.shape[0]), (column, a.shape[1])))
    for name, one in zip("AB", finite, strict=True):
        yield _shown(f"{name}, close to the largest difference", _grey(one[box], low, high))


def _window(at: int, side: int) -> slice:
    start = max(0, min(at - _CLOSE // 2, side - _CLOSE))
    return slice(start, min(side, start + _CLOSE))


def _grey(values: Floats, low: float, high: float) -> NDArray[np.uint8]:
    """Return values as grey levels of each channel: ``low`` is black."""
    return np.asarray(np.clip((values - low) / max(high - low, 1e-12) * 255, 0, 255).round(), np.uint8)


def _shown(caption: str, pixels: NDArray[np.uint8], *, largest: bool = False) -> Shown:
    from PIL import Image

    height, width = pixels.shape[:2]
    step = math.ceil(max(height, width) / _LONGEST)
    if step > 1 and largest:
        rows, columns = height // step, width // step
        pixels = pixels[: rows * step, : columns * step].reshape(rows, step, columns, step, -1).max(axis=(1, 3))
    elif step > 1:
        pixels = pixels[::step, ::step]
    colours = pixels if pixels.shape[2] == 3 else np.repeat(pixels[..., :1], 3, axis=2)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(colours)).save(file, "PNG", optimize=True)
    uri = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    return Shown(caption, uri, f"{height} × {width}")
