"""Labelled boxes with scores in answers, put into the frame of those that are there."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from harness.metrics._detected import Detection, check
from harness.reading.boxes import read_places
from harness.reading.frames import Frame, misfit, scales
from harness.reading.json import StrictJSONError, parse_json

PIXELS: Final = Frame()
_NOTHING: Final[Mapping[str, Any]] = {}


def read_detections(
    text: str,
    image: str = "",
    size: Sequence[float] | None = None,
    frame: Frame = PIXELS,
    context: Mapping[str, Any] = _NOTHING,
) -> list[Detection] | None:
    """Return the boxes of an answer, as :func:`harness.reading.boxes.read_places` reads them; None where it names none.

    Each has a ``box`` (or ``bbox``, ``bbox_2d``) of x1, y1, x2, y2, a ``label``, and a ``score``, 1 where it has none.
    JSON may stand alone, in a fence or in prose. What says itself that it counts thousandths or shares of the picture
    (``box_2d``, location tokens) is put into pixels by ``size``, its width and height; so is what is in a
    declared frame.

    Args:
        text: an answer.
        image: what it is about.
        size: pixels of the picture.
        frame: what its numbers count where it does not say it.
        context: the facts of the sample, for frames that need them.

    >>> read_detections('[{"label": "dog", "box": [0, 0, 9, 9], "score": 0.9}]')[0].box
    (0, 0, 9, 9)
    >>> read_detections('I see one: {"objects": [{"name": "dog", "bbox": [0, 0, 9, 9]}]}')[0].label
    'dog'
    >>> read_detections("a dog") is None, read_detections("[]")
    (True, [])
    """
    listed = _plain_list(text) if frame == PIXELS else None
    try:
        if frame != PIXELS:
            found = _framed(text, image, frame, context)
            if found is not None:
                check(found, "the answer")
            return found
        found = _read(text, image, size) if listed is None else [_detection(image, one) for one in listed]
        if found is not None:
            check(found, "the answer")
    except (ValueError, TypeError):
        return None
    return found


def _plain_list(text: str) -> list[Mapping[str, Any]] | None:
    """Return the answer that was asked for, a list of objects with a box and nothing else; it needs no reading."""
    if not text.lstrip().startswith("["):
        return None
    try:
        listed = parse_json(text)
    except StrictJSONError:
        return None
    plain = isinstance(listed, list) and all(
        isinstance(one, dict) and not one.keys().isdisjoint(_BOX_KEYS) for one in listed
    )
    return listed if plain else None


def _detection(image: str, one: Mapping[str, Any]) -> Detection:
    box = next(one[key] for key in _BOX_KEYS if key in one)
    return Detection(image, label_of(one), tuple(box), one.get("score", 1.0))


def _read(text: str, image: str, size: Sequence[float] | None) -> list[Detection] | None:
    named = read_places(text).value
    if named is None or any(place.frame and not size for place in named):
        return None
    found = []
    for place in named:
        wide, high = (side / _PARTS[place.frame] for side in size) if place.frame and size else (1.0, 1.0)
        x1, y1, x2, y2 = place.box
        box = (x1 * wide, y1 * high, x2 * wide, y2 * high)
        found.append(Detection(image, place.label, box, 1.0 if place.score is None else place.score))
    return found


_PARTS: Final = {"unit": 1.0, "per-mille": 1000.0}
_BOX_KEYS: Final = ("box", "bbox", "bbox_2d")


def label_of(box: Mapping[str, Any]) -> str:
    """Return what a box is called; nothing where it is not said."""
    return str(box.get("label", ""))


def _framed(text: str, image: str, frame: Frame, context: Mapping[str, Any]) -> list[Detection] | None:
    """Return the boxes of an answer in a frame of its own, as those that are true; None where they cannot be meant."""
    named = read_places(text, "yxyx" if frame.y_first else "xyxy").value
    true = Frame.parse(str(context.get("frame") or "pixel"))
    found = []
    for place in named or ():
        own = frame if place.frame in (None, frame.name) else Frame.parse(str(place.frame))
        x1, y1, x2, y2 = place.box
        if misfit(own, [(x1, y1), (x2, y2)], context):
            return None
        (wide, high), (across, down) = scales(own, true, context)
        box = (x1 * wide / across, y1 * high / down, x2 * wide / across, y2 * high / down)
        found.append(Detection(image, place.label, box, 1.0 if place.score is None else place.score))
    return None if named is None else found
