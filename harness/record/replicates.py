"""Metrics under shared draws, kept beside a run so that two runs can be compared draw by draw."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError

REPLICATES_FILE: Final = "replicates.parquet"


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """A metric under shared draws."""

    draws: NDArray[np.float64]
    """[B]"""
    units: int | None = None
    """Independent units of the smallest class that the metric rests on; None: all its samples."""
    reach: float | None = None
    """How far two values of the metric can lie apart; None where nobody knows."""


def write_replicates(folder: Path, replicates: Mapping[str, Replicates]) -> None:
    """Write the draws of each ``task/metric`` atomically; nothing where there are none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not replicates:
        return
    # float32 keeps seven digits: a difference of draws is blurred far less than two draws differ.
    kept = replicates.values()
    table = pa.table({
        "metric": pa.array([*replicates]),
        "draws": pa.array([np.asarray(one.draws, np.float32) for one in kept], pa.list_(pa.float32())),
        "units": pa.array([one.units for one in kept], pa.int64()),
        "reach": pa.array([one.reach for one in kept], pa.float64()),
    })  # fmt: skip
    temporary = folder / f".{REPLICATES_FILE}.part"
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(folder / REPLICATES_FILE)


def read_replicates(folder: Path) -> dict[str, Replicates]:
    """Return the draws of each ``task/metric``; none where the run kept none.

    Raises:
        UsageError: if the file is there and cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder / REPLICATES_FILE
    if not file.is_file():
        return {}
    try:
        rows = pq.read_table(file).to_pylist()
        # Files of older runs know nothing of units and reach.
        return {
            row["metric"]: Replicates(np.array(row["draws"], np.float64), row.get("units"), row.get("reach"))
            for row in rows
        }
    except (OSError, pa.ArrowInvalid, KeyError) as cause:
        raise UsageError(f"{file} cannot be read: {cause}") from cause
