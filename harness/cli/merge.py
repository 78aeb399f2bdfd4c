"""``harness merge``."""

from pathlib import Path
from typing import Final

import click

_EPILOG: Final = """\b
Examples:
  harness run robustness -a onnx-int8 --shard 1/2 --out part1      on one machine
  harness run robustness -a onnx-int8 --shard 2/2 --out part2      on another
  harness merge part1/* part2/*
"""


@click.command(epilog=_EPILOG)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Folder for the run's record.")  # fmt: skip
@click.option("--report/--no-report", default=True, show_default=True, help="Write report.html beside the record.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def command(runs: tuple[Path, ...], out: Path, report: bool, as_json: bool) -> int:
    """Make one run of all its parts RUNS, which `harness run --shard K/N` made, and judge its gates.

    The record is that of a run in one piece, bit for bit. The suite's data must be where it was when the first part
    began; the model is not needed. The parts are left as they are.
    """
    from harness.cli._done import exit_code, print_done, write_report
    from harness.engine.merge import merge_runs, never_began

    for empty in filter(never_began, runs):
        click.echo(f"note: {empty} is left out: a command ended there before it asked anything", err=True)
    folder, record = merge_runs(runs, out)
    print_done([(folder, record, write_report(folder) if report else None)], as_json)
    return exit_code([record])
