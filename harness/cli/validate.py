"""``harness validate``."""

import json
from pathlib import Path
from typing import Final

import click

_EPILOG: Final = """\b
Examples:
  harness validate suites/robustness.yaml
  harness validate my-suite.yaml --adapter my-adapter.yaml --json
"""


@click.command(epilog=_EPILOG)
@click.argument("suite")
@click.option(
    "-a",
    "--adapter",
    "adapters",
    multiple=True,
    metavar="ADAPTER",
    help="Check this adapter file too, and that it can do what the suite needs.",
)
@click.option("--root", "roots", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="A folder outside the suite's own that its data may lie in.")  # fmt: skip
@click.option(
    "--data", "whole", is_flag=True, help="Read all rows, not only the first 100,000, and open every image and clip."
)
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def command(suite: str, adapters: tuple[str, ...], roots: tuple[Path, ...], whole: bool, as_json: bool) -> int:
    """Check SUITE, name by name, read its data, and try two samples of each task on a simulated adapter.

    Exit code 0 if it can be run, 2 with file:line:column for everything that is wrong; rows that cannot be read are. A
    row whose references a metric cannot judge is a warning with its file:line: such a sample is undefined, and no model
    is blamed for it. So is an image that cannot be opened: it costs its sample.
    """
    from harness.cli._stdout import kept_for_json
    from harness.engine.dry import try_samples
    from harness.errors import ExitCode, SpecError
    from harness.patience import patiently
    from harness.suite.adapters import read_adapter
    from harness.suite.bind import load_suite
    from harness.suite.data import ROWS, check_data
    from harness.suite.fit import misfits

    try:
        with kept_for_json(as_json):
            loaded = load_suite(suite, roots)
            rows, patience = None if whole else ROWS, loaded.spec.engine.timeout
            read = patiently(lambda: check_data(loaded, rows, media=whole), patience)
            checked = misfits(loaded, [read_adapter(adapter) for adapter in adapters])
            troubles = [*checked, *read.refusals(), *try_samples(loaded)]
    except SpecError as error:
        if not as_json:
            raise
        click.echo(
            json.dumps(
                {"valid": False, "problems": [_row(p.mark, p.message, p.hint) for p in error.problems]}, indent=2
            )
        )
        return error.exit_code
    if as_json:
        said = {
            "valid": not troubles,
            "problems": [{"message": text} for text in troubles],
            "warnings": read.warnings(),
            "notes": read.notes(),
        }
        click.echo(json.dumps(said, indent=2))
        return ExitCode.USAGE if troubles else ExitCode.OK
    for kind, texts in (("warning", read.warnings()), ("note", read.notes())):
        for text in texts:
            click.echo(f"{kind}: {text}", err=True)
    for text in troubles:
        click.echo(f"{loaded.file}: {text}", err=True)
    if troubles:
        return ExitCode.USAGE
    cells = sum(len(task.cells()) for task in loaded.tasks.values())
    click.echo(f"{loaded.file}: ok; {len(loaded.tasks)} tasks, {cells} cells, {len(loaded.spec.gates)} gates")
    return ExitCode.OK


def _row(mark: object, message: str, hint: str) -> dict[str, str]:
    return {"at": str(mark), "message": message, "hint": hint}
