"""Questions in Parquet files or in a folder that `Dataset.save_to_disk` wrote: one row each, columns by the suite."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._arrow import ArrowTable, ParquetTable
from harness.data._mapped import MappedDataset
from harness.data._parts import Part, parquet_parts
from harness.data._tables import Table

ENTRIES: Final = {"parquet": "ParquetDataset"}

_STATE: Final = "state.json"
_SPLITS: Final = "dataset_dict.json"


class ParquetDataset(MappedDataset):
    """Rows of Parquet shards or of an Arrow folder, read batch by batch.

    Images are `datasets`' structs of bytes and path, plain bytes, paths, or lists of these; a column of ClassLabel
    gives the names of its classes. A split is what the shards' names say (``test-00000-of-00003.parquet``), a
    configuration the folder that they lie in.
    """

    title: ClassVar[str] = "Parquet"
    expects: ClassVar[str] = "Parquet files, or a folder with state.json or dataset_dict.json"
    pooled: ClassVar[bool] = False

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        if path.is_dir() and (path / _SPLITS).is_file():
            names = json.loads((path / _SPLITS).read_bytes()).get("splits") or []
            return [Part(str(name), (path / str(name) / _STATE,), certainty=3) for name in names]
        if path.is_dir() and (path / _STATE).is_file():
            return [Part("all", (path / _STATE,), certainty=3)]
        parts = parquet_parts(path, ())
        return [Part(part.split, part.files, part.config, 2) for part in parts]

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        table: ArrowTable | ParquetTable
        table = ArrowTable(files[0].parent) if files[0].name == _STATE else ParquetTable(files)
        self.columns_known(table.columns, files[0].name)
        return table
