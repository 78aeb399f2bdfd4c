"""Image files of a data set: confined to folders, read by the one door for images."""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from PIL import Image

from harness.errors import SampleError
from harness.images import PLAINLY, Reading, decode, further_pages
from harness.unreadable import why_unreadable


def confine(path: Path, roots: tuple[Path, ...]) -> Path:
    """Return the resolved ``path`` if it lies under one of ``roots``, links followed.

    Raises:
        SampleError: if it does not, or is no path at all.
    """
    try:
        resolved = os.path.realpath(path)
    except ValueError as cause:  # a null byte
        raise SampleError(f"{str(path)!r} is not a path: {cause}") from cause
    here = _ended(resolved)
    # Thousands of files lie under the same roots, whose links are followed once; one may have been set anew since.
    known = all(map(Path.is_absolute, roots)) and here.startswith(_known_starts(roots))
    if not known and not here.startswith(_starts(roots)):
        allowed = ", ".join(map(str, roots))
        raise SampleError(f"{path} lies outside {allowed}; declare its folder with --root")
    return Path(resolved)


def _starts(roots: tuple[Path, ...]) -> tuple[str, ...]:
    """Return how resolved paths begin that lie under one of ``roots``."""
    return tuple(_ended(os.path.realpath(root)) for root in roots)


def _ended(path: str) -> str:
    """Return a path that no name goes on from: `/a/b` is no part of `/a/bc`."""
    return os.path.normcase(path).rstrip(os.sep) + os.sep


_known_starts: Final = lru_cache(maxsize=64)(_starts)


@dataclass(frozen=True, slots=True)
class FileImage:
    """An image file that is decoded when it is loaded."""

    path: Path
    roots: tuple[Path, ...]
    reading: Reading = PLAINLY
    """What a data set says of its pictures: levels, EXIF, page."""

    def load(self) -> Image.Image:
        """Decode the file to 8-bit L, RGB or RGBA, as :func:`harness.images.decode` does.

        Raises:
            SampleError: if it is missing, outside the roots, no regular file, not an image of a format that is read,
                corrupt, larger than 50 megapixels, or of more bits than can be scaled without being told how.
        """
        path = confine(self.path, self.roots)
        try:
            return decode(path, str(self.path), self.reading)
        except SampleError as cause:
            if path.is_file() and (why := why_unreadable(path)):
                raise SampleError(f"{cause}: {why}") from cause
            raise

    def remark(self) -> str:
        """Return what a reader must know of the file before a model is asked; nothing where there is nothing.

        Raises:
            SampleError: as :meth:`load`.
        """
        if self.reading.page is not None:
            return ""
        more = further_pages(confine(self.path, self.roots), str(self.path))
        return f"{self.path.name} has {more + 1} pages, and the first is shown" if more else ""
