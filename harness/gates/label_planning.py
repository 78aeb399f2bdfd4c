"""How many labels would decide a margin, before anybody has labelled anything."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.comparison.asked import asked_pairs
from harness.record import Run
from harness.stats.labelled import DIFFERENCES
from harness.stats.strata import Strata
from harness.suite.bind import Suite
from harness.tasks import Measures

DIFFER: Final = 0.2
"""The share of answers that is taken to differ from one version to the next where no runs tell."""
MOVED: Final = 0.5
"""Of those that differ, the share of which people are taken to find one better; the others are ties."""
EXPLAINED: Final = 0.5
"""The share of the variance within them that a middling proxy explains."""
MARGINS: Final = (0.02, 0.05, 0.1)


@dataclass(frozen=True, slots=True)
class LabelNeed:
    """What one task and margin need."""

    task: str
    margin: float
    samples: int
    differing: int
    """Answers that differ, or are taken to."""
    labels: int | None
    """Of those that differ, to show with 80 % power that no more than the margin is lost if nothing is; None where all
    of them would not do."""
    with_proxy: int | None
    """The same with a proxy that explains half of what people say."""
    known: bool
    """Whether two runs tell how many differ."""

    def __str__(self) -> str:
        if self.labels is None:
            return "too few samples: not even labels of all that differ would decide"
        return "labels of nearly all that differ" if self.labels > 0.9 * self.differing else "enough"


def label_needs(
    suite: Suite, margins: Sequence[float] = MARGINS, earlier: Run | None = None, other: Run | None = None
) -> list[LabelNeed]:
    """Return what every task that is answered in words needs.

    Args:
        suite: the suite.
        margins: shares of all answers.
        earlier: a run of the suite.
        other: another run of the same samples: the two tell how many answers differ.
    """
    seen = {one.task: one for one in asked_pairs(earlier, other)} if earlier and other else {}
    found = []
    for name, task in suite.tasks.items():
        if isinstance(task, Measures) or not task.metrics:
            continue
        asked = seen.get(name)
        n = len(asked) if asked else sum(task.count(cell) for cell in task.cells())
        differing = len(asked.differing) if asked else round(DIFFER * n)
        found += [_need(name, margin, n, differing, known=asked is not None) for margin in margins if n and differing]
    return found


def _need(task: str, margin: float, n: int, differing: int, *, known: bool) -> LabelNeed:
    alone, helped = (
        _supposed(explained, differing / n, n).labels_beyond(margin, differing, 1) for explained in (0.0, EXPLAINED)
    )
    return LabelNeed(task, margin, n, differing, alone, helped, known)


def _supposed(explained: float, share: float, n: int) -> Strata:
    """Return one label of answers of which as many got better as worse, by what a proxy says of them.

    The proxy says what people say with a chance of √explained, and else one of the three things as often as people do.
    """
    says = np.array([MOVED / 2, 1 - MOVED, MOVED / 2])
    right = math.sqrt(explained)
    cells = says[:, None] * (right * np.eye(3) + (1 - right) * says)
    cells = cells if explained else cells.sum(axis=0, keepdims=True)
    strata, values = np.indices(cells.shape)
    shares = share * cells.sum(axis=1)
    return Strata(
        (values - 1.0).ravel(), cells.ravel(), 3 * np.unique(strata), shares, DIFFERENCES,
        rest=share * explained * MOVED / n,
    )  # fmt: skip
