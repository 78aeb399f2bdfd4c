"""The answers of a run that came and are wrong."""

import numpy as np
from numpy.typing import NDArray

from harness.comparison.columns import Index, Samples
from harness.comparison.described import described
from harness.comparison.flips import RIGHT
from harness.record.arrow import as_numpy
from harness.record.failures import broken_rows
from harness.record.schema import TaskRecord
from harness.record.sources import Source

Mask = NDArray[np.bool_]


def wrong_rows(samples: Samples, task: TaskRecord) -> Index:
    """Return the places of answers that came and are wrong, [wrong]; none where the primary metric does not tell.

    Args:
        samples: of one task.
        task: its record.
    """
    if not tells(samples, task):
        return np.empty(0, np.int64)
    worths = samples.worths(task.primary, described(task, samples.metrics).columns[task.primary])
    found: Index = np.flatnonzero(~broken(samples.source) & (worths < RIGHT) & _asked(samples.source))
    return found


def broken(source: Source) -> Mask:
    """Return which answers did not come, or broke a metric, [rows]."""
    import pyarrow as pa

    parts = [as_numpy(broken_rows(pa.Table.from_batches([batch])), 1) for batch in source.batches(["status", "error"])]
    return np.concatenate([np.zeros(0, bool), *parts])


def _asked(source: Source) -> Mask:
    """Return the rows that were asked anything, [rows]: a floor such as `majority` has answers to nothing."""
    import pyarrow.compute as pc

    there = [name for name in ("prompt", "references") if name in source.column_names]
    if not there:
        return np.ones(source.num_rows, bool)
    parts = [np.zeros(0, bool)]
    for batch in source.batches(there):
        known = []
        if "prompt" in there:
            known.append(as_numpy(pc.is_valid(batch.column("prompt")), 0))
        if "references" in there:
            known.append(as_numpy(pc.list_value_length(batch.column("references")), 0) > 0)
        parts.append(np.any(known, axis=0))
    return np.concatenate(parts)


def tells(samples: Samples, task: TaskRecord) -> bool:
    """Return whether the primary metric of a task tells right answers from wrong ones."""
    return task.primary in samples.metrics and described(task, samples.metrics).flips(task.primary)
