"""``harness why``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.causes.planning import Options, Planned
    from harness.causes.results import Why

_EPILOG: Final = """\b
Examples:
  harness why @2 @1                                     the run before the newest, and the newest
  harness why @latest:onnx-fp32 @latest:onnx-int8 --metric chart-qa/exact_match
  harness why A B --dry-run                             what differs, and what would be asked
  harness why A B --take-back prompt                    run B once more, with A's prompt
  harness why A B --python old/bin/python               take back library versions, with an environment that has A's
  harness why onnx-fp32 onnx-int8 --layers --suite chart_qa -n 200 --html parts.html

\b
Exit codes: 0 a cause was found, or there is nothing to explain   2 usage
            3 no cause stands apart   4 a configuration could not be run
"""
_COLOURS: Final = {"found": "bold red", "likely": "bold yellow"}


@click.command(epilog=_EPILOG)
@click.argument("baseline")
@click.argument("candidate")
@click.option("--metric", default="", metavar="TASK/METRIC",
              help="The number to explain, a mean over samples; by default the one that fell most surely.")  # fmt: skip
@click.option("--budget", type=click.IntRange(1), metavar="QUESTIONS",
              help="Ask no more than this; by default a fifth of a full run for each change.")  # fmt: skip
@click.option("--take-back", "taken", multiple=True, metavar="CHANGE",
              help="Instead: run the candidate on all samples with this change taken back; several times.")  # fmt: skip
@click.option("--python", metavar="PATH",
              help="The interpreter of an environment with A's library versions and this harness: they are then a "
              "change as others, asked by a process of it.")  # fmt: skip
@click.option("--layers", is_flag=True,
              help="Instead: BASELINE and CANDIDATE are adapters, a float ONNX model and its quantised files; which "
              "blocks make the difference? Needs --suite.")  # fmt: skip
@click.option("-n", "--limit", type=click.IntRange(1), help="With --layers: at most so many samples.")
@click.option("--parts", is_flag=True,
              help="With --layers: tell parts apart (vision tower, projector, decoder), not blocks.")  # fmt: skip
@click.option("--steps", type=click.IntRange(0), default=3, show_default=True,
              help="With --layers: put so many of the worst blocks back, one after the other.")  # fmt: skip
@click.option("--looking/--no-looking", default=True, show_default=True,
              help="With --layers: ask both again with other samples' images: do they still look?")  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False),
              help="With --layers: write a page with accuracy against time into this file.")  # fmt: skip
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False),
              help="With --layers: write the models with blocks in float into this folder.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print what differs and what would be asked.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for runs.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("results/why"), show_default=True,
              help="Folder for the records of what is asked.")  # fmt: skip
@click.option("--suite", type=click.Path(path_type=Path), help="The runs' suite, where it is not found.")
@click.option("-a", "--adapter", metavar="FILE", help="The candidate's adapter, where it is not found.")
@click.option("--root", "roots", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="A folder outside the suite's own that its data may lie in.")  # fmt: skip
@click.option("-j", "--workers", type=click.IntRange(1), default=1, show_default=True,
              help="Batches that are loaded and perturbed at a time, ahead of the model.")  # fmt: skip
@click.option("--cache/--no-cache", default=True, show_default=True,
              help="Take answers that a model gave to the same requests earlier.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    baseline: str,
    candidate: str,
    metric: str,
    budget: int | None,
    taken: tuple[str, ...],
    python: str | None,
    layers: bool,
    limit: int | None,
    parts: bool,
    steps: int,
    looking: bool,
    html: Path | None,
    keep: Path | None,
    dry_run: bool,
    runs: Path,
    out: Path,
    suite: Path | None,
    adapter: str | None,
    roots: tuple[Path, ...],
    workers: int,
    cache: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Find which of the changes from BASELINE to CANDIDATE, two runs of one suite, made the difference.

    What differs is taken back on the candidate, one change at a time and together, and the task is asked again:
    about samples that flipped, and a seeded part of those that did not, until one cause stands apart.
    """
    from harness.api import load_run
    from harness.causes.find import find
    from harness.causes.planning import Options, prepare
    from harness.cli._done import say
    from harness.cli._progress import choose
    from harness.cli._stdout import kept_for_json
    from harness.engine.told import invocation
    from harness.locate import cache_folder

    progress = choose(quiet or as_json)
    options = Options(
        metric=metric,
        budget=budget,
        suite=suite,
        adapter=adapter,
        roots=tuple(root.absolute() for root in roots),
        python=python,
        out=out.absolute(),
        cache=cache_folder() if cache else None,
        workers=workers,
        progress=progress,
        say=say,
    )
    if layers:
        from harness.cli._layers import Wanted, tell_layers

        if suite is None or taken or dry_run or python:
            raise click.UsageError("--layers needs --suite, and knows neither --take-back, --python nor --dry-run")
        return tell_layers(
            baseline, candidate, suite, Wanted(limit, keep, parts, steps, looking, html), options, as_json
        )
    if limit or keep or parts or html:
        raise click.UsageError("--limit, --keep, --parts and --html are for --layers")
    with kept_for_json(as_json), invocation():
        planned = prepare(load_run(baseline, runs), load_run(candidate, runs), options, load=not (dry_run or taken))
        if taken:
            folder = _taken_back(planned, taken, options)
        found = None if dry_run or taken else find(planned, options)
    if taken:
        from harness.locate import near

        click.echo(f"record: {near(folder)}")
        click.echo(f"beside the candidate: harness compare {near(folder)} {near(planned.candidate.folder)} --force")
        return ExitCode.OK
    if found is None:
        _print_plan(planned, as_json)
        return ExitCode.OK
    if as_json:
        from harness.causes.results import plain

        click.echo(json.dumps(plain(found), indent=2))
    else:
        print_why(found)
    return ExitCode.INCONCLUSIVE if found.verdict in ("open", "likely") else ExitCode.OK


