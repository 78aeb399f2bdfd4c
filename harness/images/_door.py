"""Open and decode images that cannot be trusted: regular files, formats by content, bounded, failing as a sentence."""

import os
import stat
import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import IO, Final, Literal

from PIL import Image, UnidentifiedImageError

from harness.errors import SampleError
from harness.images._again import Again, key_of
from harness.images._plain import Range, plain
from harness.types import ImageSource
from harness.waits import waiting

_PLUGINS: Final = {
    "PNG": "Png", "JPEG": "Jpeg", "WEBP": "WebP", "GIF": "Gif", "BMP": "Bmp",
    "TIFF": "Tiff", "PPM": "Ppm", "JPEG2000": "Jpeg2K", "AVIF": "Avif",
}  # fmt: skip
for _plugin in _PLUGINS.values():
    with suppress(ImportError):  # AVIF is younger than the oldest Pillow that will do
        import_module(f"PIL.{_plugin}ImagePlugin")

FORMATS: Final = tuple(name for name in _PLUGINS if name in Image.OPEN)
"""What is read, told by content and never by name. Some forty more decoders of Pillow stay shut: one of them starts
Ghostscript."""

MAX_PIXELS: Final = 50_000_000
"""50 megapixels: a page scanned at 600 dpi fits, a 30,000 × 30,000 bomb does not."""
MAX_BYTES: Final = 1 << 30
"""Of a file: 50 megapixels of 16-bit colour with alpha are less than half of it."""

# The check of pixels below is stricter than Pillow's warning, which would otherwise be printed once per process.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_AGAIN: Final = Again()
_SMALL: Final = 8 << 20
"""Bytes of a file that is read whole before it is decoded, 8 MiB."""

_SEVERAL: Final = (b"GIF8", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"RIFF")
"""How files begin that may hold several pictures: GIF, TIFF, WebP."""
_OTHERS: Final = (
    (b"%!PS", "it is PostScript, which is a program and is not run"),
    (b"\xc5\xd0\xd3\xc6", "it is PostScript, which is a program and is not run"),
    (b"%PDF", "it is a PDF; make pictures of its pages"),
    (b"version https://git-lfs", "it is a pointer of Git LFS; run `git lfs pull`"),
    (b"<svg", "it is an SVG; draw it as a PNG"),
    (b"<?xml", "it is XML; an SVG must be drawn as a PNG"),
    (b"<!DOCTYPE html", "it is a page of the web, perhaps saved in place of the picture"),
    (b"<html", "it is a page of the web, perhaps saved in place of the picture"),
)
"""How other files begin that are found in place of pictures, and what to say of them."""

_ORIENTATION: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""What turns a picture upright, by its EXIF orientation."""
_OPPOSITE: Final = {6: 8, 8: 6}
"""What undoes a turn; the others undo themselves."""

Source = Path | bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """How pictures of a data set are read, where that is open."""

    range: Range | None = None
    """What is black and what is white in pictures of more than eight bits; 16-bit ones need none."""
    exif: Literal["turn", "keep"] = "turn"
    """Whether a picture is turned upright as its EXIF orientation says, or stays as its pixels lie."""
    page: int | None = None
    """Which page of several, from 1; the first where it is not said."""


PLAINLY: Final = Reading()
"""As nobody says anything of them."""


@contextmanager
def regular_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading; a pipe or a device, which may never answer, is refused and not waited for.

    Raises:
        SampleError: if it is missing, no regular file, or larger than a gigabyte; the name is left to the caller.
    """
    with waiting(path), _opened(path) as file:
        yield file


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # before it is opened: to open a device can do something
            raise SampleError("cannot be read: not a regular file")
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as cause:
        raise SampleError("there is no such file") from cause
    except (OSError, ValueError) as cause:
        raise SampleError(f"cannot be read: {getattr(cause, 'strerror', None) or cause}") from cause
    with os.fdopen(descriptor, "rb") as file:
        told = os.fstat(descriptor)
        if not stat.S_ISREG(told.st_mode):
            raise SampleError("cannot be read: not a regular file")
        if told.st_size > MAX_BYTES:
            raise SampleError(f"{told.st_size:,} bytes are more than {MAX_BYTES:,}")
        yield file


