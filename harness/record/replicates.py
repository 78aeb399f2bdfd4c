"""Metrics under shared draws, kept beside a run so that two runs can be compared draw by draw."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError

REPLICATES_FILE: Final = "replicates.parquet"


def write_replicates(folder: Path, replicates: Mapping[str, NDArray[np.float64]]) -> None:
    """Write the draws of each ``task/metric`` atomically; nothing where there are none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not replicates:
        return
    # float32 keeps seven digits: a difference of draws is blurred far less than two draws differ.
    values = [np.asarray(draws, np.float32) for draws in replicates.values()]
    table = pa.table({"metric": pa.array([*replicates]), "draws": pa.array(values, pa.list_(pa.float32()))})
    temporary = folder / f".{REPLICATES_FILE}.part"
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(folder / REPLICATES_FILE)


def read_replicates(folder: Path) -> dict[str, NDArray[np.float64]]:
    """Return the draws of each ``task/metric``, float64 [B]; none where the run kept none.

    Raises:
        UsageError: if the file is there and cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder / REPLICATES_FILE
    if not file.is_file():
        return {}
    try:
        table = pq.read_table(file, columns=["metric", "draws"])
    except (OSError, pa.ArrowInvalid, KeyError) as cause:
        raise UsageError(f"{file} cannot be read: {cause}") from cause
    return {row["metric"]: np.array(row["draws"], np.float64) for row in table.to_pylist()}
