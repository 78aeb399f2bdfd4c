"""A number is defined once: its value, interval, slice, paired difference and forecast come from one definition.

>>> import numpy as np
>>> from harness.estimate import CellRows, Column, Estimator, Rows, Statistic, column, ratio, total
>>> wer = Statistic("wer", ratio(total(column("edits", "clean")), total(column("words", "clean"))), "lower",
...                 "edits per word", (0.0, None))
>>> place = np.arange(4)
>>> rows = Rows({"clean": CellRows(place, place, {
...     "edits": Column.of(np.array([0.0, 1.0, 0.0, 2.0])), "words": Column.of(np.array([5.0, 4.0, 6.0, 5.0]))})})
>>> found = Estimator(rows).value(wer)
>>> round(found.value, 2), found.n, found.low < found.value < found.high
(0.15, 4, True)
"""

from typing import TYPE_CHECKING, Any

from harness.estimate.build import (
    ANSWER,
    above,
    area,
    at_least,
    aupr,
    auroc,
    average,
    bleu,
    by_count,
    calibration,
    call,
    column,
    constant,
    count,
    detection_error,
    difference,
    differs,
    equals,
    f_beta,
    filled,
    fpr_at,
    grouped,
    linear,
    looked_up,
    maximum,
    mean,
    minimum,
    minus,
    only,
    product,
    quantile,
    ratio,
    ratio_of_sums,
    retained,
    rogan_gladen,
    scaled,
    slope,
    stored,
    times,
    total,
)
from harness.estimate.number import Number, glossary_of
from harness.estimate.statistic import (
    ANY,
    ANYWHERE,
    POSITIVE,
    SHARE,
    SIGNED,
    Bounds,
    ColumnSpec,
    Node,
    Statistic,
    anywhere,
    placed,
)

if TYPE_CHECKING:
    from harness.estimate.coded import Column, Labels
    from harness.estimate.compared import Comparer, Difference
    from harness.estimate.estimator import Estimator
    from harness.estimate.forecast import Sight, sight
    from harness.estimate.rows import CellRows, Rows

__all__ = [
    "ANSWER",
    "ANY",
    "ANYWHERE",
    "POSITIVE",
    "SHARE",
    "SIGNED",
    "Bounds",
    "CellRows",
    "Column",
    "ColumnSpec",
    "Comparer",
    "Difference",
    "Estimator",
    "Labels",
    "Node",
    "Number",
    "Rows",
    "Sight",
    "Statistic",
    "above",
    "anywhere",
    "area",
    "at_least",
    "aupr",
    "auroc",
    "average",
    "bleu",
    "by_count",
    "calibration",
    "call",
    "column",
    "constant",
    "count",
    "detection_error",
    "difference",
    "differs",
    "equals",
    "f_beta",
    "filled",
    "fpr_at",
    "glossary_of",
    "grouped",
    "linear",
    "looked_up",
    "maximum",
    "mean",
    "minimum",
    "minus",
    "only",
    "placed",
    "product",
    "quantile",
    "ratio",
    "ratio_of_sums",
    "retained",
    "rogan_gladen",
    "scaled",
    "sight",
    "slope",
    "stored",
    "times",
    "total",
]

_LATER = {
    "CellRows": "rows",
    "Column": "rows",
    "Comparer": "compared",
    "Difference": "compared",
    "Estimator": "estimator",
    "Labels": "rows",
    "Rows": "rows",
    "Sight": "forecast",
    "sight": "forecast",
}
"""What needs NumPy is imported when it is used: definitions are plain data."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
