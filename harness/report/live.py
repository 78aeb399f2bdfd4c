"""A run in flight, seen through its response store, which is opened for reading only."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.record.folder import RUN_FILE, STORE_FILE
from harness.record.lock import worked_on
from harness.report import page

_TEMPLATE: Final = "live.html.j2"
_COUNTS: Final = (
    "select task, cell, status, count(*) from responses join cells on cells.id = cell_id "
    "group by task, cell, status order by min(seq)"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a cell is."""

    task: str
    cell: str
    counts: dict[str, int]

    @property
    def total(self) -> int:
        """Responses so far."""
        return sum(self.counts.values())


def in_flight(runs: Path) -> Iterator[Path]:
    """Yield the folders on whose runs a process works; where nobody can tell, those that have no record yet."""
    for store in sorted(runs.glob(f"*/{STORE_FILE}")):
        working = worked_on(store.parent)
        if working or (working is None and not (store.parent / RUN_FILE).exists()):
            yield store.parent


def progress(folder: Path) -> list[Progress]:
    """Return the counts so far. A store that cannot be read just now has none."""
    uri = f"{(folder / STORE_FILE).resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=2)) as connection:
            rows = connection.execute(_COUNTS).fetchall()
    except sqlite3.Error:
        return []
    found: dict[tuple[str, str], dict[str, int]] = {}
    for task, cell, status, count in rows:
        found.setdefault((str(task), str(cell)), {})[str(status)] = int(count)
    return [Progress(task, cell, counts) for (task, cell), counts in found.items()]


def live_html(folder: Path) -> str:
    """Return a page that loads itself again every two seconds, without a script."""
    told = progress(folder)
    statuses = list(dict.fromkeys(status for one in told for status in one.counts))
    template = page.environment().get_template(_TEMPLATE)
    return template.render(name=folder.name, told=told, statuses=statuses, total=sum(one.total for one in told))
