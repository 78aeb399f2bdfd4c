"""A guard that passes, flags or rejects answers, against labelled hallucinations."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal, get_args

from harness.errors import UsageError, did_you_mean
from harness.estimate import Node, column, mean, only
from harness.metrics._base import CorpusMetric, cluster_index, same_length
from harness.types import MetricValue, Status

ENTRIES: Final = {"guard_precision": "GuardPrecision", "guard_recall": "GuardRecall"}

Tier = Literal["pass", "flag", "reject"]
TIERS: Final[tuple[str, ...]] = get_args(Tier)


def guard_confusion(decisions: Sequence[str | None], hallucinated: Sequence[bool]) -> dict[str, dict[str, int]]:
    """Return how many sound and hallucinated answers ended in each tier, ``missing`` included.

    >>> guard_confusion(["pass", "flag", "reject"], [False, True, True])["flag"]
    {'sound': 0, 'hallucinated': 1}
    """
    same_length(decisions=decisions, hallucinated=hallucinated)
    table = {tier: {"sound": 0, "hallucinated": 0} for tier in (*TIERS, "missing")}
    for decision, bad in zip(decisions, hallucinated, strict=True):
        if decision is not None and decision not in TIERS:
            raise ValueError(f"decisions must be pass, flag, reject or None, got {decision!r}")
        table[decision or "missing"]["hallucinated" if bad else "sound"] += 1
    return table


class _Guard(CorpusMetric):
    rate: ClassVar[tuple[str, str]]
    """The share of which, among which."""

    def __init__(self, variant: str = "default", caught: str = "flag") -> None:
        super().__init__(variant)
        if caught not in ("flag", "reject"):
            raise UsageError(f"metric {self.name!r}: unknown caught {caught!r}; {did_you_mean(caught, TIERS[1:])}")
        self.caught = caught

    def compute(
        self,
        decisions: Sequence[str | None],
        hallucinated: Sequence[bool],
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the rate over all answers.

        Args:
            decisions: ``pass``, ``flag`` or ``reject`` for each answer, None where the guard gave none.
            hallucinated: whether the answer is a hallucination.
            clusters: answers with the same string share an image.
            confidence: two-sided coverage of the interval.
        """
        import numpy as np

        from harness.estimate import CellRows
        from harness.estimate.rows import CODES, Column

        guard_confusion(decisions, hallucinated)
        tiers = TIERS[TIERS.index(self.caught) :]
        kinds = np.array([CODES[Status.OK if decision else Status.MISSING] for decision in decisions], np.int8)
        columns = {
            "caught": Column(np.array([decision in tiers for decision in decisions], np.float64), kinds),
            "hallucinated": Column(np.array([bool(label) for label in hallucinated], np.float64), kinds),
        }
        place, units = np.arange(len(kinds)), cluster_index(clusters, len(kinds))
        return self.over_rows(CellRows(place, place if units is None else units, columns), confidence)

    def binary_columns(self, label: str) -> frozenset[str]:
        return frozenset({"caught", "hallucinated"})

    def form(self, label: str, at: Sequence[str]) -> Node:
        share, among = (column(name, *at) for name in self.rate)
        return mean(only(share, among))


class GuardPrecision(_Guard):
    """Share of the answers that the guard caught which are hallucinations.

    Range 0 to 1, higher is better. Wilson interval, Gaffke's with clusters. The full table by tier:
    ``harness.metrics.guard.guard_confusion``.

    Args:
        caught: from which tier on an answer counts as caught, for both classes alike: ``flag`` or ``reject``.

    Edge cases:
        Nothing was caught: NaN with n = 0. An answer without a decision was not caught.

    Source:
        Standard; the tier rule is this project's.

    >>> GuardPrecision().compute(["flag", "reject", "pass"], [False, True, True]).value
    0.5
    """

    name = "guard_precision"
    rate = ("hallucinated", "caught")
    variants: ClassVar[Mapping[str, str]] = {"default": "as documented"}


class GuardRecall(_Guard):
    """Share of the hallucinations that the guard caught.

    Range 0 to 1, higher is better. Wilson interval, Gaffke's with clusters.

    Args:
        caught: from which tier on an answer counts as caught, for both classes alike: ``flag`` or ``reject``.

    Edge cases:
        No hallucinations: NaN with n = 0. An answer without a decision was not caught.

    Source:
        Standard; the tier rule is this project's.

    >>> GuardRecall(caught="reject").compute(["flag", "reject", "pass"], [False, True, True]).value
    0.5
    """

    name = "guard_recall"
    rate = ("caught", "hallucinated")
    variants: ClassVar[Mapping[str, str]] = {"default": "as documented"}
