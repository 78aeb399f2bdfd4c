"""Tables of runs on the terminal."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from harness.record.schema import MetricRecord, RunRecord
from harness.report.numbers import CUT_OFF, arrow, coverage, cut_off, interval, known, title
from harness.report.text import plain

_WIDEST: Final = 10_000


def console() -> Console:
    """Return a console for standard output: as wide as the terminal, and wide enough for a log."""
    made = Console(highlight=False, soft_wrap=True)
    return made if made.is_terminal else Console(highlight=False, soft_wrap=True, width=200)


def safe(text: str, limit: int = 2_000) -> str:
    r"""Return text for a cell or a line, whatever a data set or a model called things: nothing in it means anything.

    >>> print(safe("[red]a\x1b[2J"))
    \[red]a\x1b[2J
    """
    return escape(plain(text, limit))


def print_runs(out: Console, records: Sequence[RunRecord]) -> None:
    """Print all metrics, a column for each run, then findings and gates."""
    _print_whole(out, _metrics(records))
    for record in records:
        prefix = f"{title(record)}: " if len(records) > 1 else ""
        if record.status != "complete":
            out.print(f"[bold red]{prefix}run {record.status}: {safe(record.reason)}[/]")
        for name, task in record.tasks.items():
            for finding in task.findings:
                out.print(f"[yellow]{prefix}{name}: {safe(finding.text)}[/]")
    for record in records:
        if record.gates:
            _print_whole(out, _gates(record))


def _print_whole(out: Console, table: Table) -> None:
    """Print a table uncut: a terminal that is too narrow wraps its lines, but loses no number and no column."""
    natural = Measurement.get(out, out.options.update(max_width=_WIDEST), table).maximum
    out.width = max(out.width, natural)
    out.print(table)


def _metrics(records: Sequence[RunRecord]) -> Table:
    first = records[0]
    table = Table(title=f"{first.suite.name} (version {first.suite.version})", title_justify="left")
    table.add_column("metric", no_wrap=True)
    table.add_column("", no_wrap=True)
    for record in records:
        table.add_column(title(record), no_wrap=True)
        table.add_column("n", justify="right", no_wrap=True)
    for task, body in first.tasks.items():
        for name in body.metrics:
            cells = [_find(record, task, name) for record in records]
            shown = [text for metric in cells for text in (_cells(metric))]
            table.add_row(safe(f"{task}/{name}"), arrow(known(cells)), *shown)
        cut = [cut_off(record.tasks[task]) if task in record.tasks else "" for record in records]
        if any(cut):
            table.add_row(safe(f"{task}: {CUT_OFF}"), "↓", *(text for one in cut for text in ("", one)))
        table.add_section()
    return table


def _cells(metric: MetricRecord | None) -> tuple[str, str]:
    return ("", "") if metric is None else (safe(interval(metric)), coverage(metric))


def _find(record: RunRecord, task: str, name: str) -> MetricRecord | None:
    return record.tasks[task].metrics.get(name) if task in record.tasks else None


_COLORS = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "no baseline": "dim"}


def _gates(record: RunRecord) -> Table:
    table = Table(title=f"gates: {title(record)}", title_justify="left")
    for column in ("gate", "rule", "verdict", "because"):
        table.add_column(column, no_wrap=True)
    for gate in record.gates:
        color = _COLORS[gate.verdict]
        table.add_row(safe(gate.metric), gate.rule, f"[{color}]{gate.verdict}[/]", safe(gate.reason))
    return table
