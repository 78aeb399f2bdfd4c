"""How far a number can move at most: what draws that show no spread leave room for."""

from typing import Final

import numpy as np

from harness.estimate.draws import Draws
from harness.estimate.forms import FORMS, evaluate
from harness.estimate.statistic import Statistic, forms_in

_STEP: Final = 1e-6


def reach(statistic: Statistic, draws: Draws, side: int = 0) -> float | None:
    """Return by how much a statistic can move if a share ε of its rows is exchanged, divided by ε, to first order.

    All columns move together, each the way that it moves the statistic; rank forms can move by their whole range,
    which nobody knows where they have none.
    """
    if any(FORMS[form].block or FORMS[form].unsummed for form in forms_in(statistic.of)):
        return statistic.span
    found = draws.tables[side].sums(statistic.of, exact=True)
    here = float(evaluate(statistic.of, found)[0])
    sums = {name: place for name, (place, _) in found.places.items() if not name.startswith("#")}
    steps = np.zeros((len(sums), found.totals.shape[1]))
    for i, (name, place) in enumerate(sums.items()):
        steps[i, place] = _STEP * max(1.0, found.totals[0, found.places[f"#{name}"][0]])
    rises, falls = (evaluate(statistic.of, found.moved(found.totals + sign * steps)) - here for sign in (1, -1))
    slopes = np.where(np.abs(rises) > np.abs(falls), rises, -falls)
    together = (np.sign(np.where(np.isfinite(slopes), slopes, 0.0))[:, None] * steps).sum(axis=0)
    moved = [float(evaluate(statistic.of, found.moved(found.totals + sign * together))[0]) - here for sign in (1, -1)]
    return float(np.nanmax(np.abs(moved), initial=0.0)) / _STEP
