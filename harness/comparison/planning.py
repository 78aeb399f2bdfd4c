"""How many samples would decide a gate, before there is anything to compare."""

import math
from dataclasses import dataclass
from typing import Final

from scipy.special import ndtri

from harness.estimate import Rows, Statistic
from harness.estimate.forecast import CHANGED, Sight, sight
from harness.estimate.rowwise import Declared, nothing_binary
from harness.stats.gaffke import units_for
from harness.stats.power import POWER, mcnemar_sample_size, t_sample_size

_UNITS: Final = 64
"""Units of the look at what one of them moves: their number does not matter for that."""
_LARGER: Final = 2.0
"""The drop that should be found, in margins: one of just the margin fails in half of all runs at most."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """How samples hang together."""

    rows: float = 1.0
    """A unit's, on average."""
    heavy: float = 1.0
    """The rows of the unit of an average row, Σ m² / Σ m: what one unit can lose at most, on average."""


@dataclass(frozen=True, slots=True)
class Need:
    """How many samples one gate needs, of which there are ``n``."""

    metric: str
    rule: str
    margin: float
    n: int
    """Samples that it will rest on; 0 where only a run can tell."""
    least: int | None
    """With fewer nobody can show that nothing is lost, whatever is measured; None where nothing tells."""
    to_pass: int | None
    """Pass in four of five runs, if nothing has changed."""
    to_fail: int | None
    """Fail in four of five runs, if twice the margin is lost."""
    changed: float
    """The share of the units that is taken to change from one version to the next."""
    clusters: Clusters = Clusters()
    why_not: str = ""
    """Why it cannot be tested at all; empty where it can."""

    @property
    def enough(self) -> bool | None:
        """Whether there are samples enough to pass; None where nothing tells."""
        return None if not self.n or self.to_pass is None else self.n >= self.to_pass

    def __str__(self) -> str:
        if self.why_not:
            return f"cannot be tested, because {self.why_not}"
        if self.to_pass is None:
            return "how much it varies is not known before the first run"
        if self.n and self.least is not None and self.n < self.least:
            return f"no fewer than {self.least:,} samples can show it, whatever is measured"
        if self.enough is None:
            return "how many samples it rests on is not known before the first run"
        return "enough" if self.enough else f"{self.to_pass - self.n:,} samples more would decide"


def need(  # noqa: PLR0913 - each of them is said by somebody else
    metric: str,
    rule: str,
    margin: float,
    statistic: Statistic,
    n: int,
    *,
    rows: Rows | None = None,
    binary: Declared = nothing_binary,
    clusters: Clusters = Clusters(),
    changed: float = CHANGED,
    family: int = 1,
) -> Need:
    """Return how many samples a gate that compares needs.

    Passing takes (z₁₋α + z.₈)² (s / m)² units for the spread s of what one unit moves the number by and the margin m,
    and ln(1/α) r / m more for the loss r that was not drawn; where samples are independent and it is a mean, the
    larger of the two. α is not divided: all gates must pass.

    Args:
        metric: ``task/metric``.
        rule: as it is written.
        margin: the drop that matters, above 0.
        statistic: what the metric is.
        n: samples that there are.
        rows: of an earlier run.
        binary: says which columns are 0 or 1 by declaration.
        clusters: how samples hang together.
        changed: the share of the units that change from one version to the next.
        family: gates that are tested together.
    """
    told = sight(statistic, _UNITS, rows, binary=binary, margin=margin, changed=changed)
    if told.why_not or math.isnan(told.spread) or not margin > 0:
        why = told.why_not or ("" if margin > 0 else "a margin of 0 leaves nothing to show")
        return Need(metric, rule, margin, n, None, None, None, changed, clusters, why)
    by_spread = (float(ndtri(0.95)) + float(ndtri(POWER))) ** 2 * (told.spread / margin) ** 2
    if math.isnan(told.reach):
        least, to_pass = None, by_spread * clusters.rows
    else:
        least = (units_for(margin / told.reach) or 1) * clusters.heavy
        unseen = -math.log(0.05) * told.reach / margin * clusters.heavy
        alone = clusters.heavy == 1 and statistic.mean_of is not None
        to_pass = max(by_spread, least) if alone else by_spread * clusters.rows + unseen
    found = _to_find(_LARGER * margin, margin, told, changed, 0.05 / family)
    return Need(
        metric, rule, margin, n,
        None if least is None else math.ceil(least - 1e-9),
        math.ceil(max(to_pass, least or 1) - 1e-9),
        None if found is None else math.ceil(found * clusters.rows - 1e-9),
        changed, clusters,
    )  # fmt: skip


def _to_find(drop: float, margin: float, told: Sight, changed: float, alpha: float) -> int | None:
    """Return how many units find a drop with 80 % power; None where none would."""
    flips = not math.isnan(told.reach) and math.isclose(told.spread, told.reach * math.sqrt(changed))
    if not flips:
        return t_sample_size(drop, told.spread, POWER, alpha, margin=margin)
    part = drop / told.reach
    if part > 1:
        return None
    either = max(changed, part)
    return mcnemar_sample_size((either + part) / 2, (either - part) / 2, POWER, alpha, margin=margin / told.reach)
