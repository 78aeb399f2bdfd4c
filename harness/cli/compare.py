"""``harness compare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from harness.comparison.compare import Compared

_EPILOG: Final = """\b
Examples:
  harness compare results/runs/A results/runs/B
  harness compare A B C --format markdown > compare.md
  harness compare baselines/main/robustness-onnx-int8 RUN --format html --out compare.html
"""
_FLIPS_SHOWN: Final = 5


@click.command(epilog=_EPILOG)
@click.argument("baseline")
@click.argument("candidates", nargs=-1, required=True, metavar="CANDIDATE...")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for runs.")  # fmt: skip
@click.option("--format", "format_", type=click.Choice(["table", "markdown", "json", "html"]), default="table",
              show_default=True, help="HTML goes to a file, the others to standard output.")  # fmt: skip
@click.option("--json", "format_", flag_value="json", help="The same as --format json.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="File to write; compare.html for HTML.")
@click.option("-B", "--resamples", type=click.IntRange(100), default=2000, show_default=True,
              help="Bootstrap draws for aggregate metrics; take 10000 for a release.")  # fmt: skip
@click.option("--force", is_flag=True, help="Compare what must not be compared; the output says so.")
def command(
    baseline: str,
    candidates: tuple[str, ...],
    runs: Path,
    format_: str,
    out: Path | None,
    resamples: int,
    force: bool,
) -> None:
    """Compare each CANDIDATE with BASELINE, sample by sample: folders, or (parts of) ids of runs.

    Runs that did not ask the same questions in the same way are refused, by name.
    """
    from harness.api import compare, load_run

    first = load_run(baseline, runs)
    others = [load_run(name, runs) for name in candidates]
    compared = [compare(first, other, resamples=resamples, force=force) for other in others]
    if format_ == "html":
        from harness.report.compare_html import Pair, write_compare_html

        pairs = [Pair(first, *one) for one in zip(others, compared, strict=True)]
        click.echo(write_compare_html(pairs, out or Path("compare.html")))
        return
    if format_ == "table" and out is None:
        for one in compared:
            print_comparison(one)
        return
    text = _render(compared, format_)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)


def _render(compared: "list[Compared]", format_: str) -> str:
    if format_ == "json":
        import json

        from harness.report.compare_json import compare_json

        return json.dumps([compare_json(one) for one in compared], indent=2) + "\n"
    from harness.report.compare_markdown import compare_markdown

    return compare_markdown(compared)


def print_comparison(compared: "Compared") -> None:
    """Print a comparison on the terminal."""
    from rich.markup import escape
    from rich.table import Table

    from harness.cli._tables import console
    from harness.report import compare_rows as rows
    from harness.report.text import plain

    out = console()
    mark = " (simulated)" if compared.simulated else ""
    table = Table(title=escape(rows.heading(compared)), title_justify="left")
    for name in ("metric", "", f"baseline{mark}", f"candidate{mark}", "change \\[95 % interval]", "", "pairs"):
        table.add_column(name, no_wrap=True)
    colors = {"worse": "[bold red]worse[/]", "better": "[green]better[/]", "": ""}
    for delta in compared.deltas:
        change = escape(rows.changed(delta, delta.direction))
        before, after, moved = rows.value(delta.before), rows.value(delta.after), colors[delta.moved]
        name = escape(plain(delta.name))
        table.add_row(name, rows.way(delta.direction), before, after, change, moved, rows.pairs(delta.comparison))
    out.print(table)
    if worst := rows.worst_slice(compared):
        out.print(escape(plain(worst, 600)))
    for said in rows.notices(compared):
        out.print(f"[yellow]{escape(plain(said, 600))}[/]")
    for flips in compared.flips:
        out.print(escape(f"{plain(flips.task)}: {rows.tally(flips)}"))
        lost = [flip for flip in flips.samples if flip.way == "lost"]
        for flip in lost[:_FLIPS_SHOWN]:
            told = f"{flip.before!r} → {flip.after!r}, right is {' | '.join(flip.references)!r}"
            out.print(escape(f"  right → wrong  {plain(rows.where(flip))}: {plain(told)}"))
    for one in rows.worst_slices(compared)[:3]:
        change = rows.changed(one, one.direction)
        told = f"{rows.slice_of(one)} where {plain(rows.slice_where(one))}: {change}, n = {one.comparison.n}"
        out.print(escape(f"  slice (exploratory)  {told}"))
    for difference in compared.lineage:
        out.print(f"[dim]{escape(plain(str(difference), 300))}[/]")
