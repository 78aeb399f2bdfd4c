"""``harness compare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from harness.cli._tables import Choice
    from harness.comparison.compare import Compared
    from harness.comparison.labelled import Labelled
    from harness.record import Run

_EPILOG: Final = """\b
Examples:
  harness compare @2 @1                                 the run before the newest, and the newest
  harness compare @latest:onnx-fp32 @latest:onnx-int8
  harness compare A B C                                 B and C with A, and a leaderboard of the three
  harness compare A B C --format markdown > compare.md
  harness compare baselines/main/robustness-onnx-int8 RUN --format html --out compare.html
  harness compare A B --labels labels.jsonl             what people say of a few answers, too
"""
_FLIPS_SHOWN: Final = 5
_COLOURS: Final = {"worse": "bold red", "better": "green", "": "bold"}


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
@click.option("--all", "everything", is_flag=True,
              help="In the table, also numbers of detectors, sets and corruptions that no gate names and that did not "
              "move.")  # fmt: skip
@click.option("--metrics", "pattern", default="", metavar="PATTERN",
              help="In the table, only numbers whose name fits: drift/*delay*, or a part of it.")  # fmt: skip
@click.option("--labels", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="What people say of some answers, as `harness label` keeps it; the suite's own by default. "
              "A section of its own.")  # fmt: skip
@click.option("--force", is_flag=True, help="Compare what must not be compared; the output says so.")
def command(
    baseline: str,
    candidates: tuple[str, ...],
    runs: Path,
    format_: str,
    out: Path | None,
    resamples: int,
    everything: bool,
    pattern: str,
    labels: Path | None,
    force: bool,
) -> None:
    """Compare each CANDIDATE with BASELINE, sample by sample: folders, or (parts of) ids of runs.

    Runs that did not ask the same questions in the same way are refused, by name.
    """
    from harness.api import compare, load_run
    from harness.cli._tables import Choice

    first = load_run(baseline, runs)
    others = [load_run(name, runs) for name in candidates]
    compared = [compare(first, other, resamples=resamples, force=force, labels=labels) for other in others]
    if format_ == "html":
        from harness.report.compare_html import Pair, write_compare_html

        pairs = [Pair(first, *one) for one in zip(others, compared, strict=True)]
        click.echo(write_compare_html(pairs, out or Path("compare.html")))
        return
    if format_ == "table" and out is None:
        for one in compared:
            print_comparison(one, Choice(everything, pattern))
        if len(others) > 1 and not force:
            print_board([first, *others], resamples)
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


def print_comparison(compared: "Compared", choice: "Choice | None" = None) -> None:
    """Print a comparison on the terminal."""
    from rich.markup import escape

    from harness.cli._grid import console, print_grid
    from harness.cli._tables import Choice
    from harness.report import compare_rows as rows
    from harness.report.text import plain

    out = console()
    for head in rows.headline(compared):
        out.print(f"[{_COLOURS[head.way]}]{escape(plain(head.text, 600))}[/]")
    mark = " (simulated)" if compared.simulated else ""
    heads = ["metric", "", f"baseline{mark}", f"candidate{mark}", "change [95 % interval]", "", "pairs"]
    table, left = _table(compared, choice or Choice())
    print_grid(out, heads, table, right={"pairs"}, title=escape(rows.heading(compared)))
    if left:
        out.print(f"[dim]{left} numbers that did not move and that no gate names are left out: --all[/]")
    if worst := rows.worst_slice(compared):
        out.print(escape(plain(worst, 600)))
    for said in rows.notices(compared):
        out.print(f"[yellow]{escape(plain(said, 600))}[/]")
    print_labels(out, compared.labelled)
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


def print_labels(out: "Console", found: "Sequence[Labelled]") -> None:
    """Print what people's labels say, apart from all that no person has seen."""
    from rich.markup import escape

    from harness.cli._grid import print_grid, safe
    from harness.report import compare_rows as rows
    from harness.report.text import plain

    if not found:
        return
    heads = ["task", "labels", "change [95 % interval]", "by the score alone"]
    table = [[safe(one.task), rows.of_labels(one), rows.by_labels(one), safe(rows.by_proxy(one))] for one in found]
    print_grid(out, heads, table, title="by labels")
    colours = {"fail": "bold red", "pass": "green", "inconclusive": "yellow"}
    for one in found:
        out.print(f"[{colours[one.word]}]{escape(plain(f'{one.task}: {one.said}', 600))}[/]")
        for said in rows.slices_by_labels(one):
            out.print(escape(plain(said, 600)))
        for said in rows.about_labels(one):
            out.print(f"[dim]{escape(plain(said, 600))}[/]")


def print_board(runs: "list[Run]", resamples: int) -> None:
    """Print the ranking of several runs, where they are of one suite."""
    from rich.markup import escape

    from harness.cli._grid import console, fits, print_grid, safe
    from harness.comparison.board import board
    from harness.comparison.compare import Options
    from harness.report.board import STAR, by_column, lead, table

    out, ranking = console(), board(runs, Options(resamples=resamples))
    said = lead(ranking)
    heads, rows = table(ranking)
    if not fits(out.width, heads, [[safe(cell) for cell in row] for row in rows]):
        heads, rows = by_column(ranking)
    print_grid(out, heads, [[safe(cell) for cell in row] for row in rows], title="leaderboard")
    out.print(escape(f"{said.word} {said.told}"))
    out.print(f"[dim]{STAR}[/]")


def _table(compared: "Compared", choice: "Choice") -> tuple[list[list[str]], int]:
    """Return a row for each number, and how many are left out: those of detectors, sets and corruptions that rest."""
    from harness.cli._families import in_family, put_first
    from harness.cli._grid import safe
    from harness.cli._tables import ceilings
    from harness.report import compare_rows as rows

    colors = {"worse": "[bold red]worse[/]", "better": "[green]better[/]", "": ""}
    controls, first = ceilings(compared.candidate), put_first(compared.baseline) | put_first(compared.candidate)
    table, left = [], 0
    for delta in compared.deltas:
        rests = in_family(delta.name) and not (choice.everything or delta.moved or delta.name in first)
        if rests and not choice.pattern:
            left += 1
        elif not choice.pattern or choice.fits(delta.name):
            way = controls.get(delta.name) or rows.way(delta.direction)
            numbers = rows.value(delta.before), rows.value(delta.after), safe(rows.changed(delta, delta.direction))
            table.append(
                [safe(delta.name), way, *numbers, colors[rows.went(compared, delta)], rows.pairs(delta.comparison)]
            )
    return table, left
