"""The pictures of what is labelled, in full size, read again from the run's data when they are looked at."""

import io
from collections.abc import Collection, Mapping
from threading import Lock
from typing import Final

from harness.engine.thumbnails import samples_of
from harness.errors import HarnessError, SampleError
from harness.images import pictures, to_rgb
from harness.record import Run
from harness.types import ImageSource

_LONGEST_SIDE: Final = 4096
"""Pixels; larger pictures are shown smaller."""


class Pictures:
    """The pictures of some samples of a run, before any corruption.

    Args:
        run: whose data are read.
        wanted: ids of samples.
        task: whose samples they are, where two data sets may call two samples alike.
    """

    def __init__(self, run: Run, wanted: Collection[str], task: str | None = None) -> None:
        self.why_not = ""
        """Why there are none at all."""
        self._lock = Lock()
        self._sources: Mapping[str, tuple[ImageSource, ...]] = {}
        try:
            self._sources = {sample.id: tuple(sample.images) for sample in samples_of(run, wanted, task=task)}
        except (HarnessError, OSError) as cause:
            self.why_not = str(cause)

    def count(self, sample: str) -> int:
        """Return how many pictures a sample has."""
        return len(self._sources.get(sample, ()))

    def png(self, sample: str, number: int) -> bytes | None:
        """Return one picture of a sample as PNG, from 0; None where there is none that can be read."""
        sources = self._sources.get(sample, ())
        if not 0 <= number < len(sources):
            return None
        try:
            with self._lock:
                (image,) = pictures([sources[number]])
        except SampleError:
            return None
        image = to_rgb(image)
        image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        out = io.BytesIO()
        image.save(out, "PNG", compress_level=1)
        return out.getvalue()
