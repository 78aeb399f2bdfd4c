"""What a guard's thresholds cost, and where answers ended, as data for the report."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.metrics.guard import TIERS
from harness.tasks._cells import CellResult
from harness.tasks._pictured import Chart, Line, Mark, Table

if TYPE_CHECKING:
    from harness.tasks.guard.config import GuardConfig

Floats = NDArray[np.float64]


def threshold_charts(config: "GuardConfig", sound: CellResult, wrong: Sequence[CellResult]) -> Iterator[Chart]:
    """Yield what one threshold on the score would catch and cost; nothing where a class has no answers."""
    good = _scores(sound)
    bad = np.concatenate([_scores(result) for result in wrong])
    if not len(good) or not len(bad):
        return
    limits = np.unique(np.concatenate([good, bad, [0.0, 1.0 + 1e-9]]))
    recall = np.array([(bad < limit).mean() for limit in limits])
    false = np.array([(good < limit).mean() for limit in limits])
    p, costs = config.prevalence, config.costs
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = p * recall / (p * recall + (1 - p) * false)
    x = tuple(min(1.0, float(limit)) for limit in limits)
    marks = (Mark("flag below", x=config.flag_below), Mark("reject below", x=config.reject_below))
    yield Chart(
        "precision and recall by threshold", "caught below this score", "share",
        (
            Line("recall", x, _plain(recall), style="step"),
            Line("precision in use", x, _plain(precision), style="step"),
            Line("sound answers caught", x, _plain(false), style="step"),
        ),
        marks, note=f"Positive: hallucinated. Precision at a prevalence of {p:g}; no score counts as 0.",
    )  # fmt: skip
    cost = (1 - p) * costs.false_rejection * false + p * costs.missed * (1 - recall)
    best = int(cost.argmin())
    yield Chart(
        "cost by threshold", "rejected below this score", "expected cost of an answer",
        (Line("cost", x, _plain(cost), style="step"),),
        (*marks, Mark("least cost", x=x[best], y=float(cost[best]))),
        note=f"One threshold, nothing flagged; a miss costs {costs.missed:g}, a false rejection "
        f"{costs.false_rejection:g}, at a prevalence of {p:g}.",
    )  # fmt: skip


def confusion(results: Sequence[CellResult], fallback: str) -> Table:
    """Return how many answers of each kind ended in each tier."""
    rows: list[tuple[str | int, ...]] = []
    for result in results:
        tiers = result.columns["tier"].worths
        counts = [int((tiers == place).sum()) for place in range(len(TIERS))]
        rows.append((result.cell.id, *counts, int(np.isnan(tiers).sum())))
    note = f"Rejected answers are replaced by: {fallback!r}"
    return Table("confusion by tier", ("answers", *TIERS, "could not be made"), tuple(rows), note)


def _scores(result: CellResult) -> Floats:
    """Return the scores of the answers that could be made, 0 where there is none: what cannot be supported is not."""
    made = ~np.isnan(result.columns["tier"].worths)
    return np.nan_to_num(result.columns["guard_score"].worths[made])


def _plain(values: Floats) -> tuple[float | None, ...]:
    return tuple(float(value) if np.isfinite(value) else None for value in values)
