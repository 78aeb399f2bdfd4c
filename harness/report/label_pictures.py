"""The pictures of what is labelled, in full size, read again from the run's data when they are looked at."""

from collections.abc import Collection, Mapping
from threading import Lock
from typing import Final

from harness.engine.thumbnails import samples_of
from harness.errors import HarnessError, SampleError
from harness.images import pictures, to_rgb
from harness.record import Run
from harness.report.label_frames import Strip, as_png, strip_of
from harness.types import Sample

_LONGEST_SIDE: Final = 4096
"""Pixels; larger pictures are shown smaller."""
_NOTHING: Final = Strip()
Key = tuple[str, str]
"""Task and id of a sample."""


class Pictures:
    """The pictures of some samples of a run and the frames of their clips, before any corruption.

    Args:
        run: whose data are read.
        wanted: task and id of each sample.
    """

    def __init__(self, run: Run, wanted: Collection[Key]) -> None:
        self.why_not = ""
        """Why there are none at all."""
        self._lock = Lock()
        self._samples: Mapping[Key, Sample] = {}
        self._strips: dict[Key, Strip] = {}
        try:
            self._samples = {(task, sample.id): sample for task, sample in samples_of(run, wanted)}
        except (HarnessError, OSError) as cause:
            self.why_not = str(cause)

    def count(self, sample: Key) -> int:
        """Return how many pictures a sample has, without the frames of its clip."""
        found = self._samples.get(sample)
        return len(found.images) if found else 0

    def strip(self, sample: Key) -> Strip:
        """Return the frames of a sample's clip; none where it has no clip.

        The strip of one sample is kept, that of the last question: they are decoded together, and asked for one by one.
        """
        found = self._samples.get(sample)
        if found is None or found.clip is None:
            return _NOTHING
        with self._lock:
            if sample not in self._strips:
                self._strips = {sample: strip_of(found.clip)}
            return self._strips[sample]

    def png(self, sample: Key, number: int) -> bytes | None:
        """Return one picture of a sample as PNG, from 0, and after them the frames of its clip.

        None where there is none that can be read.
        """
        found = self._samples.get(sample)
        sources = found.images if found else ()
        if number >= len(sources):
            frames = self.strip(sample).frames
            return frames[number - len(sources)] if number - len(sources) < len(frames) else None
        try:
            with self._lock:
                (image,) = pictures([sources[number]])
        except SampleError:
            return None
        return as_png(to_rgb(image), _LONGEST_SIDE)
