"""A table of Weights & Biases: the ``.table.json`` that its artefacts and its ``Table`` hold.

Layout: wandb/wandb, ``wandb/sdk/data_types/table.py``: ``columns`` and ``data``, a list a row.
"""

import json
from pathlib import Path
from typing import ClassVar, Final

from harness.exports._rows import rows
from harness.exports.table import columns
from harness.record import Run

ENTRIES: Final = {"wandb-table": "WandbTable"}


class WandbTable:
    """The table of ``harness export --to csv`` as a file that ``wandb.Artifact.add_file`` takes."""

    suffix: ClassVar[str] = ".table.json"

    def write(self, run: Run, out: Path) -> int:
        """Write a row an answer."""
        table = columns(run)
        with out.open("w", encoding="utf-8") as opened:
            opened.write(f'{{"columns": {json.dumps(table.column_names)}, "data": [')
            for place, row in enumerate(rows(table)):
                opened.write((",\n" if place else "\n") + json.dumps([*row.values()], ensure_ascii=False))
            opened.write(f'\n], "ncols": {table.num_columns}, "nrows": {table.num_rows}}}\n')
        return int(table.num_rows)
