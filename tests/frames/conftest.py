"""Small real encodes, made for the tests."""

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np

SIZE = (64, 48)


def picture(index: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A frame that says which one it is: two grey halves, its tens and its units."""
    image = np.empty((size[1], size[0], 3), np.uint8)
    image[:, : size[0] // 2] = index // 10 * 20 + 20
    image[:, size[0] // 2 :] = index % 10 * 20 + 20
    return image


def index_of(image: object) -> int:
    """Read :func:`picture` back."""
    pixels = np.asarray(image).astype(int)
    tens, units = pixels[:, : pixels.shape[1] // 3].mean(), pixels[:, -pixels.shape[1] // 3 :].mean()
    return round((tens - 20) / 20) * 10 + round((units - 20) / 20)


def encoded(
    times: Sequence[int],
    time_base: Fraction = Fraction(1, 1000),
    gop: int = 10,
    form: str = "mp4",
    options: dict[str, str] | None = None,
) -> bytes:
    """Encode one picture a time (in units of ``time_base``) as H.264."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form, options=options or {}) as container:
        stream = container.add_stream("libx264", rate=30, options={"g": str(gop), "preset": "veryfast", "crf": "5"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.thread_type = "NONE"
        stream.codec_context.time_base = time_base
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            frame.pts, frame.time_base = time, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def sound() -> bytes:
    """A file that holds sound alone."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def turned(video: bytes, degrees: int) -> bytes:
    """Write a rotation into an MP4's track header, as a phone does that was held upright."""
    at = video.index(b"tkhd") + 4 + 40
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    one = 1 << 16
    rows = [cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, 1 << 30]
    matrix = b"".join((value & 0xFFFFFFFF).to_bytes(4, "big") for value in rows)
    return video[:at] + matrix + video[at + 36 :]
