"""What of a clip is shown and when it is said to be shown; controls and perturbations of that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.frames import Timeline


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Frames in the order in which they are shown, and the times that are claimed for them."""

    frames: NDArray[np.int64]
    """Indices into the clip, [k]."""
    times: NDArray[np.float64]
    """Seconds, [k], growing."""


Edit = Callable[[View, Timeline, int, np.random.Generator], View]
"""Changes a view, by a severity from 1 to 5; the generator is the only source of randomness."""

_SHARES: Final = (0.1, 0.25, 0.4, 0.55, 0.7)
"""Of the frames, that are dropped or replaced at severity 1 to 5."""
_REACH: Final = (0.25, 0.5, 1.0, 1.5, 2.0)
"""How far a frame may be displaced at severity 1 to 5, in mean distances between frames."""
_RATES: Final = (4.0, 2.0, 1.0, 0.5, 0.25)
"""Frames a second that are left at severity 1 to 5."""


def single_frame(view: View, timeline: Timeline, severity: int, rng: np.random.Generator) -> View:
    """Leave the middle frame alone: what a question asks of it needs no video."""
    middle = len(view.frames) // 2
    return View(view.frames[middle : middle + 1], view.times[middle : middle + 1])


def shuffled(view: View, timeline: Timeline, severity: int, rng: np.random.Generator) -> View:
    """Show the same frames in random order under the same times."""
    return replace(view, frames=rng.permutation(view.frames))


def reversed_frames(view: View, timeline: Timeline, severity: int, rng: np.random.Generator) -> View:
    """Show the same frames backwards under the same times."""
    return replace(view, frames=view.frames[::-1])


def dropped(view: View, timeline: Timeline, severity: int, rng: np.random.Generator) -> View:
    """Leave out a share of the frames with their times; one stays."""
    count = len(view.frames)
    kept = np.sort(rng.permutation(count)[: max(1, count - round(_SHARES[severity - 1] * count))])
    return View(view.frames[kept], view.times[kept])


def duplicated(view: View, timeline: Timeline, severity: int, rng: np.random.Generator) -> View:
    """Show the frame before once more in place of a share of the frames, as a stream does that stutters."""
    count = len(view.frames)
    frozen = np.sort(rng.permutation(np.arange(1, count))[: round(_SHARES[severity - 1] * count)])
    frames = view.frames.copy()
    for place in frozen:  # in order, so that a frame can freeze for longer
        frames[place] = frames[place - 1]
    return replace(view, frames=frames)


def jittered(view: View, timeline: Timeline, severity: int, rng: np.random.Generator) -> View:
    """Show frames from about the claimed times: each is displaced by a uniform draw."""
    reach = _REACH[severity - 1] * timeline.duration / len(view.frames)
    shifts = rng.uniform(-reach, reach, len(view.frames))
    return replace(view, frames=timeline.at(timeline.times[view.frames] + shifts))


def frame_rate(view: View, timeline: Timeline, severity: int, rng: np.random.Generator) -> View:
    """Show the clip at a lower frame rate: each frame becomes the last one that is left at its time."""
    rate = _RATES[severity - 1]
    return replace(view, frames=timeline.at(np.floor(timeline.times[view.frames] * rate) / rate))


CONTROLS: Final[Mapping[str, Edit]] = {
    "single_frame": single_frame,
    "shuffled": shuffled,
    "reversed": reversed_frames,
}
"""Views that a question about time cannot be answered from. The fourth control, ``blind``, changes the pictures."""

PERTURBATIONS: Final[Mapping[str, Edit]] = {
    "dropped": dropped,
    "duplicated": duplicated,
    "jittered": jittered,
    "frame_rate": frame_rate,
}
"""Faults of a video, by severity."""
