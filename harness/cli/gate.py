"""``harness gate``."""

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.causes.results import Why
    from harness.comparison.decide import Decision
    from harness.comparison.forecast import Forecast
    from harness.errors import HarnessError, Mark
    from harness.gates.runs import PlannedGate

_EPILOG: Final = """\b
Examples:
  harness gate suites/robustness.yaml --adapter onnx-int8 --baseline main
  harness gate robustness -a onnx-int8 --candidate RUN --strict
  harness gate robustness -a onnx-int8 --sequential auto
  harness gate robustness -a onnx-int8 --github --junit gate.xml
  harness gate --baseline main.eval --candidate pr.eval            logs of another harness, or runs
  harness gate --baseline out/main --candidate out/pr --metric exact_match --margin 0.03
  harness gate rules.yaml --baseline out/main --candidate out/pr   by the gates of a file

\b
Exit codes: 0 pass, 1 a gate failed, 2 usage, 3 inconclusive or no baseline that fits, 4 the run failed.
"""
_FLIPS_SHOWN: Final = 10
_COLORS: Final = {
    "pass": "green", "fail": "bold red", "error": "bold red", "inconclusive": "yellow", "no baseline": "yellow",
}  # fmt: skip


@click.command(epilog=_EPILOG)
@click.argument("suite", required=False)
@click.option("-a", "--adapter", help="Name or YAML file of the adapter that is judged; a candidate's own by default.")
@click.option("--baseline", default="main", show_default=True,
              help="A baseline's name, a run's folder (or @2), or another harness's log.")  # fmt: skip
@click.option("--baselines", type=click.Path(path_type=Path), default=Path("baselines"), show_default=True,
              help="Where baselines lie: a folder, or branch:NAME.")  # fmt: skip
@click.option(
    "--candidate",
    help="Judge this run (a folder, a part of its id, @latest, or another harness's log) instead of making one.",
)
@click.option("-m", "--metric", multiple=True,
              help="Without SUITE: a number to judge, with or without its task; the headlines by default.")  # fmt: skip
@click.option("--margin", type=click.FloatRange(0, min_open=True),
              help="Without SUITE: how much worse is not worse, in its unit; else 0.02 of its range.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Folder for run records.")  # fmt: skip
@click.option("-j", "--workers", type=click.IntRange(1), default=1, show_default=True,
              help="Batches that are loaded and perturbed at a time, ahead of the model.")  # fmt: skip
@click.option("--prepare", type=click.Choice(["threads", "processes", "auto"]), default="auto", show_default=True,
              help="Where that is done; auto: in threads, until the model waits for two of them or more.")  # fmt: skip
@click.option(
    "-n", "--limit", type=click.IntRange(1), help="At most so many samples a cell, drawn with the suite's seed."
)
@click.option("--head", is_flag=True, help="Let --limit take the first samples of each dataset.")
@click.option("--root", "roots", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="A folder outside the suite's own that its data may lie in.")  # fmt: skip
@click.option("--strict", is_flag=True, help="Pass only where it is shown that nothing dropped by the margin.")
@click.option("--block", is_flag=True, help="Let a domain or stress suite stop the change; they only warn by default.")
@click.option("--sequential", metavar="auto|N,N,…",
              help="Look at these sample counts, or at ten; stop when the verdict is certain.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), default=1, show_default=True,
              help="Ask each question so often and judge the mean: less noise where a model samples.")  # fmt: skip
@click.option("-B", "--resamples", type=click.IntRange(100), default=2000, show_default=True, help="Bootstrap draws.")
@click.option("--allow-missing", metavar="SHARE", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="The share of a task's rows in the baseline that may be gone or changed; with more, its gates are "
              "inconclusive. New rows are told and not compared.")  # fmt: skip
@click.option("--labels", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="What people say of some answers, as `harness label` keeps it; the suite's own by default. "
              "A rule of its own for each task.")  # fmt: skip
@click.option(
    "--why/--no-why",
    default=None,
    help="On FAIL: find which of the changes since the baseline did it (`harness why`), as the suite's `why:` says.",
)
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML to this file.")
@click.option("--executor", type=click.Choice(["local", "process"]),
              help="Where the model lives: here, or in a process of its own, the default with --github.")  # fmt: skip
