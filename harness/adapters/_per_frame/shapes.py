"""From a yes or no for each frame to a window or a turn: the shapes that hold against single mistakes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.types import Span


@dataclass(frozen=True, slots=True)
class Found:
    """What the frames say together."""

    first: int
    """The first frame of the window."""
    last: int
    """The last frame of it, included."""
    agreement: float
    """The share of frames that fit: hits inside, misses outside."""
    rising: bool = True
    """Of a turn: whether the hits come after it."""


def best_run(hits: Sequence[bool]) -> Found | None:
    """Return the run of frames with the most hits over misses in it; None without a hit.

    Of equal runs the earliest, and of those the longest. One frame that is misread inside an event does not
    cut it in two, and one outside does not widen it.

    >>> best_run([False, True, True, False, True, True, False, False, True])
    Found(first=1, last=5, agreement=0.7777777777777778, rising=True)
    """
    best: tuple[int, int, int] | None = None
    start = total = 0
    for i, hit in enumerate(hits):
        if total < 0:
            start, total = i, 0
        total += 1 if hit else -1
        if hit and (best is None or total > best[0]):
            best = (total, start, i)
    if best is None:
        return None
    _, first, last = best
    fitting = sum(hit == (first <= i <= last) for i, hit in enumerate(hits))
    return Found(first, last, fitting / len(hits))


def best_turn(hits: Sequence[bool]) -> Found | None:
    """Return the one change, from misses to hits or back, that the frames fit best; None with fewer than two frames.

    The window is what follows the change. The earliest of equals, and rising before falling.

    >>> best_turn([False, False, True, False, True, True])
    Found(first=2, last=5, agreement=0.8333333333333334, rising=True)
    """
    best: Found | None = None
    for first in range(1, len(hits)):
        after = sum(hits[first:]) + (first - sum(hits[:first]))
        for rising, fitting in ((True, after), (False, len(hits) - after)):
            if best is None or fitting / len(hits) > best.agreement:
                best = Found(first, len(hits) - 1, fitting / len(hits), rising)
    return best


def most_common(answers: Sequence[str]) -> tuple[str, list[int]]:
    """Return the answer that most frames give, the earliest of equals, and which frames give it.

    >>> most_common(["red", "blue", "blue"])
    ('blue', [1, 2])
    """
    counts = Counter(answers)
    winner = max(counts, key=lambda answer: counts[answer])
    return winner, [i for i, answer in enumerate(answers) if answer == winner]


def window(times: Sequence[float], first: int, last: int) -> Span:
    """Return the window that a run of frames stands for: each frame counts for the time nearest to it.

    The window reaches halfway to the neighbouring frames; at the ends as far as on the other side, and not
    below 0.

    >>> window([0.5, 1.5, 2.5, 3.5], 1, 2), window([0.5, 1.5, 2.5, 3.5], 2, 3), window([4.0], 0, 0)
    ((1.0, 3.0), (2.0, 4.0), (0.0, 8.0))
    """
    if len(times) == 1:
        return 0.0, 2 * times[0]
    gap_before = times[first] - times[first - 1] if first else times[1] - times[0]
    gap_after = times[last + 1] - times[last] if last + 1 < len(times) else times[-1] - times[-2]
    return max(0.0, times[first] - gap_before / 2), times[last] + gap_after / 2
