"""Clips that Pillow reads: animated GIF, PNG and WebP, and sequences of image files."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

import numpy as np
from PIL import Image

from harness.errors import SampleError
from harness.frames._clip import THUMBNAIL, Thumbnail, Timeline, check_count
from harness.images import decode, open_picture, to_rgb

_BROWSER_DELAY: Final = 0.1
"""What browsers make of a frame that says that it is shown for no time."""


class AnimatedClip:
    """An animated picture. A picture that does not move is a clip of one frame."""

    def __init__(self, name: str, content: Path | bytes) -> None:
        self.name = name
        with ExitStack() as opened:
            self._image = opened.enter_context(open_picture(content, name))
            self.timeline = self._read_times()
            self._opened = opened.pop_all()

    def _read_times(self) -> Timeline:
        count = getattr(self._image, "n_frames", 1)
        check_count(self.name, count)
        starts, now = [], 0.0
        for index in range(count):
            self._turn_to(index)
            starts.append(now)
            now += float(self._image.info.get("duration", 0)) / 1000 or _BROWSER_DELAY
        return Timeline(np.array(starts), now)

    def _turn_to(self, index: int) -> None:
        try:
            self._image.seek(index)
            self._image.load()
        except Exception as cause:  # decoders raise kinds of their own
            raise SampleError(f"{self.name}: frame {index} cannot be decoded: {cause}") from cause

    def frames(self, indices: Sequence[int]) -> list[Image.Image]:
        wanted: dict[int, Image.Image] = {}
        for index in sorted({_checked(index, len(self.timeline)) for index in indices}):
            self._turn_to(index)
            wanted[index] = to_rgb(self._image)
        return [wanted[index].copy() for index in indices]

    def thumbnails(self) -> Iterator[Thumbnail]:
        for index in range(len(self.timeline)):
            self._turn_to(index)
            yield small(self._image)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._opened.close()


class SequenceClip:
    """Image files in order, each shown for the same time."""

    def __init__(self, name: str, files: Sequence[Path], rate: float | None) -> None:
        if rate is None or not rate > 0:
            raise SampleError(f"{name}: a folder of images has no times of its own; give `rate`, frames a second")
        check_count(name, len(files))
        self.name = name
        self._files = tuple(files)
        self.timeline = Timeline(np.arange(len(files)) / rate, len(files) / rate)

    def frames(self, indices: Sequence[int]) -> list[Image.Image]:
        return [self._load(self._files[_checked(index, len(self._files))]) for index in indices]

    def thumbnails(self) -> Iterator[Thumbnail]:
        return (small(self._load(file)) for file in self._files)

    def _load(self, file: Path) -> Image.Image:
        return to_rgb(decode(file, f"{self.name}: {file.name}"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...


def small(image: Image.Image) -> Thumbnail:
    """Return a picture as a thumbnail, uint8 [24, 32, 3]."""
    return np.asarray(to_rgb(image).resize(THUMBNAIL, Image.Resampling.BOX), np.uint8)


def _checked(index: int, count: int) -> int:
    if not 0 <= index < count:
        raise IndexError(f"frame {index} of {count}")
    return index
