"""The runs that lie here, newest first, with what to call them."""

import json
from pathlib import Path
from typing import Final

import click

from harness.cli._grid import console, print_grid, safe
from harness.engine.open_run import unfinished
from harness.errors import HarnessError
from harness.record import RunRecord, find_runs, read_run
from harness.report.numbers import interval, title

_FEW: Final = 20
"""So many are printed; JSON has all."""


def print_run_list(runs: Path, as_json: bool) -> None:
    """Print the runs under a folder, and those that can be continued."""
    folders = [*find_runs(runs)][::-1]
    open_ = [folder.name for folder in unfinished(runs)]
    if as_json:
        told = [_told(number, folder) for number, folder in enumerate(folders, 1)]
        click.echo(json.dumps({"runs": told, "unfinished": open_}, indent=2))
        return
    rows = [_told(number, folder) for number, folder in enumerate(folders[:_FEW], 1)]
    wide = {name: max((len(row[name]) for row in rows), default=0) for name in ("run", "id", "suite")}
    table = []
    for row in rows:
        padded = (safe(row[name]) + " " * (width - len(row[name])) for name, width in wide.items())
        called = "  ".join((*padded, safe(row["adapter"])))
        table.append([called, *(safe(row[name]) for name in ("made", "status", "headline"))])
    if table:
        print_grid(console(), ["run", "made", "status", "headline"], table)
    if len(folders) > _FEW:
        click.echo(f"and {len(folders) - _FEW:,} before them; --json has all")
    for name in open_:
        click.echo(f"unfinished: harness resume {name}")
    if not rows and not open_:
        click.echo(f"there are no runs in {runs}; make one: harness run robustness --adapter onnx-int8")


def _told(number: int, folder: Path) -> dict[str, str]:
    told = {"run": f"@{number}", "id": folder.name.rpartition("-")[2], "folder": str(folder)}
    try:
        record = read_run(folder)
    except HarnessError as cause:
        return told | {"made": "", "suite": "", "adapter": "", "status": "unreadable", "headline": str(cause)}
    return told | {
        "made": f"{record.started:%Y-%m-%d %H:%M}",
        "suite": record.suite.name,
        "adapter": title(record),
        "status": _status(record),
        "headline": _headline(record),
    }


def _status(record: RunRecord) -> str:
    """Return what became of a run: what failed, where it ended early, and else what its gates say of it alone."""
    if record.status != "complete":
        return record.status
    verdicts = {gate.verdict for gate in record.gates}
    known = (verdict for verdict in ("fail", "inconclusive", "pass") if verdict in verdicts)
    return "inconclusive" if record.doubtful else next(known, "complete")


def _headline(record: RunRecord) -> str:
    """Return the first number that a task puts first: ``chart-qa/relaxed_accuracy 0.983 [0.964, 0.991]``."""
    for name, task in record.tasks.items():
        if metric := task.metrics.get(task.primary):
            return f"{name}/{task.primary} {interval(metric)}"
    return next((f"{name}/{one} {interval(task.metrics[one])}" for name, task in record.tasks.items()
                 for one in [*task.metrics][:1]), "")  # fmt: skip
