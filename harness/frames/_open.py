"""Open a clip by what it is: a video file, an animated picture, or a sequence of images."""

from pathlib import Path
from typing import Final

from harness.errors import SampleError
from harness.frames._clip import Clip
from harness.frames._pictures import AnimatedClip, SequenceClip
from harness.frames._video import VideoClip
from harness.images import regular_file
from harness.types import ClipData

_ANIMATED: Final = (b"GIF87a", b"GIF89a", b"\x89PNG\r\n\x1a\n")
"""How files that Pillow reads begin; WebP is told by its container."""


def open_clip(data: ClipData) -> Clip:
    """Open a clip; no frame is decoded yet. Use it as a context manager.

    Raises:
        SampleError: if it is missing, corrupt, truncated, without frames, sound alone, or too large, in a sentence.
        HarnessError: if a package that the format needs is not installed.
    """
    if isinstance(data.content, tuple):
        return SequenceClip(data.name, data.content, data.rate)
    head = _head(data)
    if not head:
        raise SampleError(f"{data.name}: the file is empty")
    if head.startswith(_ANIMATED) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return AnimatedClip(data.name, data.content)
    return VideoClip(data.name, data.content)


def _head(data: ClipData) -> bytes:
    if isinstance(data.content, bytes):
        return data.content[:12]
    assert isinstance(data.content, Path)  # noqa: S101 - the tuple was dealt with above
    try:
        with regular_file(data.content) as file:
            return file.read(12)
    except SampleError as cause:
        raise SampleError(f"{data.name}: {cause}") from cause
    except OSError as cause:
        raise SampleError(f"{data.name}: cannot be read: {cause.strerror}") from cause
