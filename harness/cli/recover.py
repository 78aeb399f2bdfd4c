"""``harness recover``."""

from pathlib import Path
from typing import Final

import click

_EPILOG: Final = """\b
Examples:
  harness recover results/runs/robustness-onnx-int8-…
  harness recover                     the newest unfinished run under results/runs
"""


@click.command(epilog=_EPILOG)
@click.argument("run", required=False)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for RUN.")  # fmt: skip
def command(run: str | None, runs: Path) -> None:
    """Write the record of RUN from what its store holds, without the model.

    A store that is truncated or damaged is set aside, and what can be read of it goes into a new one; batches of which
    anything is lost are dropped. `harness resume` then asks what is missing.
    """
    from harness.engine.named import locate_unfinished
    from harness.engine.recover import recover_run

    found = recover_run(locate_unfinished(run, runs))
    if found.damaged:
        click.echo(f"the damaged store lies in {found.damaged.parent}")
    click.echo(f"{found.saved:,} of {found.expected:,} responses saved")
    click.echo(f"record: {found.folder}")
    click.echo(f"to ask the rest: harness resume {found.folder}")