@click.option("--github", is_flag=True, help="Write comment, summary, annotations and outputs for GitHub Actions.")
@click.option("--github-dir", type=click.Path(path_type=Path), default=Path("harness-gate"), show_default=True,
              help="Folder for what --github writes.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    suite: str | None,
    adapter: str | None,
    baseline: str,
    baselines: Path,
    candidate: str | None,
    metric: tuple[str, ...],
    margin: float | None,
    out: Path,
    workers: int,
    prepare: Literal["threads", "processes", "auto"],
    limit: int | None,
    head: bool,
    roots: tuple[Path, ...],
    strict: bool,
    block: bool,
    sequential: str | None,
    epochs: int,
    resamples: int,
    allow_missing: float,
    labels: Path | None,
    executor: Literal["local", "process"] | None,
    why: bool | None,
    junit: Path | None,
    github: bool,
    github_dir: Path,
    as_json: bool,
    quiet: bool,
) -> int:
    """Judge ADAPTER on SUITE: run it (or take --candidate), pair it with the baseline, apply the suite's gates.

    Without SUITE, --candidate is judged as it is: not worse than --baseline by --margin. Both may be logs of other
    harnesses; SUITE is then read for its gates alone.
    """
    from harness import api
    from harness.cli._done import say
    from harness.cli._progress import choose
    from harness.cli._stdout import kept_for_json
    from harness.engine.told import invocation
    from harness.errors import HarnessError

    if sequential and (candidate or limit):
        raise click.UsageError("--sequential decides how many samples are run; leave out --candidate and --limit")
    if sequential and labels:
        raise click.UsageError("--labels are of whole runs; leave out --sequential")
    if epochs > 1 and candidate:
        raise click.UsageError("--epochs is for a run that is made; leave out --candidate")
    if head and limit is None:
        raise click.UsageError("--head says which samples --limit takes; give one")
    if github and as_json:
        raise click.UsageError(f"--github writes the JSON to {github_dir / 'gate.json'}; leave out --json")
    outputs = _Outputs(suite, junit, github_dir if github else None)
    plans: list[PlannedGate] = []

    def planned(plan: "PlannedGate") -> None:
        plans.append(plan)
        _print_plan(plan)

    with invocation():
        try:
            with _guarded(github):
                with kept_for_json(as_json):
                    decision = api.gate(
                        suite,
                        adapter,
                        baseline=baseline,
                        baselines=baselines,
                        candidate=candidate,
                        metric=metric,
                        margin=margin,
                        out=out,
                        workers=workers,
                        prepare=prepare,
                        limit=limit,
                        head=head,
                        roots=roots,
                        strict=strict,
                        block=block,
                        sequential=sequential,
                        executor=executor or ("process" if github else None),
                        epochs=epochs,
                        resamples=resamples,
                        allow_missing=allow_missing,
                        labels=labels,
                        progress=choose(quiet),
                        say=say,
                        planned=planned,
                    )
                forecasts = plans[0].forecasts if plans else ()
                if not as_json:
                    _print(forecasts, decision)
        except HarnessError as error:
            outputs.failed(adapter, error)
            raise
        outputs.decided(forecasts, decision)  # before anything else is asked: the verdict stands
        where = executor or ("process" if github else None)
        # A candidate from elsewhere names a model: nothing that it says is run without being told to.
        asked = False if candidate and why is None else why
        failed = plans if decision.verdict == "fail" else []
        cause = _Cause.of(failed[0], asked, baselines, out, roots, where) if failed else None
        _explain(cause, forecasts, decision, outputs, as_json=as_json, github=github)
    return int(decision.exit_code)


@contextmanager
def _guarded(github: bool) -> "Iterator[None]":
    """Keep GitHub from obeying what is printed: a model's answer may look like a workflow command."""
    token = secrets.token_hex(16)
    if github:
        click.echo(f"::stop-commands::{token}")
    try:
        yield
    finally:
        if github:
            click.echo(f"::{token}::")


