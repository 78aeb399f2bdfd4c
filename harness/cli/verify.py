"""``harness verify``."""

import json
from pathlib import Path
from typing import Final

import click

from harness.errors import ExitCode

_EPILOG: Final = """\b
Examples:
  harness verify                     the newest run under results/runs
  harness verify results/runs/robustness-onnx-int8-…
  harness verify baselines/main/robustness-onnx-int8 --json
"""


@click.command(epilog=_EPILOG)
@click.argument("run", required=False)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for RUN.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(run: str | None, runs: Path, as_json: bool) -> ExitCode:
    """Hold a run beside itself: its files beside their checksums, its numbers beside its samples.

    Exit code 0: all agree. 1: something does not. 2: it is no run, or run.json itself was changed.
    """
    from harness.comparison.verify import verify
    from harness.engine.named import locate_run
    from harness.record import Run

    found = verify(Run(locate_run(run, runs)))
    if as_json:
        doubts = [{"where": one.where, "said": one.said} for one in found.doubts]
        click.echo(json.dumps({"files": found.files, "numbers": found.numbers, "doubts": doubts}, indent=2))
    else:
        for doubt in found.doubts:
            click.echo(str(doubt))
        files = f"{found.files} files" if found.files else "no file (a record of before has no checksums)"
        outcome = f"{len(found.doubts)} of them do not agree" if found.doubts else "all agree"
        click.echo(f"{files} and {found.numbers} numbers checked: {outcome}")
    return ExitCode.REGRESSION if found.doubts else ExitCode.OK
