"""``harness history``."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.history.judge import Finding
    from harness.history.series import Point

_EPILOG: Final = """\b
Examples:
  harness history init                              # once: asv.conf.json, with this repository's branch
  harness history record results/runs/*             # after a run: into results/asv
  harness history run v1.0..HEAD --suite robustness --adapter onnx-int8 --limit 100
  harness history                                   # publish: reports/asv and reports/history
  harness history gate --margin 0.02                # the newest commit against earlier levels
"""
_PAGE: Final = Path("reports") / "history" / "index.html"

_repository = click.option(
    "--repository", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path(), show_default=".",
    help="The repository, with asv.conf.json at its root.",
)  # fmt: skip


@click.group(name="history", epilog=_EPILOG, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """See metrics across commits: record runs, run old commits, publish the pages, judge the newest commit.

    Without a subcommand the pages are published.
    """
    if context.invoked_subcommand is None:
        context.invoke(publish)


@command.command(epilog=_EPILOG)
@_repository
def init(repository: Path) -> None:
    """Write asv.conf.json with the repository's own branch: where results and pages lie. One that is there stays."""
    from harness.errors import UsageError
    from harness.history.publish import CONFIG, write_settings

    if (repository / CONFIG).exists():
        raise UsageError(f"{repository / CONFIG} is there already; it is yours to edit")
    try:
        click.echo(f"wrote {write_settings(repository)}")
    except OSError as cause:
        raise UsageError(f"cannot write to {repository}: {cause.strerror}") from cause
    click.echo("next: harness history record RUN, once for each commit; then harness history")


@command.command(epilog=_EPILOG)
@click.argument("runs_named", nargs=-1, required=True, metavar="RUN...")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for RUN.")  # fmt: skip
@click.option("--allow-dirty", is_flag=True, help="Take a run made with local changes for a run of its commit.")
@_repository
def record(runs_named: tuple[str, ...], runs: Path, allow_dirty: bool, repository: Path) -> None:
    """Write each RUN into asv's result file of its commit. Nothing but git is needed."""
    from harness.engine.named import locate_run
    from harness.history.publish import settings
    from harness.history.record import record as write

    folders = [locate_run(name, runs) for name in runs_named]
    for file in dict.fromkeys(write(folders, settings(repository).results, repository, allow_dirty)):
        click.echo(file)


@command.command(epilog=_EPILOG)
@click.argument("revisions", metavar="REV1..REV2")
@click.option("--suite", required=True, help="Name or path in the repository; each commit runs its own.")
@click.option("-a", "--adapter", required=True, help="Name or path in the repository.")
@click.option("-n", "--limit", type=click.IntRange(1), help="At most so many samples a cell.")
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="Every so many commits.")
@click.option("--again", is_flag=True, help="Also commits that are recorded already.")
@_repository
def run(revisions: str, suite: str, adapter: str, limit: int | None, every: int, again: bool, repository: Path) -> int:
    """Run a suite at each commit from REV1 to REV2, both included, with that commit's code, and record it.

    Each commit is checked out beside the working tree. One that cannot be run is recorded as a gap.
    """
    from harness.history.commits import span
    from harness.history.publish import settings
    from harness.history.replay import Replay, replay

    commits = span(repository, revisions)
    chosen = commits[::-every][::-1]  # the last commit is always one of them
    what = Replay(suite, adapter, limit, again=again)
    done = replay(
        what, chosen, repository, settings(repository).results,
        lambda commit, said: click.echo(f"{commit.hash[:8]} {said:<10} {commit.subject}"),
    )  # fmt: skip
    click.echo(f"{done} of {len(chosen)} commits have values")
    return ExitCode.OK if done else ExitCode.RUN_FAILED


@command.command(epilog=_EPILOG)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for the runs on either side of a step, to compare them.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), help=f"Our page; {_PAGE} by default.")
@click.option("--whole", is_flag=True, help="Only numbers over whole tasks: no cells, so a page a tenth the size.")
@click.option("--asv/--no-asv", "with_asv", default=True, show_default=True, help="Also asv's own pages.")
@_repository
def publish(runs: Path, out: Path | None, whole: bool, with_asv: bool, repository: Path) -> None:
    """Write our history page, and asv's pages in a form that needs no network."""
    from harness.errors import UsageError
    from harness.history import publish as pages
    from harness.history.commits import history
    from harness.history.series import read_series
    from harness.report.history_html import write_history

    told = pages.settings(repository)
    file = out or repository / _PAGE
    series = [one for one in read_series(told.results, history(repository)) if not (whole and one.cell)]
    if not series:
        raise UsageError(f"there is no history in {told.results}; make one: harness history record RUN")
    write_history(series, file, told.show_commit, _comparisons(runs, file.parent))
    click.echo(file)
    if with_asv:
        click.echo(pages.publish(repository) / "index.html")
        click.echo("asv's pages read their data by request: open them through a server, such as harness view", err=True)


@command.command(epilog=_EPILOG)
@click.option("--margin", type=click.FloatRange(0), default=0.02, show_default=True,
              help="How much worse is too much of a share.")  # fmt: skip
@click.option("--relative-margin", type=click.FloatRange(0), default=0.05, show_default=True,
              help="The same for all other metrics (ms, MiB, …), as a share of the reference.")  # fmt: skip
@click.option("--metric", "metrics", multiple=True, metavar="SUITE/TASK/METRIC",
              help="Judge these alone; all metrics over whole tasks by default.")  # fmt: skip
@click.option("--remeasure/--no-remeasure", default=True, show_default=True,
              help="Run a commit again that looks worse, where harness history run ran it on this kind of machine.",
              )  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_repository
def gate(
    margin: float, relative_margin: float, metrics: tuple[str, ...], remeasure: bool, as_json: bool, repository: Path
) -> int:
    """Judge the newest recorded commit against the last level, the last release and the best level since.

    A level is what lies between two steps. Exit code 1 where a metric is worse by more than the margin and more than
    chance in two measurements of the commit; 3 where it is in the only one, or nothing could be judged: a level needs
    five commits.
    """
    from harness.history.commits import history
    from harness.history.judge import Margins, judge
    from harness.history.publish import settings
    from harness.history.series import read_series

    results, commits = settings(repository).results, history(repository)

    def judged() -> "list[Finding]":
        series = read_series(results, commits)
        chosen = [one for one in series if (one.short in metrics if metrics else not one.cell)]
        return judge(chosen, Margins(margin, relative_margin))

    findings = judged()
    waiting = [found for found in findings if found.outcome == "again"]
    if remeasure and waiting and _measured_again(waiting, repository, results):
        findings = judged()
    if as_json:
        import json

        click.echo(json.dumps([_told(found) for found in findings], indent=2))
    else:
        for found in findings:
            if found.outcome in ("fail", "again"):
                click.echo(_line(found))
        click.echo(_summary(findings))
    outcomes = {found.outcome for found in findings}
    if "fail" in outcomes:
        return ExitCode.REGRESSION
    return ExitCode.OK if "ok" in outcomes and "again" not in outcomes else ExitCode.INCONCLUSIVE


def _measured_again(waiting: "Sequence[Finding]", repository: Path, results: Path) -> bool:
    """Run again what one measurement showed to be worse; return whether anything was."""
    from harness.history import runs
    from harness.history.replay import measure_again

    commits = {found.newest.run: found.newest.commit for found in waiting}
    done = False
    for run in runs.read(results):
        if run.run and run.run in commits:
            commit = commits[run.run]
            click.echo(f"measuring {commit.hash[:8]} again: {run.suite} on {run.adapter}", err=True)
            why = measure_again(run, commit, repository, results)
            if why:
                click.echo(f"  not measured again: {why}", err=True)
            done = done or not why
    return done


def _line(found: "Finding") -> str:
    again = "" if found.again is None else f", again {found.again:.4g}"
    return (
        f"{'worse' if found.outcome == 'fail' else 'again'}  {found.series.name}: {found.reference:.4g} "
        f"(median of {found.points} to {found.commit[:8]}, {found.against}) → {found.value:.4g}{again} "
        f"at {found.newest.commit.hash[:8]} ({found.unit}, better when {found.direction}), p {found.p:.2g}: "
        f"{found.reason}"
    )


def _summary(findings: "Sequence[Finding]") -> str:
    if not findings:
        return "nothing to compare with"
    of = [found.outcome for found in findings]
    said = [f"{of.count('fail')} of {len(of)} comparisons failed"]
    if "again" in of:
        said.append(f"{of.count('again')} inconclusive: measure again")
    if "undecided" in of:
        reasons = {found.reason for found in findings if found.outcome == "undecided"}
        said.append(f"{of.count('undecided')} inconclusive: {'; '.join(sorted(reasons))}")
    newest = sorted({found.newest.commit.hash[:8] for found in findings})
    return f"{', '.join(said)}: newest {', '.join(newest)}"


def _told(found: "Finding") -> dict[str, object]:
    return {
        "series": found.series.name,
        "against": found.against,
        "reference": found.reference,
        "reference_commit": found.commit,
        "points": found.points,
        "newest": found.value,
        "again": found.again,
        "unit": found.unit,
        "direction": found.direction,
        "newest_commit": found.newest.commit.hash,
        "worse_by": found.worse_by,
        "margin": found.margin,
        "p": None if found.p != found.p else found.p,
        "outcome": found.outcome,
        "failed": found.outcome == "fail",
        "reason": found.reason,
    }


def _comparisons(runs: Path, folder: Path) -> "Callable[[Point, Point], str | None]":
    """Return what writes the comparison of two points' runs beside the page, where both runs are still there."""
    from harness.errors import HarnessError
    from harness.record import Run
    from harness.report.compare_html import compared_pair, write_compare_html

    made: dict[tuple[str, str], str | None] = {}

    def link(before: "Point", after: "Point") -> str | None:
        key = before.run, after.run
        if not all(key) or not all((runs / name / "run.json").is_file() for name in key):
            return None
        if key not in made:
            name = f"compare/{before.commit.hash[:8]}-{after.commit.hash[:8]}-{after.run}.html"
            try:
                write_compare_html([compared_pair(Run(runs / before.run), Run(runs / after.run))], folder / name)
                made[key] = name
            except HarnessError:
                made[key] = None  # they did not ask the same; the page shows the command, which says why
        return made[key]

    return link
