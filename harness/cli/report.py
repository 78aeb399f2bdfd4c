"""``harness report``."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from harness.comparison.labelled import WithLabels

_EPILOG: Final = """\b
Examples:
  harness report                      report.html of the newest run
  harness report RUN --format markdown > report.md
  harness report RUN_A RUN_B …        who is first, at what cost, where they differ: overview.html
  harness report A B C --format json  the leaderboard
  harness report RUN --pictures       with a thumbnail of every sample
  harness report RUN --labels labels.jsonl   with what people say of its answers
  harness report --all                report.html of every run
  harness report --site public        everything as a static site, for GitHub Pages
"""


@click.command(epilog=_EPILOG)
@click.argument("runs_named", nargs=-1, metavar="[RUN]...")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for RUN.")  # fmt: skip
@click.option("--format", "format_", type=click.Choice(["html", "markdown", "json"]), default="html", show_default=True,
              help="HTML goes to a file, the others to standard output.")  # fmt: skip
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="File to write; report.html in the run's folder by default."
)
@click.option("--all", "every", is_flag=True, help="The report of every run.")
@click.option("--site", type=click.Path(path_type=Path, file_okay=False),
              help="Write all runs, and the history if there is one, into this folder as a static site.")  # fmt: skip
@click.option("--pictures", is_flag=True, help="Keep a thumbnail of every sample, drawn again from the data set.")
@click.option("--labels", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="What people say of some answers, as `harness label` keeps it; by default the suite's own.",
              )  # fmt: skip
@click.option("--open", "open_", is_flag=True, help="Open the HTML in a browser.")
def command(
    runs_named: tuple[str, ...],
    runs: Path,
    format_: str,
    out: Path | None,
    every: bool,
    site: Path | None,
    pictures: bool,
    labels: Path | None,
    open_: bool,
) -> None:
    """Write the report of RUN: a folder, or (a part of) the id of a run; the newest by default.

    Several runs of one suite give one page: a leaderboard in which runs that no paired test tells apart share a place,
    what they reach against what an answer takes, and the samples on which they differ.
    """
    from harness.engine.named import locate_run
    from harness.imports import is_passing

    if every or site:
        if labels is not None:
            raise click.UsageError("--labels is of runs that are named; pages of all runs take their suites' own")
        _write_many(runs, site, open_)
        return
    folders = [locate_run(name, runs) for name in runs_named or (None,)]
    if format_ != "html":
        text = _text(folders, format_, labels)
        if out:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(text, encoding="utf-8")
        else:
            click.echo(text)
        return
    if pictures:
        from harness.engine.thumbnails import keep_thumbnails

        for folder in folders:
            click.echo(f"{keep_thumbnails(folder):,} pictures in {folder}", err=True)
    if out is None and any(is_passing(folder) for folder in folders):  # a log is left as it lies
        out = Path("report.html" if len(folders) == 1 else "overview.html")
    file = _write_html(folders, out, labels)
    click.echo(file)
    if open_:
        click.launch(file.resolve().as_uri())


def _text(folders: list[Path], format_: str, labels: Path | None) -> str:
    from harness.errors import UsageError
    from harness.report.board import board_json, board_markdown
    from harness.report.markdown import markdown

    if len(folders) == 1:
        if format_ == "json":
            raise UsageError("the JSON of one run is its record: harness show RUN --json; several give a leaderboard")
        return markdown(folders[0], _given(folders[0], labels))
    from harness.comparison.board import board
    from harness.record import Run

    runs = [Run(folder) for folder in folders]
    each = "\n".join(markdown(folder, _given(folder, labels)) for folder in folders) if format_ == "markdown" else ""
    if each and len({(run.record.suite.name, run.record.suite.version) for run in runs}) > 1:
        return each
    ranking = board(runs)
    if format_ == "json":
        import json

        return json.dumps(board_json(ranking), indent=2, ensure_ascii=False)
    return board_markdown(ranking) + "\n" + each


def _write_many(runs: Path, site: Path | None, open_: bool) -> None:
    from harness.errors import UsageError
    from harness.record.heads import heads
    from harness.report.html import write_html
    from harness.report.site import write_site

    folders = [folder for folder, _ in heads(runs)]
    if not folders:
        raise UsageError(f"there are no runs in {runs}; make one: harness run robustness --adapter onnx-int8")
    if site:
        front = write_site(runs, site, Path("reports") / "history" / "index.html")
        click.echo(front)
        if open_:
            click.launch(front.resolve().as_uri())
        return
    for folder in folders:
        click.echo(write_html(folder, folder / "report.html"))


def _write_html(folders: list[Path], out: Path | None, labels: Path | None) -> Path:
    if len(folders) == 1:
        from harness.imports import is_passing
        from harness.report.html import write_html

        draw = labels is not None and not is_passing(folders[0])
        return write_html(folders[0], out or folders[0] / "report.html", _given(folders[0], labels), draw=draw)
    from harness.report.overview import write_overview

    given = None if labels is None else [_given(folder, labels) for folder in folders]
    return write_overview(folders, out or folders[-1] / "overview.html", labels=given)


def _given(folder: Path, labels: Path | None) -> "WithLabels | None":
    """Return the labels that are named on the command line, by the rules of the run's suite."""
    if labels is None:
        return None
    from harness.comparison.labelled import WithLabels
    from harness.record import read_run

    suite = read_run(folder).suite
    return WithLabels.asked_for(labels, suite.content, Path(suite.file))
