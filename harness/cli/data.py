"""``harness data``."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from harness.suite.checks import Gate, Looked
    from harness.tasks.draw import Draw

_EPILOG: Final = """\b
Examples:
  harness data show ChartQA/
  harness data check rows.jsonl
  harness data check ChartQA/ --gate leakage=0 --gate repeated=1%
  harness data check my-suite.yaml --root /data/images
  harness data check ChartQA/ --gates gates.yaml --format html --out page.html
  harness data convert MMBench_DEV_EN.tsv -o mmbench
  harness data sample ChartQA/ 500 -o chartqa-500 --by category
"""


@click.group(name="data", epilog=_EPILOG)
def command() -> None:
    """Look at data."""


_ROOT: Final = click.option(
    "--root", "roots", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder outside the data's own that images may lie in.",
)  # fmt: skip


def _which(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which rows under a path are meant."""
    for option in (
        _ROOT,
        click.option("--images", help="The folder that paths of images start at, relative to PATH."),
        click.option("--field", "fields", multiple=True, metavar="NAME=COLUMN", help="Which column is what."),
        click.option("--config", help="Which configuration: a language, a subject."),
        click.option("--split", help="Which split; a test or validation split by default."),
        click.option("--type", "kind", help="Which layout, where several would do (`harness list datasets`)."),
    ):
        function = option(function)
    return function


@command.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path))
@_which
@click.option("--rows", default=5, show_default=True, type=click.IntRange(0, 1000), help="How many rows.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
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
@click.argument("name", metavar="PATH|SUITE")
@click.option("--type", "kind", help="Which layout PATH is in, where several would do.")
@click.option("--split", help="Only this split; all of them are compared by default.")
@click.option("--config", help="Which configuration: a language, a subject.")
@click.option("--field", "fields", multiple=True, metavar="NAME=COLUMN", help="Which column is what, of a table.")
@click.option("--images", help="The folder that paths of images start at, relative to PATH.")
@click.option("--gate", "stated", multiple=True, metavar="KIND=MOST",
              help="Exit with 1 where a kind has more rows: leakage=0, repeated=1%. May be repeated.")  # fmt: skip
@click.option("--gates", "file", type=click.Path(path_type=Path, dir_okay=False),
              help="A YAML file with `gates:`, a mapping of kinds; --gate stands over it.")  # fmt: skip
@click.option("--strict", is_flag=True, help="Exit with 1 where anything at all was found.")
@click.option("--rows", default=20, show_default=True, type=click.IntRange(0), help="Rows to name of each kind.")
@click.option("--format", "format_", type=click.Choice(["text", "html"]), default="text", show_default=True,
              help="html: a page with the pictures of the rows, written to --out.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False),
              help="The page to write; data-check.html by default.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all rows.")
@_ROOT
def check(
    name: str,
    kind: str | None,
    split: str | None,
    config: str | None,
    fields: tuple[str, ...],
    images: str | None,
    stated: tuple[str, ...],
    file: Path | None,
    strict: bool,
    rows: int,
    format_: str,
    out: Path | None,
    as_json: bool,
    roots: tuple[Path, ...],
) -> int:
    """Read every row of PATH (a file or folder in any layout) or of a SUITE's datasets; open every picture and clip.

    What cannot be read or opened is named with its place, and the exit code is 2. Beyond that it tells duplicates and
    near duplicates, what one split shares with another, questions with other answers elsewhere, answers that are no
    option, how answers are spread, boxes beyond their picture, blank, tiny and huge pictures, and more. Such findings
    fail the check (exit code 1) where a gate says so: of the command line, of a file, or of the suite's datasets
    (`gates:` there). `mistakes=0` stands for the kinds that are wrong whatever is measured.
    """
    import json

    from harness.errors import ExitCode, UsageError
    from harness.patience import patiently
    from harness.suite.bind import load_suite
    from harness.suite.checks import gates_of, parse_gates, read_data_gates
    from harness.suite.checks.run import inspect_path, inspect_suite

    if out is not None and format_ != "html":
        raise UsageError("--out is where --format html goes; give that too")
    written = parse_gates(stated)
    gates = gates_of({**(read_data_gates(file) if file else {}), **written})
    warnings: list[str] = []
    path = Path(name)
    with _bar() as advance:
        if path.is_dir() or (path.exists() and (path.suffix not in (".yaml", ".yml") or path.name == "data.yaml")):
            said = pairs(fields)
            looked = patiently(
                lambda: inspect_path(
                    path, roots, kind=kind, split=split, config=config, fields=said, images=images, advance=advance
                )
            )
        else:
            suite = load_suite(name, roots)
            gates = [*suite.data_gates, *gates]
            looked, warnings = patiently(lambda: inspect_suite(suite, advance), suite.spec.engine.timeout)
        found = looked.findings
        page = _page(name, looked, gates, strict, rows, out or Path("data-check.html")) if format_ == "html" else None
    failed = [one for one in map(found.judged, gates) if not one.met]
    if as_json:
        told = {**found.as_data(gates), "warnings": warnings} | ({"page": str(page)} if page else {})
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        for text in found.told(rows):
            click.echo(text)
        for text in warnings:
            click.echo(f"warning: {text}", err=True)
        if not found.unusable:
            click.echo(f"{name}: {found.rows:,} rows, each can be read and its media opened")
        if page:
            click.echo(f"page: {page}")
        for one in failed:
            click.echo(str(one), err=True)
    if found.unusable:
        return ExitCode.USAGE
    return ExitCode.REGRESSION if failed or (strict and found.found) else ExitCode.OK


def _page(name: str, looked: "Looked", gates: "list[Gate]", strict: bool, rows: int, out: Path) -> Path:
    from harness.errors import UsageError
    from harness.report.data_html import write_data_html

    try:
        return write_data_html(name, looked, gates, out, strict=strict, most=rows)
    except OSError as cause:
        raise UsageError(f"cannot write {out}: {cause.strerror}") from cause


@command.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="The folder to write; a new or empty one.")  # fmt: skip
@_which
def convert(path: Path, out: Path, **layout: Any) -> None:
    """Write the rows under PATH, in whatever layout, as `rows.jsonl` beside their pictures.

    Pictures keep their bytes. Questions, answers, options, boxes, tags and groups stay what they are: the same suite
    gives the same scores with both.
    """
    from harness.tasks.draw import Draw

    _write(path, out, Draw(), (), layout)


