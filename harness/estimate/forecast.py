"""What a comparison will be able to see, said before anything is asked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.estimate.coded import Column
from harness.estimate.draws import Draws
from harness.estimate.reach import reach
from harness.estimate.rows import CellRows, Rows
from harness.estimate.rowwise import Declared, is_binary, nothing_binary
from harness.estimate.statistic import Statistic, cells_in, columns_in
from harness.stats.power import mcnemar_minimum_effect, t_minimum_effect

CHANGED: Final = 0.1
"""Planning assumption: this share of the samples changes its score between two versions of a model."""
_TYPICAL: Final = 0.75
_ROWS: Final = 64


@dataclass(frozen=True, slots=True)
class Sight:
    """What one comparison will be able to see."""

    n: int
    """Independent units; 0 where it is not known before the first run."""
    minimum_effect: float
    """The smallest true drop that is found with 80 % power; NaN where nothing tells."""
    why_not: str = ""
    """Why it cannot be tested at all; empty where it can."""
    spread: float = math.nan
    """The standard deviation of what one unit's change moves it by, times their number; NaN where nothing tells."""
    reach: float = math.nan
    """How far it moves if all of a unit is lost, times the number of units."""


def sight(
    statistic: Statistic,
    units: int,
    rows: Rows | None = None,
    *,
    binary: Declared = nothing_binary,
    alpha: float = 0.05,
    margin: float = 0.0,
    changed: float = CHANGED,
) -> Sight:
    """Return what so many units let a comparison see.

    Args:
        statistic: what is compared.
        units: independent units of the run that is planned.
        rows: of an earlier run, which tell how much one unit moves the statistic; without them a share of
            ``CHANGED`` of the units is taken to change by as much as it can.
        binary: says which columns are 0 or 1 by declaration.
        alpha: one-sided level, of the whole family.
        margin: the drop that matters.
        changed: the share of the units that change from one version to the next.
    """
    if statistic.refusal:
        return Sight(units, math.nan, statistic.refusal)
    if units < 2:
        return Sight(units, math.nan, "1 independent unit tells nothing of its spread" if units else "")
    column = statistic.mean_of
    if column is not None and (rows is None or is_binary(column, binary)) and statistic.span:
        part = mcnemar_minimum_effect(changed, units, alpha=alpha, margin=margin / statistic.span)
        return Sight(units, statistic.span * part, "", statistic.span * math.sqrt(changed), statistic.span)
    known = rows.select(statistic.where) if rows is not None else _typical(statistic)
    draws = Draws(known, seed=("forecast",), cells=cells_in(statistic.of), count=1)
    if rows is not None and (spread := _spread(statistic, draws, changed)) > 0:
        effect = t_minimum_effect(spread, units, alpha=alpha, margin=margin)
        return Sight(units, effect, "", spread, statistic.span or math.nan)
    if statistic.span is None and rows is None and statistic.unit != "share":
        return Sight(units, math.nan)  # nobody knows how far one row can move it
    try:
        far = reach(statistic, draws)
    except (ValueError, IndexError):
        return Sight(units, math.nan)
    if not far:
        return Sight(units, math.nan)
    part = mcnemar_minimum_effect(changed, units, alpha=alpha, margin=min(1.0, margin / far))
    return Sight(units, far * part, "", far * math.sqrt(changed), far)


def _spread(statistic: Statistic, draws: Draws, changed: float) -> float:
    """Return the standard deviation of what one unit's difference between two runs moves the statistic by, times n.

    Two independent units differ by 2 var on average, those that differ at all by 2 var / P(they differ); a share of
    ``changed`` of them is taken to change.
    """
    if draws.groups < 2 or math.isnan(draws.exactly(statistic.of)):
        return 0.0
    without = draws.without(statistic.of)
    influence = without[np.isfinite(without)] * (draws.groups - 1)
    if draws.grouped:
        influence = influence * math.sqrt(len(draws.units) / draws.groups)
    extent = float(np.ptp(influence)) if influence.size else 0.0
    if not extent > 1e-12:
        return 0.0
    shares = np.unique(np.round(influence / extent, 9), return_counts=True)[1] / influence.size
    return math.sqrt(changed * 2 * float(influence.var()) / (1 - float(np.square(shares).sum())))


def _typical(statistic: Statistic) -> Rows:
    """Return made-up rows in which every column has a usual value: how far a form reaches hardly depends on it."""
    names = {column["column"] for column in columns_in(statistic.of)}
    place = np.arange(_ROWS)
    columns: Mapping[str, Column] = {name: Column.of(np.full(_ROWS, _TYPICAL)) for name in names}
    return Rows({cell: CellRows(place, place, columns) for cell in cells_in(statistic.of)})


__all__ = ["CHANGED", "Sight", "sight"]
