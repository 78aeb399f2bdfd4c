"""Questions in a CSV or TSV file: one row each, columns named by the suite."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._mapped import MappedDataset
from harness.data._parts import Part, files_under
from harness.data._tables import CsvTable, Table
from harness.errors import ConfigError, Issue

ENTRIES: Final = {"csv": "CsvDataset", "tsv": "TsvDataset"}


class CsvDataset(MappedDataset):
    """Rows of a CSV file in UTF-8 with a header. Every cell is text: "007", "NA" and "1.0" stay what they are.

    Cells of `answers`, `images`, `choices` and other facts that are lists are written as JSON. An empty cell is a
    missing value. The cluster of a row is its image, unless a column says otherwise.
    """

    title: ClassVar[str] = "CSV"
    expects: ClassVar[str] = "a file of comma-separated values in UTF-8, its first row the columns' names"
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    delimiter: ClassVar[str] = ","

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        if path.is_file():
            # Any file may be called one, but only its name makes it look like one.
            return [Part(path.stem, (path,), certainty=2 if path.suffix.lower() in cls.suffixes else 0)]
        return [Part(file.stem, (file,), certainty=2) for file in files_under(path, *cls.suffixes)]

    def open(self, parts: Sequence[Part]) -> Table:
        if len(parts) > 1 or len(parts[0].files) > 1:
            raise ConfigError(Issue(("path",), f"{self.path} holds several tables", "name one of them"))
        table = CsvTable(parts[0].files[0], self.delimiter)
        self.columns_known(table.columns, table.files[0].name)
        return table


class TsvDataset(CsvDataset):
    """Rows of a file of tab-separated values; otherwise as `csv`."""

    title: ClassVar[str] = "TSV"
    expects: ClassVar[str] = "a file of tab-separated values in UTF-8, its first row the columns' names"
    suffixes: ClassVar[tuple[str, ...]] = (".tsv", ".tab")
    delimiter: ClassVar[str] = "\t"
