"""``harness data``."""

from pathlib import Path
from typing import Final

import click

_EPILOG: Final = """\b
Examples:
  harness data show ChartQA/
  harness data check rows.jsonl
  harness data check my-suite.yaml --root /data/images
"""

_UNREAD: Final = "cannot be read:"
_UNOPENED: Final = "have media that cannot be opened:"


@click.group(name="data", epilog=_EPILOG)
def command() -> None:
    """Look at data."""


_ROOT: Final = click.option(
    "--root", "roots", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder outside the data's own that images may lie in.",
)  # fmt: skip


@command.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--type", "kind", help="Which layout, where several would do (`harness list datasets`).")
@click.option("--split", help="Which split; a test or validation split by default.")
@click.option("--config", help="Which configuration: a language, a subject.")
@click.option("--field", "fields", multiple=True, metavar="NAME=COLUMN", help="Which column is what, of a table.")
@click.option("--images", help="The folder that paths of images start at, relative to PATH.")
@click.option("--rows", default=5, show_default=True, type=click.IntRange(0, 1000), help="How many rows.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_ROOT
def show(
    path: Path,
    kind: str | None,
    split: str | None,
    config: str | None,
    fields: tuple[str, ...],
    images: str | None,
    rows: int,
    as_json: bool,
    roots: tuple[Path, ...],
) -> None:
    """Say which layout the files under PATH are in, by looking at them, and show the first rows."""
    import json

    from harness.cli._rows import first_rows, in_text, layout_as_data
    from harness.data import open_found
    from harness.suite.starter import keys_for, layout

    found, others = layout(path, kind)
    keys = keys_for(found, path, roots, split=split, config=config, fields=pairs(fields))
    dataset = open_found(found, path, roots, images=images, **keys)
    told = layout_as_data(found, keys, others) | {"count": len(dataset), "rows": first_rows(dataset, rows)}
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    click.echo(f"{path}: {found.title} (`type: {found.type}`)")
    if others:
        click.echo(f"  could be read as well as: {', '.join(one.type for one in others)}")
    parts = [f"{config}/{split}" if config else split for config, split in found.splits()]
    click.echo(f"  splits   {', '.join(parts[:20])}{' …' if len(parts) > 20 else ''}")
    said = ", ".join(f"{name}: {value}" for name, value in keys.items() if name in ("config", "split"))
    click.echo(f"  rows     {len(dataset):,}{f' ({said})' if said else ''}")
    if told["metrics"]:
        names = [
            one if isinstance(one, str) else f"{one['metric']} {one.get('variant', '')}" for one in told["metrics"]
        ]
        click.echo(f"  metrics  {', '.join(name.strip() for name in names)}: {told['source']}")
    for row in told["rows"]:
        click.echo("\n" + "\n".join(in_text(row)))
    click.echo(f"\na suite with it: harness init --from {found.type} {path}")


def pairs(fields: tuple[str, ...]) -> dict[str, str]:
    """Return `NAME=COLUMN` options as a mapping.

    Raises:
        UsageError: if one has no `=`.
    """
    from harness.errors import UsageError

    found = {}
    for text in fields:
        name, equals, column = text.partition("=")
        if not (name and equals and column):
            raise UsageError(f"--field {text!r} is not of the form NAME=COLUMN")
        found[name] = column
    return found


@command.command(epilog=_EPILOG)
@click.argument("name", metavar="FILE|SUITE")
@_ROOT
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
