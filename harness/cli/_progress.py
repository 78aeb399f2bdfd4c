"""Show how far a run is: a live bar on a terminal, a plain line now and then in a log."""

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from harness.cli._streams import tell
from harness.engine.options import Silent

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_SECONDS_BETWEEN_LINES: Final = 10.0


class Lines:
    """A line at every tenth of the run, or every ten seconds."""

    def __init__(self) -> None:
        self._adapter, self._total, self._done = "", 0, 0
        self._said_at, self._said_share = 0.0, 0.0

    def begin(self, adapter: str, total: int) -> None:
        self._adapter, self._total, self._done = adapter, total, 0
        self._said_at, self._said_share = time.monotonic(), 0.0
        tell(f"{adapter}: {total:,} requests")

    def advance(self, cell: str, done: int, failed: int) -> None:
        self._done += done
        share = self._done / max(1, self._total)
        if share - self._said_share >= 0.1 or time.monotonic() - self._said_at >= _SECONDS_BETWEEN_LINES:
            self._said_share, self._said_at = share, time.monotonic()
            trouble = f", {failed:,} failed" if failed else ""
            tell(f"{self._adapter}: {self._done:,} of {self._total:,} ({share:.0%}){trouble}  {cell}")

    def end(self) -> None: ...


class Bar:
    """A live bar with the cell at work, the rate and the time left."""

    def __init__(self) -> None:
        self._progress: RichProgress | None = None
        self._task: TaskID | None = None

    def begin(self, adapter: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[cell]}"),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(adapter, total=total, cell="")
        self._progress.start()

    def advance(self, cell: str, done: int, failed: int) -> None:
        if self._progress is None or self._task is None:
            return
        with suppress(OSError, ValueError):  # a terminal that has gone away costs the bar, not the run
            trouble = f" [red]{failed:,} failed[/red]" if failed else ""
            self._progress.update(self._task, advance=done, cell=cell + trouble)

    def end(self) -> None:
        if self._progress is not None:
            with suppress(OSError, ValueError):
                self._progress.stop()


def choose(quiet: bool) -> Silent | Lines | Bar:
    """Return what fits where standard error goes."""
    if quiet:
        return Silent()
    return Bar() if sys.stderr is not None and sys.stderr.isatty() else Lines()
