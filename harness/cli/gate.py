"""``harness gate``."""

import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from harness.cli._gate_cause import Cause
from harness.cli._gate_outputs import Outputs
from harness.cli._gate_told import json_of, print_decision, print_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.comparison.decide import Decision
    from harness.comparison.forecast import Forecast
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
    outputs = Outputs(suite, junit, github_dir if github else None)
    plans: list[PlannedGate] = []

    def planned(plan: "PlannedGate") -> None:
        plans.append(plan)
        print_plan(plan)

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
                    print_decision(forecasts, decision)
        except HarnessError as error:
            outputs.failed(adapter, error)
            raise
        outputs.decided(forecasts, decision)  # before anything else is asked: the verdict stands
        where = executor or ("process" if github else None)
        # A candidate from elsewhere names a model: nothing that it says is run without being told to.
        asked = False if candidate and why is None else why
        failed = plans if decision.verdict == "fail" else []
        cause = Cause.of(failed[0], asked, baselines, out, roots, where) if failed else None
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


def _explain(
    cause: Cause | None,
    forecasts: "Sequence[Forecast]",
    decision: "Decision",
    outputs: "Outputs",
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
            click.echo(json_of(forecasts, decision, found))
    if found is not None:
        outputs.explained(forecasts, decision, found)
        if not as_json:
            with _guarded(github):
                print_why(found)