@contextmanager
def open_picture(
    source: Source, name: str, *, formats: Iterable[str] = FORMATS, most: int = MAX_PIXELS
) -> Iterator[Image.Image]:
    """Open an image without decoding it; whatever a decoder raises inside is told as a sentence.

    Args:
        source: a file, or the bytes of one.
        name: what messages call it.
        formats: of ``FORMATS``, those that may come.
        most: pixels.

    Raises:
        SampleError: if it is missing, no regular file, no image of these formats, corrupt or too large.
    """
    try:
        with _file(source) as file, _identified(file, tuple(formats)) as image:
            if image.width * image.height > most:
                raise SampleError(f"{image.width} × {image.height} px is more than {most:,} px")
            yield image
    except SampleError as cause:
        raise SampleError(f"{name}: {cause}") from cause
    except Image.DecompressionBombError as cause:
        raise SampleError(f"{name}: more than {most:,} px") from cause
    except Exception as cause:  # decoders raise kinds of many libraries, over any broken byte
        raise SampleError(f"{name}: cannot be decoded: {str(cause) or type(cause).__name__}") from cause


def decode(
    source: Source,
    name: str,
    reading: Reading = PLAINLY,
    *,
    formats: Iterable[str] = FORMATS,
    most: int = MAX_PIXELS,
) -> Image.Image:
    """Decode an image to 8-bit L, RGB or RGBA, as :func:`harness.images.plain` says; arguments as `open_picture`.

    A file whose very bytes were decoded twice of late is not decoded again.

    Raises:
        SampleError: as :func:`open_picture` and :func:`harness.images.plain`, and if the page is not there.
    """
    content = _content(source)
    if content is None:
        return _decode(source, name, reading, formats=formats, most=most)
    key = key_of(content, (reading, tuple(formats), most))
    if (known := _AGAIN.get(key)) is not None:
        return known
    own = _decode(content, name, reading, formats=formats, most=most)
    _AGAIN.note(key, own)
    return own


def _content(source: Source) -> bytes | None:
    """Return a file's bytes; None where they are many, or cannot be read, which is told elsewhere."""
    if isinstance(source, bytes):
        return source if len(source) <= _SMALL else None
    try:
        with regular_file(source) as file:
            # To ask for 8 MiB of a small file would take them from the system and give them back, each time.
            size = os.fstat(file.fileno()).st_size
            content = file.read(size + 1) if size <= _SMALL else b""
    except (SampleError, OSError):
        return None
    return content if len(content) == size else None  # else it is large, or was written to meanwhile


def _decode(source: Source, name: str, reading: Reading, *, formats: Iterable[str], most: int) -> Image.Image:
    with open_picture(source, name, formats=formats, most=most) as image:
        if reading.page is not None and reading.page > 1:
            _turn_to(image, reading.page)
            if image.width * image.height > most:  # pages differ in size
                raise SampleError(f"page {reading.page}: {image.width} × {image.height} px is more than {most:,} px")
        orientation = image.getexif().get(_ORIENTATION, 1)
        image.load()
        shown = plain(image, reading.range)
        if image.format == "TIFF":  # Pillow has turned it while it was loaded
            orientation = _OPPOSITE.get(orientation, orientation) if reading.exif == "keep" else 1
        elif reading.exif == "keep":
            orientation = 1
        turn = _TURNS.get(orientation)
        own = shown.transpose(turn) if turn is not None else image.copy() if shown is image else shown
        own.info = {}  # what was said of the file's pixels holds no more: nobody turns or composites these again
        return own


def pictures(sources: Iterable[ImageSource]) -> tuple[Image.Image, ...]:
    """Load images as every part of the harness sees them: 8-bit L, RGB or RGBA, whoever made them.

    Raises:
        SampleError: if one cannot be loaded.
    """
    return tuple(plain(source.load()) for source in sources)


def further_pages(source: Source, name: str) -> int:
    """Return how many pictures a TIFF, GIF or WebP holds beside the first; 0 for others, which are not looked into.

    Raises:
        SampleError: as :func:`open_picture`.
    """
    try:
        with _file(source) as file:
            if not file.read(4).startswith(_SEVERAL):
                return 0
    except (SampleError, OSError) as cause:
        raise SampleError(f"{name}: {cause}") from cause
    with open_picture(source, name) as image:
        return int(getattr(image, "n_frames", 1)) - 1


def _file(source: Source) -> AbstractContextManager[IO[bytes]]:
    return BytesIO(source) if isinstance(source, bytes) else regular_file(source)


def _identified(file: IO[bytes], formats: tuple[str, ...]) -> Image.Image:
    try:
        return Image.open(file, formats=formats)
    except UnidentifiedImageError as cause:
        file.seek(0)
        head = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
        said = next((what for start, what in _OTHERS if head.lower().startswith(start.lower())), "")
        raise SampleError(said or f"not an image, or empty; what is read: {', '.join(formats)}") from cause


def _turn_to(image: Image.Image, page: int) -> None:
    count = getattr(image, "n_frames", 1)
    if page > count:
        raise SampleError(f"there is no page {page}; it has {count} page{'s' if count > 1 else ''}")
    image.seek(page - 1)
