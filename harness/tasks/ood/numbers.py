"""The numbers of an OOD task: forms over the columns that its detectors make of each split."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from harness.estimate import (
    ANY,
    ColumnSpec,
    Node,
    Statistic,
    aupr,
    auroc,
    average,
    column,
    detection_error,
    fpr_at,
    mean,
    scaled,
)
from harness.tasks.ood.splits import Split
from harness.types import Direction

_ACCEPTING: Final = ("aupr_in", "fpr_at_95_tpr")
"""The positive class of these is in distribution (low scores), that of the others out of it."""
_SEPARATE: Final[Mapping[str, tuple[Callable[[Node, Node], Node], Direction]]] = {
    "auroc": (auroc, "higher"),
    "aupr_in": (aupr, "higher"),
    "aupr_out": (aupr, "higher"),
    "fpr_at_95_tpr": (fpr_at, "lower"),
    "fpr_at_95_tpr_ood_positive": (fpr_at, "lower"),
    "detection_error": (detection_error, "lower"),
}
"""What separates two classes: its form, of positives and negatives, and which way is better."""


def score_of(label: str) -> str:
    """Return the column of a detector's scores: the higher, the further out."""
    return f"score[{label}]"


def flag_of(label: str) -> str:
    """Return the column of what a detector's calibrated threshold flags."""
    return f"flagged[{label}]"


def columns(labels: Sequence[str]) -> dict[str, ColumnSpec]:
    """Return what the columns of some detectors are."""
    scores = {score_of(label): ColumnSpec("none", "score", ANY) for label in labels}
    return scores | {flag_of(label): ColumnSpec("none", binary=True) for label in labels}


def statistics(labels: Sequence[str], test: str, sets: Sequence[Split]) -> Iterator[Statistic]:
    """Yield all numbers.

    Args:
        labels: of the detectors.
        test: the split in distribution.
        sets: those out of it.
    """
    near, far = ([split.name for split in sets if split.role == role] for role in ("near", "far"))
    for name, some in (("near", near), ("far", far), ("mean", near + far)):
        for label in labels if some else ():
            parts = [_separation("auroc", label, test, other) for other in some]
            yield Statistic(f"auroc_{name}[{label}]", average(parts))
    for label in labels:
        yield _share(f"fpr[{label}]", label, test, "lower")
    for split in sets:
        for name, (_, direction) in _SEPARATE.items() if split.role != "corrupted" else [("auroc", _SEPARATE["auroc"])]:
            for label in labels:
                form = _separation(name, label, test, split.name)
                yield Statistic(f"{name}[{label},{split.name}]", form, direction)
        for label in labels:
            yield _share(f"tpr[{label},{split.name}]", label, split.name, "higher")


def flagged(labels: Sequence[str], split: Split) -> list[Statistic]:
    """Return what each detector flags of one split."""
    direction: Direction = "lower" if split.role == "test" else "higher"
    return [_share(flag_of(label), label, split.name, direction) for label in labels]


def _share(name: str, label: str, split: str, direction: Direction) -> Statistic:
    return Statistic(name, mean(column(flag_of(label), split)), direction)


def _separation(name: str, label: str, test: str, other: str) -> Node:
    form, _ = _SEPARATE[name]
    inside, outside = column(score_of(label), test), column(score_of(label), other)
    return form(scaled(inside, -1.0), scaled(outside, -1.0)) if name in _ACCEPTING else form(outside, inside)
