"""``harness label``."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.record import Run
    from harness.report.label_serve import Labelling

_EPILOG: Final = """\b
Examples:
  harness label @2 @1 --budget 60       which of two runs' answers is better, where they differ
  harness label @1 --by ann             are a run's answers right
  harness label @1 --picks picks.jsonl  write down the right answers to what `harness pick` picked
  harness compare @2 @1 --labels labels.jsonl

\b
Keys: 1 or ← left, 2 or → right, 0 or ↓ neither, u takes back, z zooms, f opens the frames of a clip.
With --picks: Enter keeps what is typed, or else what the model says; Esc: there is no right answer; ↑ takes back.
"""


@click.command(epilog=_EPILOG)
@click.argument("run")
@click.argument("run_b", required=False)
@click.option("--budget", type=click.IntRange(1), default=60, show_default=True,
              help="Labels in all, those of earlier sittings among them.")  # fmt: skip
@click.option("--labels", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Where labels are kept; as the suite says by default, else labels.jsonl beside it.")  # fmt: skip
@click.option("--by", metavar="NAME", help="Whoever labels; the name of the user by default.")
@click.option("--task", "tasks", multiple=True, help="Only this task; all that have answers in words by default.")
@click.option("--references", is_flag=True, help="Show what the data say is right.")
@click.option("--picks", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="What `harness pick --out FILE` picked: write the right answers down, to train on.")  # fmt: skip
@click.option("--training", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="With --picks: where these rows go; training.jsonl by default.")  # fmt: skip
@click.option("--against", multiple=True, metavar="SUITE|DATA",
              help="With --picks: an evaluation; what it asks about the same pixels is left out.")  # fmt: skip
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for runs.")  # fmt: skip
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=0, help="0, the default: any that is free.")
@click.option("--open/--no-open", "open_", default=True, show_default=True, help="Open a browser.")
def command(
    run: str,
    run_b: str | None,
    budget: int,
    labels: Path | None,
    by: str | None,
    tasks: tuple[str, ...],
    references: bool,
    picks: Path | None,
    training: Path | None,
    against: tuple[str, ...],
    runs: Path,
    port: int,
    open_: bool,
) -> None:
    """Label answers in a browser: with RUN_B which of two answers is better, without it whether they are right.

    Only answers that differ are asked about, drawn with known chances, so that few of them decide. Each label is on the
    disk before the next question is shown; the same command goes on where it stopped. The page answers to this machine
    alone.

    With --picks it asks for the right answers themselves, and writes them as rows that `type: jsonl` reads.
    """
    if picks is not None:
        _write(run, run_b, picks, training or Path("training.jsonl"), against, by or _user(), runs, port, open_=open_)
        return
    if training is not None or against:
        raise click.UsageError("--training and --against go with --picks")
    from harness.api import load_run
    from harness.labels import LabelSet, LabelWriter, read_labels
    from harness.report.label_pictures import Pictures
    from harness.report.label_serve import Labelling
    from harness.report.label_session import Session, plan_of

    chosen = [load_run(name, runs) for name in (run, run_b) if name is not None]
    _check(chosen)
    file = labels or _beside(chosen[-1])
    kept = read_labels(file) if file.exists() else LabelSet()
    name = by or _user()
    plan = plan_of(chosen, kept, budget, name, tasks)
    with LabelWriter(file) as writer:
        session = Session.begin(plan, name, writer, kept, references=references)
        pictures = Pictures(chosen[-1], {question.about for question in plan.questions})
        names = " ".join(one for one in (run, run_b) if one is not None)
        used = f"harness compare {names} --labels {file}" if run_b else f"the labels are in {file}"
        simulated = any(one.record.adapter.simulated for one in chosen)
        labelling = Labelling(session, pictures, used, simulated=simulated)
        differ = "answers that differ" if run_b else "answers"
        told = f"{len(plan.questions):,} of {plan.differing:,} {differ} to label, {len(session.done):,} are"
        if _served(labelling, f"{told}; they go to {file}", port, open_=open_):
            left = len(plan.questions) - len(session.done)
            ended = f"{left:,} are left: the same command goes on" if left else used
            click.echo(f"\n{len(session.done):,} labelled by {name}; {ended}")


def _served(labelling: "Labelling", told: str, port: int, *, open_: bool) -> bool:
    """Serve a page until Ctrl-C; return whether it ended by that."""
    from harness.errors import UsageError
    from harness.report.label_serve import label_server
    from harness.report.serve import HOST

    try:
        serving = label_server(labelling, port)
    except OSError as cause:
        raise UsageError(f"cannot listen on port {port}: {cause.strerror}; take another with --port") from cause
    address = f"http://{HOST}:{serving.server_port}/{labelling.token}/"
    click.echo(told)
    click.echo(f"{address}   (Ctrl-C ends it)")
    if open_:
        click.launch(address)
    try:
        with serving:
            serving.serve_forever()
    except KeyboardInterrupt:
        return True
    return False


def _write(
    run: str, run_b: str | None, picks: Path, file: Path, against: tuple[str, ...], by: str, runs: Path, port: int,
    *, open_: bool,
) -> None:  # fmt: skip
    """Ask for the right answers to what was picked."""
    from harness.api import load_run
    from harness.api.picking import leaks_of
    from harness.picks.training import TrainingFile
    from harness.report.label_pictures import Pictures
    from harness.report.label_serve import Labelling
    from harness.report.label_write import Writing, wanted_of

    if run_b is not None:
        raise click.UsageError("--picks are of one run: harness label RUN --picks FILE")
    chosen = load_run(run, runs)
    wanted, notes = wanted_of(chosen, picks, leaks_of(against, ()))
    for note in notes:
        click.echo(note, err=True)
    session = Writing.begin(wanted, by, TrainingFile(file))
    pictures = Pictures(chosen, {one.about for one in wanted})
    used = f"the rows are in {file}: {{type: jsonl, path: {file.name}}}"
    labelling = Labelling(session, pictures, used, simulated=chosen.record.adapter.simulated)
    told = f"{len(wanted):,} picks, {len(session.done):,} are answered; the rows go to {file}"
    if _served(labelling, told, port, open_=open_):
        left = len(wanted) - len(session.done)
        click.echo(
            f"\n{len(session.done):,} answered; {f'{left:,} are left: the same command goes on' if left else used}"
        )


def _check(runs: "Sequence[Run]") -> None:
    """See that two runs asked the same.

    Raises:
        Incomparable: with every reason.
    """
    from harness.comparison.identity import Identity, Incomparable, conflicts
    from harness.comparison.sets import apart_in

    if len(runs) == 1:
        return
    one, other = (Identity.of(run.record) for run in runs)
    if reasons := [str(found) for found in conflicts(one, other, apart_in(*runs))]:
        raise Incomparable(reasons)


def _beside(run: "Run") -> Path:
    """Return where the labels of a run's suite lie: as it says, else beside its file, else here."""
    from harness.comparison.labelled import WithLabels
    from harness.labels import FILE
    from harness.locate import builtin_root, near

    suite = Path(run.record.suite.file)
    if (own := WithLabels.of_suite(run.record.suite.content, suite)) is not None:
        return near(Path(own.file))
    there = suite.is_file() and not suite.resolve().is_relative_to(builtin_root() / "suites")
    return near(suite.parent / FILE) if there else Path(FILE)


def _user() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (OSError, KeyError):  # a container without a user of that number
        return "somebody"
