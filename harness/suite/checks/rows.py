"""What can be wrong in one row: options, boxes, markers, windows and lengths."""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from harness.images import misfit
from harness.types import Sample

_LONGEST: Final = 8_000
_SLACK: Final = 1.0
"""Pixels that a box may reach beyond its picture: boxes are drawn and rounded."""
_MARKER: Final = "<image"


def faults(sample: Sample, size: tuple[int, int] | None) -> Iterator[tuple[str, str]]:
    """Yield kinds of findings about a row alone, with what is to say.

    Args:
        sample: a row that can be read.
        size: of its only picture, where it has been decoded.
    """
    if not sample.question.strip():
        yield "length", "the question is empty"
    elif len(sample.question) > _LONGEST:
        yield "length", f"the question has {len(sample.question):,} characters"
    choices = sample.facts.get("choices")
    if isinstance(choices, Sequence) and not isinstance(choices, str):
        yield from _options(sample, [str(one) for one in choices])
    if _MARKER in sample.question.lower() and not sample.clip:
        text = "\n".join([sample.question, *map(str, choices if isinstance(choices, list | tuple) else ())])
        if said := misfit(text, len(sample.images)):
            yield "marker", said
    yield from _boxes(sample, size)
    yield from _windows(sample)


def right_letter(sample: Sample) -> str:
    """Return the letter of the right option; nothing where there are no options or none is right."""
    choices = sample.facts.get("choices")
    if not isinstance(choices, list | tuple):
        return ""
    letters = [chr(ord("A") + at) for at in range(len(choices))]
    for reference in sample.references:
        if reference in letters and reference not in choices:
            return reference
        if reference in choices:
            return letters[list(choices).index(reference)]
        if reference in letters:
            return reference
    return ""


def script(text: str) -> str:
    """Return the script that most letters of a text are of, as Unicode names them; nothing without letters.

    >>> script("How many?"), script("有多少"), script("42")
    ('LATIN', 'CJK', '')
    """
    found = Counter(unicodedata.name(sign, "").split(" ")[0] for sign in text[:500] if sign.isalpha())
    return found.most_common(1)[0][0] if found else ""


def _options(sample: Sample, choices: list[str]) -> Iterator[tuple[str, str]]:
    if any(not one.strip() for one in choices):
        yield "options", f"one of its {len(choices)} options is empty"
    said = Counter(one.strip() for one in choices if one.strip())
    if twice := [one for one, count in said.items() if count > 1]:
        yield "options", f"two of its options are {twice[0]!r:.60}"
    letters = {chr(ord("A") + at) for at in range(len(choices))}
    known = letters | {one.strip() for one in choices}
    if sample.references and not any(one.strip() in known for one in sample.references):
        yield "no-option", f"{sample.references[0]!r:.60} is none of {choices!r:.120}"


def _boxes(sample: Sample, size: tuple[int, int] | None) -> Iterator[tuple[str, str]]:
    boxes = sample.facts.get("boxes")
    frame = sample.facts.get("frame", "pixel")
    told = sample.facts.get("size")
    if size is None and isinstance(told, list | tuple):
        size = (int(told[0]), int(told[1]))
    if not isinstance(boxes, list | tuple):
        return
    limits = {"unit": (1.0, 1.0), "per-mille": (1000.0, 1000.0), "per-mille-999": (999.0, 999.0)}
    edge = limits.get(str(frame), size if frame == "pixel" else None)
    for one in boxes:
        box: Any = one["box"] if isinstance(one, Mapping) else one
        x0, y0, x1, y1 = (float(side) for side in box)
        if not (x0 < x1 and y0 < y1):
            yield "box", f"the box {_plain(box)} has no area or its corners in the wrong order"
            return
        slack = _SLACK if frame == "pixel" else 0.001
        if edge and (min(x0, y0) < -slack or x1 > edge[0] + slack or y1 > edge[1] + slack):
            yield "box", f"the box {_plain(box)} reaches beyond {edge[0]:g} × {edge[1]:g}"
            return


def _windows(sample: Sample) -> Iterator[tuple[str, str]]:
    if not sample.spans or not sample.evidence:
        return
    try:
        duration = json.loads(sample.evidence).get("duration")
    except (ValueError, AttributeError):
        return
    for start, end in sample.spans:
        if isinstance(duration, int | float) and end > duration + 0.01:
            yield "window", f"the window [{start:g}, {end:g}] ends after {duration:g} seconds"
            return


def _plain(box: Sequence[float]) -> str:
    return f"[{', '.join(f'{side:g}' for side in box)}]"
