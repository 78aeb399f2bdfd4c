"""``harness data``."""

from pathlib import Path
from typing import Final

import click

_EPILOG: Final = """\b
Examples:
  harness data check rows.jsonl
  harness data check my-suite.yaml --root /data/images
"""

_UNREAD: Final = "cannot be read:"
_UNOPENED: Final = "have media that cannot be opened:"


@click.group(name="data", epilog=_EPILOG)
def command() -> None:
    """Look at data."""


@command.command(epilog=_EPILOG)
@click.argument("name", metavar="FILE|SUITE")
@click.option("--root", "roots", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="A folder outside the file's own that images may lie in.")  # fmt: skip
def check(name: str, roots: tuple[Path, ...]) -> int:
    """Read every row of FILE (as `type: jsonl` does) or of a SUITE's datasets, and open every image and clip.

    Each row that cannot be read, and each image that cannot be opened, is named with its file:line. Exit code 0 if
    there is none, 2 otherwise. Rows under other keys, or with keys of their own, need the suite that says so.
    """
    from harness.errors import ExitCode
    from harness.suite.bind import load_suite
    from harness.suite.broken import Broken, read_file
    from harness.suite.data import check_data

    faults: list[tuple[Broken, str]]
    warnings: list[str] = []
    if Path(name).suffix in (".jsonl", ".ndjson", ".json"):
        counted, reader = read_file(Path(name), roots)
        faults = [(reader.broken, _UNREAD), (reader.unopened, _UNOPENED)]
    else:
        suite = load_suite(name, roots)
        found = check_data(suite, None, media=True)
        faults = [(one, _UNREAD) for one in found.broken]
        faults += [(one, _UNOPENED) for one in found.unopened]
        found.unopened = []
        warnings = found.warnings()
        counted = sum(len(dataset) for dataset in suite.datasets.values())
    said = [one.told(what, None) for one, what in faults if one.rows]
    for text in said:
        click.echo(text)
    for text in warnings:
        click.echo(f"warning: {text}", err=True)
    if said:
        return ExitCode.USAGE
    click.echo(f"{name}: {counted:,} rows, each can be read and its media opened")
    return ExitCode.OK
