"""Markers in a prompt that say where its images belong: ``<image>`` and ``<image 1>``, as benchmarks write them."""

import re
from collections.abc import Sequence
from typing import Final

from harness.errors import SampleError

_MARKER: Final = re.compile(r"<image(?:[ _]?(\d{1,4}))?>", re.IGNORECASE)

Interleaved = tuple[str | int, ...]
"""Texts, and which of the images stands between them, from 0."""


def settle(prompt: str, images: int, *, loose: bool = False) -> tuple[str, Interleaved]:
    r"""Return a prompt without its markers, and the order of texts and images that they ask for.

    The prompt is for models that see all images first: a marker is taken out, or becomes words ("image 2") where the
    sentence speaks of it: a numbered one that has no line for itself, and one of several behind other words of its
    line. Where the images belong, an image stands at the first marker of its number, and a later one becomes words.
    Where all images come first in their own order, and without markers, there is nothing to say of it.

    Args:
        prompt: as the suite's template and the question make it.
        images: how many there are.
        loose: markers that do not fit the images, which were taken away or exchanged, place none.

    Raises:
        SampleError: if the markers do not fit the images.

    >>> settle("In <image 2> and <image 1>: which is red?", 2)
    ('In image 2 and image 1: which is red?', ('In ', 1, ' and ', 0, ': which is red?'))
    >>> settle("<image>\nWhat colour?", 1)
    ('What colour?', ())
    >>> settle("What colour?", 1)
    ('What colour?', ())
    """
    marks = list(_MARKER.finditer(prompt))
    if not marks:
        return prompt, ()
    said = _misfit(marks, images)
    if said and not loose:
        raise SampleError(said)
    flat, ordered, at, shown, cut = "", list[str | int](), 0, set[int](), False
    for place, mark in enumerate(marks):
        image = place if mark[1] is None else int(mark[1]) - 1
        word = f"image {image + 1}" if _spoken_of(prompt, mark, images) else ""
        between, at = prompt[at : mark.start()], mark.end()
        flat = _joined(flat, between, cut) + word
        cut = not word
        ordered += [between, image] if image not in shown else [between, f"image {image + 1}"]
        shown.add(image)
    tail = prompt[at:]
    flat = flat.rstrip() if cut and not tail.strip() else _joined(flat, tail, cut)
    parts = _merged([*ordered, tail])
    first = parts[:images] == (*range(images),) and len(parts) <= images + 1
    return flat, () if said or first else parts


def misfit(prompt: str, images: int) -> str:
    """Return how a prompt's markers do not fit its images, as a sentence; nothing where they do, or there are none.

    >>> misfit("<image> <image> <image> which?", 2)
    '3 markers `<image>` for 2 images'
    >>> misfit("<image 1> or <image 3>?", 2)
    'the marker `<image 3>` and 2 images: there is no such image'
    >>> misfit("<image 2>?", 2)
    'no marker for image 1 of 2: `<image 1>` is missing'
    """
    return _misfit(list(_MARKER.finditer(prompt)), images)


def _misfit(marks: Sequence[re.Match[str]], images: int) -> str:
    counted = f"{images or 'no'} image{'' if images == 1 else 's'}"
    bare = [mark for mark in marks if mark[1] is None]
    named = {int(mark[1]): mark[0] for mark in marks if mark[1] is not None}
    if bare and named:
        return f"markers with numbers and without (`{bare[0][0]}`, `{next(iter(named.values()))}`): use one kind"
    if bare and len(bare) != images:
        return f"{len(bare)} marker{'s' if len(bare) > 1 else ''} `{bare[0][0]}` for {counted}"
    for number, text in named.items():
        if not 1 <= number <= images:
            return f"the marker `{text}` and {counted}: there is no such image"
    if named and (absent := [number for number in range(1, images + 1) if number not in named]):
        return f"no marker for image {absent[0]} of {images}: `<image {absent[0]}>` is missing"
    return ""


def _spoken_of(prompt: str, mark: re.Match[str], images: int) -> bool:
    """Return whether a marker is a word of its sentence rather than a place beside it."""
    before = _MARKER.sub("", prompt[: mark.start()].rpartition("\n")[2]).strip()
    if mark[1] is None:
        return images > 1 and bool(before)
    return bool(before or _MARKER.sub("", prompt[mark.end() :].partition("\n")[0]).strip())


def _joined(flat: str, text: str, cut: bool) -> str:
    """Return a text behind what stands already, without the gap that a marker leaves that was cut out between."""
    if not cut or (flat and not flat[-1].isspace()):
        return flat + text
    text = text.lstrip(" \t")
    return flat + (text if flat and flat[-1] != "\n" else text.removeprefix("\n"))


def _merged(parts: Sequence[str | int]) -> Interleaved:
    """Return texts and images with neighbouring texts made one, and no empty ones."""
    found: list[str | int] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "":
            found.append(part)
    return tuple(found)
