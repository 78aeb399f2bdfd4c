"""Everything that is to be said about two runs, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.comparison.delta import Delta, row_of
from harness.comparison.flips import Flipped
from harness.comparison.identity import Difference as Changed
from harness.comparison.labelled import Labelled
from harness.comparison.sets import Unpaired
from harness.comparison.slices import SliceDelta
from harness.labels import LabelSet
from harness.record.folder import need_pandas
from harness.record.schema import RunRecord
from harness.shown import Shown
from harness.stats.results import Comparison

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, repr=False)
class Compared(Shown):
    """Everything that is to be said about two runs."""

    baseline: RunRecord
    candidate: RunRecord
    deltas: tuple[Delta, ...]
    cells: tuple[Delta, ...]
    """The primary metric in every cell of tasks with more than one; exploratory."""
    slices: tuple[SliceDelta, ...]
    """Those that fell most in each task, the worst first; exploratory."""
    flips: tuple[Flipped, ...]
    lineage: tuple[Changed, ...]
    warnings: tuple[str, ...]
    forced: tuple[str, ...]
    """Why these runs must not be compared, where ``force`` did it all the same."""
    resamples: int
    seed: int
    ratios: Mapping[str, Comparison] = field(default_factory=dict)
    """How many times worse the metrics are that were asked for as ratios."""
    cut_off: tuple[Delta, ...] = ()
    """How the share of answers that were cut off moved, of each task where any was; tested apart from the metrics."""
    unpaired: tuple[Unpaired, ...] = ()
    """The rows of each task that have no partner; ``warnings`` has them as sentences."""
    allow_missing: float = 0.0
    """The share of the baseline's rows of a task that may be among them before its gates decide nothing."""
    looked: int = 0
    """Slices that were looked at, each metric and cell counted."""
    labelled: tuple[Labelled, ...] = ()
    """What people's labels say of each task of which there are any."""
    labels_file: str = ""
    """Where labels were looked for; empty where nobody asked for any."""
    labels: LabelSet = field(default_factory=LabelSet)
    """All of that file."""

    @property
    def simulated(self) -> bool:
        """Whether a number comes from a run without a model."""
        return self.baseline.adapter.simulated or self.candidate.adapter.simulated

    def delta(self, name: str) -> Delta | None:
        """Return the delta of ``task/metric``."""
        return next((delta for delta in self.deltas if delta.name == name), None)

    def frame(self) -> "pd.DataFrame":
        """Return every metric as a data frame, a row each.

        ``change`` is candidate − baseline as it is; ``low`` and ``high`` are its interval; ``moved`` says ``better`` or
        ``worse`` where the adjusted p, ``adjusted_p``, does.

        Raises:
            UsageError: if pandas is not installed.
        """
        need_pandas("frame()")
        import pandas as pd

        columns = ["task", "metric", "direction", "baseline", "candidate", "change", "low", "high", "pairs"]
        return pd.DataFrame([row_of(delta) for delta in self.deltas], columns=[*columns, "adjusted_p", "moved", "note"])
