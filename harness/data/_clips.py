"""What datasets of clips share: files from a disk that cannot be trusted, real encodes, the evidence as text."""

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.data._images import confine
from harness.errors import HarnessError, SampleError
from harness.extras import install
from harness.types import ClipData, Span

if TYPE_CHECKING:
    from PIL import Image

PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
"""What counts as a frame in a folder of frames."""


@dataclass(frozen=True, slots=True)
class FileClip:
    """A video file, an animated picture, or a folder of frames in the order of their names."""

    path: Path
    roots: tuple[Path, ...]
    rate: float | None = None
    """Frames a second of a folder."""

    def fetch(self) -> ClipData:
        """Find the file or the frames.

        Raises:
            SampleError: if they are missing or outside the roots.
        """
        path = confine(self.path, self.roots)
        if not path.is_dir():
            return ClipData(str(self.path), path)
        frames = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)
        if not frames:
            raise SampleError(f"{self.path}: there is no frame in this folder")
        return ClipData(str(self.path), tuple(confine(frame, self.roots) for frame in frames), self.rate)


def evidence_text(spans: Sequence[Span], duration: float | None = None, **more: object) -> str:
    """Return the windows that hold the answer as the JSON that metrics on moments read.

    >>> evidence_text([(1.0, 2.5)], 9.0)
    '{"spans": [[1.0, 2.5]], "duration": 9.0}'
    """
    known = {} if duration is None else {"duration": duration}
    return json.dumps({"spans": [list(span) for span in spans], **known, **more})


_ALIKE: Final = {"preset": "veryfast", "threads": "1", "x264-params": "cpu-independent=1"}
"""By itself x264 draws by the number of cores and the kind of the processor."""


def encode(frames: Iterable["Image.Image"], rate: Fraction, quality: int = 16) -> bytes:
    """Return frames of one size as H.264 in an MP4.

    Which bytes, and to a grey level or two which pixels, depends on the version of the encoder.

    Args:
        frames: RGB, of even width and height.
        rate: frames a second.
        quality: x264's constant rate factor; smaller is better.

    Raises:
        HarnessError: if PyAV is not installed.
    """
    if find_spec("av") is None:
        raise HarnessError(f"clips are encoded with PyAV; run `{install('video')}`")
    import av
    import numpy as np

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={**_ALIKE, "crf": str(quality)})
        stream.thread_type = "NONE"
        stream.pix_fmt = "yuv420p"
        for number, image in enumerate(frames):
            if not number:
                stream.width, stream.height = image.size
            frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()
