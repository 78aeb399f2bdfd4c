"""What tasks share that ask for boxes: how a prompt names a frame, how metrics are told of it, sizes of objects."""

from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from typing import Any, Final, Literal

from harness.errors import ConfigError, Issue, UsageError
from harness.metrics.boxes import AREAS
from harness.reading.frames import Frame
from harness.registry import registry
from harness.tasks._named import Ref
from harness.tasks.base import TaskConfig
from harness.types import Sample

_UNITS: Final[Mapping[str, str]] = {
    "pixel": "pixels of the picture",
    "unit": "shares of the picture's width and height, from 0 to 1",
    "per-mille": "thousandths of the picture's width and height, from 0 to 1000",
    "per-mille-999": "thousandths of the picture's width and height, from 0 to 999",
    "resized": "pixels",
}


class BoxesConfig(TaskConfig):
    """Keys of every task that asks for boxes, beside those of every task."""

    prompt: str = ""
    """Jinja template; by default the kind's own words, with the `frame` in them."""
    by: Literal["generate", "ground"] = "generate"
    """Whether the model writes its boxes, or the adapter has boxes of its own (the capability `ground`), which have no
    scores."""
    frame: str = "pixel"
    """What the answers' numbers count: `pixel`, `unit`, `per-mille`, `per-mille-999`, `resized`, each also with `-yx`
    for y first. An answer that says it itself is believed."""
    resized: tuple[int, int] | None = None
    """Width and height of the picture as the model's preprocessing makes it, for `frame: resized`."""

    def told_frame(self) -> Frame:
        """Return the frame of the answers.

        Raises:
            ConfigError: if there is no such frame, or answers cannot be in it.
        """
        try:
            frame = Frame.parse(self.frame, self.resized)
        except UsageError as cause:
            raise ConfigError(Issue(("frame",), str(cause))) from None
        if self.by == "ground" and (frame.name != "pixel" or frame.y_first):
            said = "boxes of `by: ground` are in pixels of the picture, x first"
            raise ConfigError(Issue(("frame",), said, "leave `frame` out"))
        return frame

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of metrics on boxes that these keys stand for."""
        told: dict[str, Any] = {"frame": self.frame} if self.frame != "pixel" else {}
        told |= {"resized": list(self.resized)} if self.resized else {}
        return told | ({"take": "first"} if self.by == "ground" else {})


def in_words(frame: Frame, point: bool = False) -> str:
    """Return how numbers in a frame are written, for a prompt.

    >>> in_words(Frame.parse("per-mille-yx"))
    "[y0, x0, y1, x1] in thousandths of the picture's width and height, from 0 to 1000"
    """
    form = {(False, False): "[x0, y0, x1, y1]", (False, True): "[y0, x0, y1, x1]", (True, False): "[x, y]"}
    return f"{form.get((point, frame.y_first), '[y, x]')} in {_UNITS[frame.name]}"


def framed(refs: Iterable[Ref], told: Mapping[str, Any]) -> tuple[Ref, ...]:
    """Return metrics with the task's keys as their parameters, where they have such a one and the suite is silent."""

    def one(ref: Ref) -> Ref:
        keys = {"metric": ref} if isinstance(ref, str) else dict(ref)
        try:
            known = signature(registry("metrics").load(str(keys.get("metric")))).parameters
        except (UsageError, ValueError, TypeError):
            return ref  # what is wrong with it is said where metrics are built
        added = {key: value for key, value in told.items() if key in known and key not in keys}
        return {**keys, **added} if added else ref

    return tuple(map(one, refs))


def boxes_of(sample: Sample) -> list[Any]:
    """Return what a sample says that its picture holds."""
    found: Any = sample.facts.get("boxes") or ()
    return list(found)


def plain_box(box: Any) -> list[float]:
    """Return the four numbers of a box of the fact ``boxes``."""
    return list(box["box"] if isinstance(box, Mapping) else box)


def size_of(boxes: Sequence[Any], sample: Sample) -> str:
    """Return the size of the largest box by COCO's areas: small, medium or large; nothing where it is not known."""
    frame = Frame.parse(str(sample.facts.get("frame") or "pixel"))
    size: Any = sample.facts.get("size")
    extent = frame.extent(sample.facts)
    if not boxes or (frame.name != "pixel" and (size is None or extent is None)):
        return ""
    scale = 1.0 if frame.name == "pixel" or extent is None else size[0] * size[1] / (extent[0] * extent[1])

    def area(box: Any) -> float:
        told = box.get("area") if isinstance(box, Mapping) else None
        x0, y0, x1, y1 = plain_box(box)
        return float(told) if told is not None else (x1 - x0) * (y1 - y0) * scale

    largest = max(map(area, boxes))
    return next(name for name, (_, most) in AREAS.items() if name != "all" and largest <= most)