@command.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("count", type=click.IntRange(1))
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="The folder to write; a new or empty one.")  # fmt: skip
@click.option("--by", "tags", multiple=True, metavar="TAG",
              help="A tag whose values get their share before those of others. May be repeated.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Of the draw.")
@_which
def sample(path: Path, count: int, out: Path, tags: tuple[str, ...], seed: int, **layout: Any) -> None:
    """Draw COUNT rows or a little fewer and write them as `convert` does: stratified by tags, groups whole.

    A draw of more rows holds those of a draw of fewer; the order of the file decides nothing.
    """
    from harness.tasks.draw import Draw

    _write(path, out, Draw(count, seed, tags), tags, layout)


def _write(path: Path, out: Path, draw: "Draw", tags: tuple[str, ...], layout: Mapping[str, Any]) -> None:
    import json

    from harness.data import open_found, write_rows
    from harness.errors import UsageError, did_you_mean
    from harness.suite.starter import keys_for
    from harness.suite.starter import layout as recognised

    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty: name a new folder")
    found, _ = recognised(path, layout["kind"])
    roots = layout["roots"]
    keys = keys_for(found, path, roots, split=layout["split"], config=layout["config"], fields=pairs(layout["fields"]))
    dataset = open_found(found, path, roots, images=layout["images"], **keys)
    known = {tag for one in dataset for tag in one.tags} if tags else set()
    if unknown := next((tag for tag in tags if tag not in known), None):
        raise UsageError(f"no row of {path} has the tag {unknown!r}; {did_you_mean(unknown, known)}")
    try:
        written = write_rows(draw.taken(lambda: dataset, len(dataset)), out)
    except OSError as cause:
        raise UsageError(f"cannot write {out}: {cause.strerror}") from cause
    click.echo(f"{out}: {written.count:,} rows, {written.images:,} pictures, from {found.title} (`type: {found.type}`)")
    for reason, count in written.left_out.most_common():
        click.echo(f"left out: {count:,} {reason}", err=True)
    said = ", ".join(f"{name}: {json.dumps(value)}" for name, value in written.keys().items())
    click.echo(f"in a suite beside it: datasets: {{rows: {{{said}}}}}")


@contextmanager
def _bar() -> Iterator[Callable[[int], None]]:
    """Show how many rows were looked at, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("rows"), BarColumn(), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rows", total=None)
        yield lambda count: progress.advance(task, count)
