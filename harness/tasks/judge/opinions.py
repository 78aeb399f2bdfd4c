"""Several verdicts made into one: votes on one answer, and both orders of two."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from harness.reading.verdicts import Preference, read_grade, read_passed, read_preference
from harness.tasks.judge.config import JudgeConfig


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge says of one answer, or of one of two."""

    grade: float
    """From 0 to 1; of two answers the share of the orders that this one wins, a tie being half. NaN: nothing could
    be read."""
    passed: float
    """1 where the answer passes, or the share of the orders that it wins; where nothing could be read it passes not,
    and wins half."""
    asked: int
    """Verdicts that came."""
    unread: int
    """Those of them that say nothing."""
    orders: int = 0
    """Orders of which the verdict can be read."""
    first: int = 0
    """Orders in which the answer that stands first is preferred."""
    decided: int = 0
    """Orders in which one of them is."""
    agreeing: float = math.nan
    """1 where both orders say the same of the two answers, 0 where not; NaN where one says nothing."""


def of_one(texts: Sequence[str], config: JudgeConfig) -> Opinion:
    """Return the opinion that votes on one answer make."""
    lowest, highest = config.rubric.scale or (0, 1)
    if config.rubric.scale:
        read = [read_grade(text, lowest, highest).value for text in texts]
    else:
        read = [None if (said := read_passed(text).value) is None else float(said) for text in texts]
    grades = [(one - lowest) / (highest - lowest) for one in read if one is not None]
    unread = len(texts) - len(grades)
    if not grades:
        return Opinion(math.nan, 0.0, len(texts), unread)
    if config.votes_by == "majority":
        passing = sum(_passes(one, config) for one in grades)
        return Opinion(fmean(grades), float(2 * passing > len(grades)), len(texts), unread)
    grade = fmean(grades) if config.votes_by == "mean" else median(grades)
    return Opinion(grade, float(_passes(grade, config)), len(texts), unread)


def of_two(forth: Sequence[str], back: Sequence[str]) -> Opinion:
    """Return the opinion of the answer that stands first in ``forth`` and second in ``back``."""
    orders = [[read_preference(text).value for text in texts] for texts in (forth, back)]
    asked = len(forth) + len(back)
    unread = sum(one is None for votes in orders for one in votes)
    chosen = [_majority(votes) for votes in orders]
    won = [{"first": 1.0, "second": 0.0}.get(one or "", 0.5) for one in chosen]
    won[1] = 1.0 - won[1]
    share = fmean(won)
    return Opinion(
        share if any(one is not None for one in chosen) else math.nan,
        share,
        asked,
        unread,
        orders=sum(one is not None for one in chosen),
        first=sum(one == "first" for one in chosen),
        decided=sum(one in ("first", "second") for one in chosen),
        agreeing=math.nan if None in chosen else float(won[0] == won[1]),
    )


def _passes(grade: float, config: JudgeConfig) -> bool:
    lowest, highest = config.rubric.scale or (0, 1)
    if config.rubric.passes is None:
        return grade > 0.5
    return grade >= (config.rubric.passes - lowest) / (highest - lowest) - 1e-9


def _majority(votes: Sequence[Preference | None]) -> Preference | None:
    """Return what most votes say; a tie where several say it equally often, None where none can be read."""
    counted = Counter(one for one in votes if one is not None).most_common()
    if not counted:
        return None
    return "tie" if len(counted) > 1 and counted[0][1] == counted[1][1] else counted[0][0]
