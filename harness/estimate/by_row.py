"""What each row says of a statistic: values of which it is the mean, or, where it is no mean, nearly so."""

from dataclasses import replace
from typing import Final

import numpy as np

from harness.estimate.coded import Index
from harness.estimate.forms import FORMS, Floats, evaluate
from harness.estimate.rows import Rows
from harness.estimate.statistic import Node, forms_in, inputs_in
from harness.estimate.sums import Table

_STEP: Final = 1e-5


def differences_by_row(of: Node, before: Rows, after: Rows, cell: str) -> tuple[Index, Floats] | None:
    """Return the rows of a cell that count on both sides, [m], and by how much each moved a statistic, [m].

    The mean of the differences is the difference of the statistic: exactly for a mean, to the first order for a ratio
    of sums and whatever else is a smooth function of sums. None for other forms (ranks, quantiles).

    Args:
        of: the statistic's form, over columns of that one cell.
        before: rows of the baseline.
        after: those of the candidate, the same in the same order.
        cell: the cell.
    """
    kinds = [FORMS.get(form) for form in forms_in(of)]
    if any(kind is None or not kind.smooth or kind.block or kind.unsummed for kind in kinds):
        return None
    sides = [_alone(rows, cell) for rows in (before, after)]
    if len(sides[0].cells[cell]) != len(sides[1].cells[cell]):
        return None
    count = len(sides[0].cells[cell])
    values = []
    for rows, other in (sides, sides[::-1]):
        table = Table(rows, lambda unit: unit, count, other)
        if any(len(table.read(node).values) > count for node in inputs_in(of)):
            return None
        found = table.sums(of)
        if of["form"] == "mean":
            with np.errstate(invalid="ignore"):
                values.append(found.totals[:, 0] / np.where(found.totals[:, 1] > 0, found.totals[:, 1], np.nan))
            continue
        whole = found.totals.sum(axis=0)
        steps = _STEP * np.maximum(np.abs(whole), 1.0)
        up, down = (evaluate(of, found.moved(whole + sign * np.diag(steps))) for sign in (1, -1))
        counted = (found.totals != 0).any(axis=1)
        moved = found.totals @ ((up - down) / (2 * steps)) * counted.sum()
        values.append(np.where(counted, float(evaluate(of, found.moved(whole[None]))[0]) + moved, np.nan))
    gap = values[1] - values[0]
    there = np.flatnonzero(~np.isnan(gap))
    return there, gap[there]


def _alone(rows: Rows, cell: str) -> Rows:
    """Return one cell, each row a unit of its own."""
    own = rows.cells[cell]
    return Rows({cell: replace(own, unit=np.arange(len(own)))})
