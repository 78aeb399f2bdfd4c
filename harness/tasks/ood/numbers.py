"""The numbers of an OOD task: forms over the columns that its detectors make of each split."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from harness.estimate import (
    ANY,
    ColumnSpec,
    Node,
    Number,
    Statistic,
    aupr,
    auroc,
    average,
    column,
    detection_error,
    fpr_at,
    glossary_of,
    mean,
    scaled,
)
from harness.tasks.ood.splits import Split
from harness.types import Direction

_ACCEPTING: Final = ("aupr_in", "fpr_at_95_tpr")
"""The positive class of these is in distribution (low scores), that of the others out of it."""
_SEPARATE: Final[Mapping[str, Callable[[Node, Node], Node]]] = {
    "auroc": auroc,
    "aupr_in": aupr,
    "aupr_out": aupr,
    "fpr_at_95_tpr": fpr_at,
    "fpr_at_95_tpr_ood_positive": fpr_at,
    "detection_error": detection_error,
}
"""What separates two classes: its form, of positives and negatives."""


def _pooled(name: str, sets: str) -> Number:
    return Number(
        f"auroc_{name}", f"Mean of a detector's AUROC over {sets}: the test split against each, out of it positive."
    )


NUMBERS: Final = glossary_of(
    _pooled("near", "the sets declared `near`"),
    _pooled("far", "the sets declared `far`"),
    _pooled("mean", "all sets, near and far"),
    Number("auroc", "The chance that a sample of the set scores higher than one of the test split; ties count ½."),
    Number("aupr_in", "Area under precision and recall, the test split positive (low scores)."),
    Number("aupr_out", "Area under precision and recall, the set positive (high scores)."),
    Number(
        "fpr_at_95_tpr",
        "Share of the set that is taken for in distribution at the strictest threshold which accepts at least 95 % of "
        "the test split.",
        "lower",
    ),
    Number(
        "fpr_at_95_tpr_ood_positive",
        "The same with the set positive: share of the test split that is flagged at the strictest threshold which "
        "flags at least 95 % of the set. Papers use either convention.",
        "lower",
    ),
    Number(
        "detection_error",
        "Half of the least sum, over thresholds, of missed samples of the set and flagged ones of the test split, as "
        "shares; at most ½.",
        "lower",
    ),
    Number("fpr", "Share of the test split that the calibrated threshold flags.", "lower"),
    Number("tpr", "Share of a set that the calibrated threshold flags."),
    Number(
        "flagged",
        "Share of a split that the calibrated threshold flags; better is less for the test split, more for the others.",
    ),
)
"""The numbers of detectors."""


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
            yield NUMBERS[f"auroc_{name}"].over(average(parts), f"[{label}]")
    for label in labels:
        yield NUMBERS["fpr"].over(_share(label, test), f"[{label}]")
    for split in sets:
        for name in _SEPARATE if split.role != "corrupted" else ("auroc",):
            for label in labels:
                yield NUMBERS[name].over(_separation(name, label, test, split.name), f"[{label},{split.name}]")
        for label in labels:
            yield NUMBERS["tpr"].over(_share(label, split.name), f"[{label},{split.name}]")


def flagged(labels: Sequence[str], split: Split) -> list[Statistic]:
    """Return what each detector flags of one split."""
    direction: Direction = "lower" if split.role == "test" else "higher"
    return [NUMBERS["flagged"].over(_share(label, split.name), f"[{label}]", direction=direction) for label in labels]


def _share(label: str, split: str) -> Node:
    return mean(column(flag_of(label), split))


def _separation(name: str, label: str, test: str, other: str) -> Node:
    form = _SEPARATE[name]
    inside, outside = column(score_of(label), test), column(score_of(label), other)
    return form(scaled(inside, -1.0), scaled(outside, -1.0)) if name in _ACCEPTING else form(outside, inside)
