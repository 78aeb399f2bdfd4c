"""The small pictures that a run keeps of its samples: one file, and whose picture each of them is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from harness.record.arrow import array
from harness.record.datasets import dataset_of
from harness.record.schema import RunRecord

THUMBNAILS_FILE: Final = Path("artifacts") / "thumbnails.parquet"

Shown = tuple[str, str, str]
"""Task, cell and sample."""
Own = tuple[str | None, str]
"""Data set and sample: two data sets may have the same ids. The data set is None where nothing tells which it is."""


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """Pictures as WebP."""

    own: Mapping[Own, bytes] = field(default_factory=dict)
    """As the data sets have them."""
    shown: Mapping[Shown, bytes] = field(default_factory=dict)
    """What a model saw of some answers, where it was another picture."""
    datasets: Mapping[str, str | None] = field(default_factory=dict)
    """By task: what it asks about."""

    def __bool__(self) -> bool:
        return bool(self.own or self.shown)

    @classmethod
    def read(cls, folder: Path, record: RunRecord) -> Self:
        """Return what a run keeps; nothing where it keeps none, or the file is damaged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.ParquetFile(folder / THUMBNAILS_FILE).read()
            ids, webps = (table[name].to_pylist() for name in ("sample_id", "webp"))
        except (OSError, pa.ArrowInvalid, KeyError):
            return cls()
        nobody = [None] * table.num_rows  # of earlier versions, which kept a picture by its sample's id alone
        names, tasks, cells = (
            table[name].to_pylist() if name in table.column_names else nobody for name in ("dataset", "task", "cell")
        )
        rows = list(zip(names, tasks, cells, ids, webps, strict=True))
        return cls(
            {(name, identity): webp for name, task, _, identity, webp in rows if task is None},
            {(task, cell, identity): webp for _, task, cell, identity, webp in rows if task is not None},
            {task: dataset_of(record, task) for task in record.tasks},
        )

    def write(self, folder: Path) -> None:
        """Keep them in a run's folder, in place of what is there.

        Columns are sample_id, dataset, task, cell and webp. Task and cell are null of a picture as the data set has it.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows: list[tuple[str | bytes | None, ...]]
        rows = [(identity, name, None, None, webp) for (name, identity), webp in self.own.items()]
        rows += [(identity, None, task, cell, webp) for (task, cell, identity), webp in self.shown.items()]
        columns = zip(*rows, strict=True) if rows else ((),) * 5
        names, kinds = ("sample_id", "dataset", "task", "cell", "webp"), (*(pa.string(),) * 4, pa.binary())
        target = folder / THUMBNAILS_FILE
        target.parent.mkdir(parents=True, exist_ok=True)
        made = zip(names, columns, kinds, strict=True)
        pq.write_table(pa.table({name: array(values, kind) for name, values, kind in made}), target)

    def of(self, task: str, sample: str) -> bytes | None:
        """Return the picture of a task's sample as the data set has it; None where there is none."""
        found = self.own.get((self.datasets.get(task), sample))
        return self.own.get((None, sample)) if found is None else found