def _print_plan(planned: "PlannedGate") -> None:
    from harness.comparison.forecast import CHANGED

    if planned.baseline is None:
        return
    record = planned.baseline.record
    simulated = " (simulated)" if record.adapter.simulated else ""
    click.echo(f"baseline: {planned.baseline.name}, {record.adapter.name}{simulated}, {record.run_id}", err=True)
    for forecast in planned.forecasts:
        click.echo(f"planned: {forecast}", err=True)
    if planned.forecasts:
        click.echo(f"         (if {CHANGED:.0%} of the scores change from one version to the next)", err=True)


def _json(forecasts: "Sequence[Forecast]", decision: "Decision", found: "Why | None" = None) -> str:
    import json

    from harness.report.compare_json import decision_json

    return json.dumps(decision_json(decision, forecasts, found), indent=2)


def _print(forecasts: "Sequence[Forecast]", decision: "Decision") -> None:
    from rich.markup import escape

    from harness.cli._grid import console, print_grid
    from harness.cli._tables import print_failures
    from harness.gates.tries import told as tried
    from harness.report import compare_rows as rows
    from harness.report.numbers import title
    from harness.report.text import plain

    out = console()
    record = decision.candidate
    against = f" against {title(decision.compared.baseline)}" if decision.compared else ""
    table = []
    for gate in (judged.gate for judged in decision.gates):
        verdict = f"[{_COLORS[gate.verdict]}]{gate.verdict}[/]"
        table.append([escape(plain(gate.metric)), escape(gate.rule), verdict, escape(plain(gate.reason, 600))])
    heading = escape(f"{record.suite.name}: {title(record)}{against}")
    print_grid(out, ["gate", "rule", "verdict", "because"], table, title=heading)
    for said in rows.notices(decision.compared) if decision.compared else rows.cut_off(record):
        out.print(f"[yellow]{escape(plain(said, 600))}[/]")
    print_failures(out, record)
    for line in _flips(decision):
        out.print(escape(line))
    if decision.tries and (said := tried(decision.tries)):
        out.print(f"[yellow]{escape(said)}[/]")
    if decision.looked:
        out.print(escape(str(decision.looked)))
    warns = "" if decision.blocking else f" (tier {record.suite.tier} only warns; --block lets it stop the change)"
    why = f": the run {record.status}, {plain(record.reason, 600)}" if record.status != "complete" else ""
    why = f": {plain(record.reason, 600)}" if record.doubtful and decision.verdict == "inconclusive" else why
    out.print(f"verdict: [{_COLORS[decision.verdict]}]{decision.verdict.upper()}[/]{escape(why + warns)}")


@dataclass(frozen=True, slots=True)
class _Cause:
    """The search for what made a gate fail."""

    baselines: Path
    """A folder, or a branch."""
    baseline: Path
    """In it, or anywhere."""
    budget: int | None
    runs: Path
    roots: tuple[Path, ...]
    executor: Literal["local", "process"] | None

    @classmethod
    def of(
        cls,
        plan: "PlannedGate",
        asked: bool | None,
        baselines: Path,
        runs: Path,
        roots: tuple[Path, ...],
        executor: Literal["local", "process"] | None,
    ) -> Self | None:
        """Return it where the command line asks for it, or the suite does and the command line does not say no."""
        told = plan.suite.spec.why
        if plan.baseline is None or not (told is not None if asked is None else asked):
            return None
        budget = None if told is None or told == "auto" else told.budget
        baseline, kept = plan.baseline.folder, plan.options.baselines  # for a branch, a folder that is gone by now
        inside = baseline.relative_to(kept) if baseline.is_relative_to(kept) else baseline.absolute()
        return cls(baselines, inside, budget, runs, roots, executor)

    def find(self, decision: "Decision") -> "Why | None":
        """Return what did it; nothing where that cannot be found out, which is said."""
        from harness import api
        from harness.cli._done import say
        from harness.errors import UsageError
        from harness.gates.branch import reading

        failed = next(judged.gate.metric for judged in decision.gates if judged.gate.verdict == "fail")
        try:
            with reading(self.baselines) as folder:
                look = partial(
                    api.why, folder / self.baseline, decision.candidate.run_id, budget=self.budget, runs=self.runs,
                    roots=self.roots, executor=self.executor, say=say,
                )  # fmt: skip
                try:
                    return look(metric=failed)
                except UsageError:  # no mean over samples: the task's own number tells as much
                    return look(metric=failed.partition("/")[0])
        except Exception as error:  # noqa: BLE001 - whatever happens here, the verdict stands and is told
            say(f"why it fails is not known: {error}")
            return None