def _taken_back(planned: "Planned", names: tuple[str, ...], options: "Options") -> Path:
    from harness.causes.ask import Asker
    from harness.causes.planning import without

    asker = Asker(
        planned.measure, planned.candidate.record, options.out, options.cache, options.workers, options.progress,
        options.say, options.executor, apart=planned.before.environment is not None,
    )  # fmt: skip
    return asker.run(without(planned, names), (), f"the candidate with {' and '.join(names)} taken back").folder


def _print_plan(planned: "Planned", as_json: bool) -> None:
    from harness.report import why_rows
    from harness.report.text import plain

    if as_json:
        from harness.causes.results import told

        changes = {"changes": told(planned.changes), "not_taken_back": told(planned.fixed), "notes": planned.notes}
        full = {"metric": planned.measure.name, "full_run": planned.rows, "first": planned.least, "most": planned.most}
        click.echo(json.dumps({**full, **changes}, indent=2))
        return
    word = "change" if len(planned.changes) == 1 else "changes"
    click.echo(f"{planned.measure.name}: {len(planned.changes)} {word} can be taken back")
    for change in planned.changes:
        click.echo(f"  {why_rows.told(change)}")
    for change in planned.fixed:
        click.echo(f"not taken back: {why_rows.told(change)}: {plain(change.why_not, 300)}")
    for said in planned.notes:
        click.echo(plain(said, 600))
    if planned.most:
        click.echo(f"{planned.least:,} questions at first, {planned.most:,} at most; a full run asks {planned.rows:,}")
    else:
        click.echo("nothing would be asked: the two records tell all that can be told")


def print_why(found: "Why", *, again: bool = True) -> None:
    """Print what was found on the terminal, and with which command it can be run again."""
    from harness.cli._grid import console, print_grid, safe
    from harness.report import why_rows

    out = console()
    out.print(safe(why_rows.heading(found)))
    out.print(f"[{_COLOURS.get(found.verdict, 'bold')}]{safe(why_rows.verdict(found))}[/]")
    if table := [[safe(cell) for cell in row] for row in why_rows.rows(found)]:
        print_grid(out, why_rows.HEADS, table, right={"of the flips", "alone", "taken back"})
    for said in why_rows.notes(found):
        out.print(f"[yellow]{safe(said, 600)}[/]")
    out.print(f"[dim]{safe(why_rows.cost(found))}[/]")
    if found.found and again:
        out.print(f"on all samples: {safe(why_rows.command(found, found.found))}")
