"""Which causes stand apart from all others."""

from collections.abc import Sequence

from harness.causes.estimate import Interval
from harness.causes.results import Cause, Verdict


def verdict_of(causes: Sequence[Cause], left: tuple[Interval, Interval] | None, total: Interval) -> tuple[Verdict, int]:
    """Return the verdict, and how many of the causes, which stand by size, it is about."""
    found: tuple[tuple[Verdict, list[Interval], Interval | None], ...] = (
        ("found", [cause.effect for cause in causes], left[0] if left else None),
        ("likely", [cause.moved for cause in causes], left[1] if left else None),
    )
    for verdict, effects, rest in found:
        if leading := _leading(effects, rest):
            return verdict, leading
    return ("noise" if total.nothing and all(cause.moved.nothing for cause in causes) else "open"), 0


def _leading(effects: Sequence[Interval], rest: Interval | None) -> int:
    """Return the fewest of the first effects that leave out zero and all effects after them; 0 where none do."""
    for count in range(1, len(effects) + 1):
        first = effects[:count]
        others = [*effects[count:], *([rest] if rest else [])]
        if first[-1].nothing or (first[-1].value > 0) != (first[0].value > 0):
            return 0
        if all(one.apart(other) for one in first for other in others):
            return count
    return 0
