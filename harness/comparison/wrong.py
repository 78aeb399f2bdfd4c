"""The answers of a run that came and are wrong."""

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.columns import Index, Samples
from harness.comparison.described import described
from harness.comparison.flips import RIGHT
from harness.record.arrow import as_numpy
from harness.record.failures import broken_rows
from harness.record.schema import TaskRecord

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


def wrong_rows(samples: Samples, task: TaskRecord) -> Index:
    """Return the places of answers that came and are wrong, [wrong]; none where the primary metric does not tell.

    Args:
        samples: of one task.
        task: its record.
    """
    if not tells(samples, task):
        return np.empty(0, np.int64)
    worths = samples.worths(task.primary, described(task, samples.metrics).columns[task.primary])
    found: Index = np.flatnonzero(~as_numpy(broken_rows(samples.table), 1) & (worths < RIGHT) & _asked(samples.table))
    return found


def _asked(table: "pa.Table") -> "NDArray[np.bool_]":
    """Return the rows that were asked anything, [rows]: a floor such as `majority` has answers to nothing."""
    import pyarrow.compute as pc

    known = []
    if "prompt" in table.column_names:
        known.append(as_numpy(pc.is_valid(table["prompt"]), 0))
    if "references" in table.column_names:
        known.append(as_numpy(pc.list_value_length(table["references"]), 0) > 0)
    return np.any(known, axis=0) if known else np.ones(table.num_rows, bool)


def tells(samples: Samples, task: TaskRecord) -> bool:
    """Return whether the primary metric of a task tells right answers from wrong ones."""
    return task.primary in samples.metrics and described(task, samples.metrics).flips(task.primary)
