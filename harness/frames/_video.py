"""Video files through PyAV: exact times from the packets, and frames by seeking to the keyframe before them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from harness.errors import HarnessError, SampleError
from harness.extras import install
from harness.frames._clip import MAX_FRAMES, THUMBNAIL, Thumbnail, Timeline, check_count, check_size
from harness.frames._pictures import small

if TYPE_CHECKING:
    from av.container import InputContainer
    from PIL import Image

_QUARTERS: Final = {90: 2, 180: 3, -180: 3, -90: 4, 270: 4}
"""Pillow's transpositions for what a display matrix turns counterclockwise."""
_FORMATS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,ogg,flv,mpeg,mpegts,asf,h264,hevc,m4v,ivf,nut,wav,mp3,flac"
"""Containers that hold their own data. Playlists are left out: they would have FFmpeg open what they name."""
_MISSING: Final = 1.0
"""Seconds at the end that a container without a frame count may promise and not hold."""


class VideoClip:
    """One video stream of a file, or of bytes.

    Times are those of the container, from the first frame: rates may vary. ``decoded`` counts the frames
    that went through the decoder, so that a test can see what a seek saves.
    """

    def __init__(self, name: str, content: Path | bytes) -> None:
        if find_spec("av") is None:
            raise HarnessError(f"video files need PyAV; run `{install('video')}`")
        self.name = name
        self.decoded = 0
        with self._saying("cannot be opened"):
            self._container = _open(content)
        try:
            self._start()
        except BaseException:
            self._container.close()
            raise

    def _start(self) -> None:
        if not self._container.streams.video:
            kinds = sorted({stream.type for stream in self._container.streams})
            raise SampleError(f"{self.name}: there is no video in it, only {', '.join(kinds) or 'nothing'}")
        self._stream = self._container.streams.video[0]
        check_size(self.name, self._stream.width, self._stream.height)
        self._stream.thread_type = "NONE"  # the harness prepares clips side by side already
        with self._saying("cannot be read"):
            shown, last, packets = self._index()
        check_count(self.name, len(shown))
        if self._stream.frames > packets:
            raise SampleError(
                f"{self.name}: truncated: {packets} of the {self._stream.frames} frames that it declares are there"
            )
        self._pts = np.array(sorted(shown), np.int64)
        self._keys = sorted(pts for pts, key in shown.items() if key)
        base = float(self._stream.time_base or 1)
        times = (self._pts - self._pts[0]) * base
        gap = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        duration = float(times[-1]) + (last * base if last else gap)
        declared = 0.0 if self._stream.frames else float(self._container.duration or 0) / 1e6
        if declared - duration > max(_MISSING, 0.1 * declared):
            raise SampleError(f"{self.name}: truncated: it ends at {duration:.1f} s of {declared:.1f} s")
        self.timeline = Timeline(times, duration)
        self._position: int | None = None

    def _index(self) -> tuple[dict[int, bool], int, int]:
        """Return the time of each frame with whether it is a keyframe, how long the last is shown, and the packets."""
        shown: dict[int, bool] = {}
        latest, last, packets = None, 0, 0
        for packet in self._container.demux(self._stream):
            if not packet.size:
                continue
            packets += 1
            pts = packet.dts if packet.pts is None else packet.pts
            if pts is None:
                raise SampleError(f"{self.name}: its frames have no times; put them into a container such as MP4")
            if packet.is_discard:  # before the start that an edit list sets
                continue
            shown[pts] = packet.is_keyframe
            if latest is None or pts > latest:
                latest, last = pts, packet.duration or 0
            check_count(self.name, min(packets, MAX_FRAMES + 1))
        return shown, last, packets

    def frames(self, indices: Sequence[int]) -> "list[Image.Image]":
        for index in indices:
            if not 0 <= index < len(self._pts):
                raise IndexError(f"frame {index} of {len(self._pts)}")
        wanted = sorted({int(self._pts[index]) for index in indices})
        with self._saying("cannot be decoded"):
            found = self._at(wanted)
        return [found[int(self._pts[index])].copy() for index in indices]

    def thumbnails(self) -> Iterator[Thumbnail]:
        from av.video.reformatter import VideoReformatter

        self._seek(int(self._pts[0]))
        width, height = THUMBNAIL
        shrink = VideoReformatter()
        listed = set(self._pts.tolist())
        with self._saying("cannot be decoded"):
            for frame in self._container.decode(self._stream):
                self.decoded += 1
                if frame.pts not in listed:
                    continue
                check_size(self.name, frame.width, frame.height)
                if frame.rotation in _QUARTERS:
                    yield small(_upright(frame))
                else:
                    small_frame = shrink.reformat(frame, width, height, "rgb24", interpolation="FAST_BILINEAR")
                    yield np.asarray(small_frame.to_ndarray(), np.uint8)
        self._position = None

    def _at(self, wanted: Sequence[int]) -> "dict[int, Image.Image]":
        """Decode the frames with these times, which grow; whatever needs no decoding is left out."""
        found: dict[int, Image.Image] = {}
        waiting = list(wanted)
        while waiting:
            start = self._keyframe_before(waiting[0])
            here = next((i for i, pts in enumerate(waiting) if self._keyframe_before(pts) != start), len(waiting))
            group, waiting = waiting[:here], waiting[here:]
            self._seek(start)
            self._decode(group, found)
        return found

    def _decode(self, group: Sequence[int], found: "dict[int, Image.Image]") -> None:
        """Decode from a keyframe on, up to the last frame of the group; frames that no other needs are skipped."""
        missing = set(group)
        codec = self._stream.codec_context
        try:
            for packet in self._container.demux(self._stream):
                codec.skip_frame = "DEFAULT" if packet.pts in missing or packet.pts is None else "NONREF"
                for frame in packet.decode():
                    self.decoded += 1
                    if frame.pts in missing:
                        missing.discard(frame.pts)
                        found[frame.pts] = self._picture(frame)
                if not missing:
                    return
        finally:
            codec.skip_frame = "DEFAULT"
        at = (min(missing) - int(self._pts[0])) * float(self._stream.time_base or 1)
        raise SampleError(f"{self.name}: the frame at {at:.3f} s cannot be decoded")

    def _picture(self, frame: Any) -> "Image.Image":
        check_size(self.name, frame.width, frame.height)
        if frame.is_corrupt:
            raise SampleError(f"{self.name}: the frame at {frame.time:.3f} s is corrupt")
        return _upright(frame)

    def _keyframe_before(self, pts: int) -> int:
        place = bisect_right(self._keys, pts)
        return self._keys[place - 1] if place else int(self._pts[0])

    def _seek(self, pts: int) -> None:
        with self._saying("cannot be sought in"):
            self._container.seek(pts, stream=self._stream, backward=True)

    @contextmanager
    def _saying(self, what: str) -> Iterator[None]:
        from av.error import FFmpegError

        try:
            yield
        except (FFmpegError, OSError, ValueError, MemoryError) as cause:
            said = getattr(cause, "strerror", None) or str(cause)
            raise SampleError(f"{self.name}: {what}: {said}") from cause

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._container.close()


def _open(content: Path | bytes) -> "InputContainer":
    import av

    av.logging.set_level(None)  # failures become statuses; FFmpeg would also print them
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    source = BytesIO(content) if isinstance(content, bytes) else f"file:{content}"
    return av.open(source, "r", options=options)


def _upright(frame: Any) -> "Image.Image":
    from PIL import Image

    image: Image.Image = frame.to_image()
    turn = _QUARTERS.get(frame.rotation)
    return image if turn is None else image.transpose(Image.Transpose(turn))
