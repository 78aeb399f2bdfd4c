"""What every clip offers, whatever it is stored in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from harness.errors import SampleError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS: Final = 50_000_000
"""Of one frame."""
MAX_FRAMES: Final = 1_000_000
"""Nine hours at 30 frames a second."""
THUMBNAIL: Final = (32, 24)
"""Width and height of what samplers and detectors look at."""

Thumbnail = NDArray[np.uint8]
"""[24, 32, 3]"""


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """When each frame of a clip is shown, in the order in which they are shown."""

    times: NDArray[np.float64]
    """Seconds from the first frame, [n], growing, from 0."""
    duration: float
    """When the last frame ends; each other frame is shown until the next."""

    def __len__(self) -> int:
        return len(self.times)

    def at(self, seconds: "NDArray[np.float64] | Sequence[float]") -> NDArray[np.int64]:
        """Return the index of the frame that is shown at each time; times outside the clip get the nearest frame.

        >>> Timeline(np.array([0.0, 0.5, 2.0]), 3.0).at([0.0, 0.49, 0.5, 1.9, 9.0]).tolist()
        [0, 0, 1, 1, 2]
        """
        shown = np.searchsorted(self.times, np.asarray(seconds, np.float64), side="right") - 1
        return np.clip(shown, 0, len(self.times) - 1).astype(np.int64)


class Clip(Protocol):
    """An open clip, to be closed: ``with open_clip(data) as clip``. For one thread at a time."""

    name: str
    timeline: Timeline

    def frames(self, indices: Sequence[int]) -> "list[Image.Image]":
        """Return frames as upright RGB images, in the order asked for; an index may come twice.

        Raises:
            SampleError: if one cannot be decoded.
            IndexError: if there is no such frame.
        """
        ...

    def thumbnails(self) -> Iterator[Thumbnail]:
        """Yield every frame in small, uint8 [24, 32, 3], one at a time.

        Raises:
            SampleError: if one cannot be decoded.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


def check_size(name: str, width: int, height: int) -> None:
    """Refuse frames that would fill the memory.

    Raises:
        SampleError: if a frame is empty or larger than ``MAX_PIXELS``.
    """
    if width * height > MAX_PIXELS:
        raise SampleError(f"{name}: frames of {width} × {height} px are more than {MAX_PIXELS:,} px")
    if width < 1 or height < 1:
        raise SampleError(f"{name}: frames have no size")


def check_count(name: str, count: int) -> None:
    """Refuse clips without frames, or with too many to list.

    Raises:
        SampleError: if there is none, or more than ``MAX_FRAMES``.
    """
    if not count:
        raise SampleError(f"{name}: there is no frame in it")
    if count > MAX_FRAMES:
        raise SampleError(f"{name}: more than {MAX_FRAMES:,} frames")
