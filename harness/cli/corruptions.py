"""``harness corruptions``."""

from pathlib import Path
from typing import Final

import click

_EPILOG: Final = """\b
Examples:
  harness corruptions show photo.jpg --out sheet.png
  harness corruptions show chart.png -c rotation -c occlusion --out sheet.png
  harness corruptions reference RUN severity-sweep
"""


@click.group(name="corruptions", epilog=_EPILOG)
def command() -> None:
    """Look at the corruptions."""


@command.command(epilog=_EPILOG)
@click.argument("image", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("-c", "--corruption", "names", multiple=True, help="Only these; all by default.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed, other noise.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("sheet.png"),
              show_default=True, help="PNG to write.")  # fmt: skip
def show(image: Path, names: tuple[str, ...], seed: int, out: Path) -> None:
    """Draw a contact sheet of IMAGE: a row for each corruption, a column for each severity."""
    from harness.data import FileImage
    from harness.registry import registry
    from harness.report.sheet import contact_sheet

    picture = FileImage(image, (image.parent,)).load()
    contact_sheet(picture, names or registry("corruptions").names(), seed).save(out)
    click.echo(out)


@command.command(epilog=_EPILOG)
@click.argument("run")
@click.argument("task")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for RUN.")  # fmt: skip
def reference(run: str, task: str, runs: Path) -> None:
    """Print the errors of the sweep TASK in RUN, for `reference:` in a suite (mce and relative_mce)."""
    from harness.engine.named import locate_run
    from harness.errors import UsageError, did_you_mean
    from harness.record import read_run

    record = read_run(locate_run(run, runs))
    sweeps = {name: body for name, body in record.tasks.items() if body.kind == "sweep"}
    if task not in sweeps:
        raise UsageError(f"run {record.run_id} has no sweep called {task!r}; {did_you_mean(task, sweeps)}")
    metric = str(sweeps[task].config["metric"])
    errors: dict[str, list[str]] = {}
    for cell in sweeps[task].cells.values():
        value = cell.metrics[metric].value
        if value is None:
            raise UsageError(f"run {record.run_id} has cells without a value; it cannot be a reference")
        errors.setdefault(str(cell.labels["corruption"]), []).append(f"{1 - value:.4f}")
    (clean,) = errors.pop("none")
    simulated = "  # simulated" if record.adapter.simulated else ""
    click.echo(f"reference:\n  name: {record.adapter.name}{simulated}\n  clean: {clean}\n  errors:")
    for name, row in errors.items():
        click.echo(f"    {name}: [{', '.join(row)}]")