def _explain(
    cause: _Cause | None,
    forecasts: "Sequence[Forecast]",
    decision: "Decision",
    outputs: "_Outputs",
    *,
    as_json: bool,
    github: bool,
) -> None:
    """Look for what made the gate fail, where that is wanted, and add it to what was written; print the JSON."""
    from harness.cli._stdout import kept_for_json
    from harness.cli.why import print_why

    found = None
    try:
        if cause is not None:
            with _guarded(github), kept_for_json(as_json):
                found = cause.find(decision)
    finally:
        if as_json:
            click.echo(_json(forecasts, decision, found))
    if found is not None:
        outputs.explained(forecasts, decision, found)
        if not as_json:
            with _guarded(github):
                print_why(found)


def _flips(decision: "Decision") -> "Iterator[str]":
    """Yield the samples that a gate which did not pass has lost."""
    from harness.report import compare_rows as rows
    from harness.report.text import plain

    open_tasks = {judged.gate.metric.partition("/")[0] for judged in decision.gates if judged.gate.verdict != "pass"}
    for flips in decision.compared.flips if decision.compared else ():
        if flips.task in open_tasks:
            yield f"{flips.task}: {rows.tally(flips)}"
            for flip in [one for one in flips.samples if one.way == "lost"][:_FLIPS_SHOWN]:
                told = f"{flip.before!r} → {flip.after!r}, right is {' | '.join(flip.references)!r}"
                yield f"  right → wrong  {plain(rows.where(flip))}: {plain(told)}"


class _Outputs:
    """The files that a gate writes for others to read."""

    def __init__(self, suite: str | None, junit: Path | None, github: Path | None) -> None:
        # All of them absolute: an adapter may go to another folder meanwhile.
        self._here = Path.cwd()
        self._suite = str(Path(suite).absolute()) if suite and Path(suite).is_file() else suite
        self._github = github and github.absolute()
        self._junit = [file.absolute() for file in (junit, github / "junit.xml" if github else None) if file]

    def decided(self, forecasts: "Sequence[Forecast]", decision: "Decision") -> None:
        """Write what the gate decided; print annotations where GitHub reads them."""
        from harness.report.github import annotations, write_github

        text = self._written(forecasts, decision)
        if self._github:
            write_github(text, decision.verdict, decision.exit_code, self._github)
            for line in annotations(decision, self._places(), self._here):
                click.echo(line)

    def explained(self, forecasts: "Sequence[Forecast]", decision: "Decision", found: "Why") -> None:
        """Add why the gate fails to what others read."""
        from harness.report.github import COMMENT, because, summarise

        text = self._written(forecasts, decision, found)
        if self._github:
            (self._github / COMMENT).write_text(text, encoding="utf-8")
            summarise("\n\n".join(because(found)))

    def _written(self, forecasts: "Sequence[Forecast]", decision: "Decision", found: "Why | None" = None) -> str:
        """Write JUnit and JSON, as far as they are wanted, and return the comment; nothing where GitHub reads none."""
        from harness.report.github import comment
        from harness.report.junit import junit

        if self._junit:
            self._write_junit(junit(decision, self._places(), found))
        if not self._github:
            return ""
        (self._github / "gate.json").write_text(_json(forecasts, decision, found) + "\n", encoding="utf-8")
        return comment(decision, forecasts, why=found)

    def _places(self) -> "Sequence[Mark]":
        from harness.gates.places import gate_places

        return gate_places(self._suite) if self._suite else []

    def failed(self, adapter: str | None, error: "HarnessError") -> None:
        """Write why there is no decision."""
        from harness.report.junit import junit_failure

        suite, adapter = Path(self._suite or "runs").stem, Path(adapter or "candidate").stem
        if self._junit:
            self._write_junit(junit_failure(suite, error))
        if self._github:
            from harness.report.github import failure_comment, write_github
            from harness.report.github_safe import command as workflow_command

            write_github(failure_comment(suite, adapter, error), "error", error.exit_code, self._github)
            click.echo(workflow_command("error", str(error), {"title": f"gate of {suite}"}))

    def _write_junit(self, text: str) -> None:
        for file in self._junit:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
