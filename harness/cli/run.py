"""``harness run``."""

import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from harness.errors import ExitCode
from harness.spec.limits import MOST_IN_A_BATCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.shell_completion import CompletionItem

    from harness.cli._done import Done
    from harness.suite.adapters import AdapterChoice
    from harness.suite.bind import Suite
    from harness.suite.select import Selection

_EPILOG: Final = """\b
Examples:
  harness run --data questions.csv -a model.py:answer         no YAML: each row once, your function answers
  harness run --data questions.csv -a models/SmolVLM-256M     or a checkpoint in a folder does
  harness run suites/robustness.yaml --adapter onnx-int8
  harness run robustness -a onnx-fp32 -a onnx-int8 --limit 50
  harness run my-suite.yaml -a mock --root ~/data --json
  harness run my-suite.yaml -a my-model.yaml --limit 500 --sample informative
"""


@click.command(epilog=_EPILOG)
@click.argument("suite", required=False, shell_complete=lambda *told: _names("suites", told[2]))
@click.option("-a", "--adapter", "adapters", multiple=True, required=True, metavar="ADAPTER",
              shell_complete=lambda *told: _names("adapters", told[2]),
              help="Name or YAML file of an adapter, or model.py:function; several give a column each.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path),
              help="Instead of SUITE: ask every row of this file or folder once; the metric is guessed.")  # fmt: skip
@click.option("--field", "fields", multiple=True, metavar="NAME=COLUMN", help="With --data: which column is what.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Folder for run records.")  # fmt: skip
@click.option(
    "-b", "--batch-size", type=click.IntRange(1, MOST_IN_A_BATCH), help="Requests a call; the adapter's own by default."
)
@click.option("-j", "--workers", type=click.IntRange(1), default=1, show_default=True,
              help="Batches that are loaded and perturbed at a time, ahead of the model.")  # fmt: skip
@click.option("--prepare", type=click.Choice(["threads", "processes", "auto"]), default="auto", show_default=True,
              help="Where that is done; auto: in threads, until the model waits for two of them or more.")  # fmt: skip
@click.option("-n", "--limit", type=click.IntRange(1),
              help="At most so many samples a cell, for a quick look; drawn with the suite's seed.")  # fmt: skip
@click.option("--head", is_flag=True, help="Let --limit take the first samples of each dataset.")
@click.option("--sample", type=click.Choice(["plain", "informative"]), default="plain", show_default=True,
              help="How --limit draws: informative takes what earlier runs disagree on oftener, weighted.")  # fmt: skip
@click.option("--sample-from", "sample_from", multiple=True, metavar="RUN",
              help="With --sample informative: an earlier run that tells; by default all below --out.")  # fmt: skip
@click.option("--only", multiple=True, metavar="TASK", help="Run this task only; can be given several times.")
@click.option(
    "--sample-id", "sample_ids", multiple=True, metavar="ID", help="Ask about this sample only; several times."
)
@click.option("--epochs", type=click.IntRange(1), default=1, show_default=True, help="Ask each question so many times.")
@click.option("--reducer", default="mean", show_default=True,
              help="One score from a question's several: mean, majority, pass@K or at_least@K.")  # fmt: skip
@click.option("--shard", metavar="K/N", help="Run the K-th of N parts; `harness merge` makes one run of them.")
@click.option("--executor", type=click.Choice(["local", "process", "ray"]),
              help="Where the model lives: here, in a process that can be killed, or on Ray.")  # fmt: skip
@click.option("--ray-address", metavar="ADDRESS", help="An existing Ray cluster; without it one is started here.")
@click.option("--ray-workers", type=click.IntRange(1), help="Copies of the model on Ray; one a CPU by default.")
@click.option("--cache/--no-cache", default=False, show_default=True,
              help="Take answers that this model gave to the same requests earlier (`harness cache`).")  # fmt: skip
@click.option("--fresh", is_flag=True, help="Begin anew even where a run that ended early could be continued.")
@click.option("--root", "roots", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="A folder outside the suite's own that its data may lie in.")  # fmt: skip
@click.option("--report/--no-report", default=True, show_default=True, help="Write report.html beside the record.")
@click.option("--profile", is_flag=True, help="Print where the time went.")
@click.option("--dry-run", is_flag=True, help="Check everything and print what would run, and about what it takes.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    suite: str | None,
    adapters: tuple[str, ...],
    data: Path | None,
    fields: tuple[str, ...],
    out: Path,
    batch_size: int | None,
    workers: int,
    prepare: Literal["threads", "processes", "auto"],
    limit: int | None,
    head: bool,
    sample: Literal["plain", "informative"],
    sample_from: tuple[str, ...],
    only: tuple[str, ...],
    sample_ids: tuple[str, ...],
    epochs: int,
    reducer: str,
    shard: str | None,
    executor: Literal["local", "process", "ray"] | None,
    ray_address: str | None,
    ray_workers: int | None,
    cache: bool,
    fresh: bool,
    roots: tuple[Path, ...],
    report: bool,
    profile: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run SUITE (a YAML file, or a name from `harness list suites`) on one or more adapters.

    Leaves a run record for each adapter: run.json, samples.parquet and a report. The exit code
    says what the suite's gates made of it. The same command again continues what was
    interrupted or killed: it takes what is complete, and asks only what is left.
    """
    from harness.api import load_suite
    from harness.api import run as run_one
    from harness.cli._done import exit_code, say
    from harness.cli._progress import choose
    from harness.cli._stdout import kept_for_json
    from harness.cli.data import pairs
    from harness.engine.told import invocation
    from harness.suite.adapters import read_adapter
    from harness.suite.fit import check_capabilities
    from harness.suite.select import Selection

    if head and limit is None:
        raise click.UsageError("--head says which samples --limit takes; give one")
    if sample == "informative" and limit is None:
        raise click.UsageError("--sample informative draws as many samples as --limit says; give one")
    if sample_from and sample == "plain":
        raise click.UsageError("--sample-from says which runs --sample informative reads; give that")
    if fields and data is None:
        raise click.UsageError("--field says which column of --data is what; give that")
    if reducer != "mean" and epochs == 1:
        raise click.UsageError(f"--reducer {reducer} makes one score of several: it needs --epochs 2 or more")
    with kept_for_json(as_json):
        loaded = load_suite(suite, roots, data=data, fields=pairs(fields))
        if data is not None:
            say(f"{loaded.spec.description} To write it down: harness init --from auto {shlex.quote(str(data))}")
        choices = [read_adapter(name) for name in adapters]
        check_capabilities(loaded, choices)
    if dry_run:
        chosen = Selection(only, sample_ids, epochs, reducer)
        if sample == "informative":
            return _dry_run(loaded, choices, chosen, limit, head, as_json, out, sample_from)
        return _dry_run(loaded, choices, chosen, limit, head, as_json)
    progress, out = choose(quiet), out.absolute()  # the first adapter may go to another folder
    with invocation(several=len(choices) > 1), _printed(as_json, profile) as done:
        for choice in choices:
            with kept_for_json(as_json):
                made = run_one(
                    loaded,
                    choice,
                    out=out,
                    batch_size=batch_size,
                    workers=workers,
                    prepare=prepare,
                    limit=limit,
                    head=head,
                    sample=sample,
                    sample_from=sample_from,
                    only=only,
                    sample_ids=sample_ids,
                    epochs=epochs,
                    reducer=reducer,
                    shard=shard,
                    executor=executor,
                    ray_address=ray_address,
                    ray_workers=ray_workers,
                    cache=cache,
                    fresh=fresh,
                    report=report,
                    progress=progress,
                    say=say,
                )
            done.append((made.folder, made.record, made.folder / "report.html" if report else None))
    return exit_code([record for _, record, _ in done])


@contextmanager
def _printed(as_json: bool, profile: bool) -> "Iterator[list[Done]]":
    """Print what was done at the end: one adapter's failure must not hide what the ones before it measured."""
    from harness.cli._done import print_done
    from harness.cli._profile import print_profile

    done: list[Done] = []
    try:
        yield done
    finally:
        if done:
            print_done(done, as_json)
        for _, record, _ in done if profile else ():
            print_profile(record, err=as_json)


def _names(kind: Literal["suites", "adapters"], typed: str) -> "list[CompletionItem]":
    """Return what the shell may complete: names of what is available, and files."""
    from click.shell_completion import CompletionItem

    from harness.locate import available

    named = [CompletionItem(name) for name in available(kind) if name.startswith(typed)]
    return named or [CompletionItem(typed, type="file")]


def _dry_run(
    suite: "Suite",
    choices: "list[AdapterChoice]",
    chosen: "Selection",
    limit: int | None,
    head: bool,
    as_json: bool,
    out: Path | None = None,
    sample_from: tuple[str, ...] = (),
) -> int:
    import math
    from functools import partial

    from harness.comparison.forecast import CHANGED, forecast
    from harness.engine.drawn import told_draw
    from harness.engine.expected import expect, lines
    from harness.engine.informed import informed_draw
    from harness.engine.limits import beyond_budget
    from harness.engine.named import locate_run
    from harness.engine.plan import Plan
    from harness.gates.runs import planned_gates
    from harness.patience import patiently
    from harness.suite.data import usable_data
    from harness.suite.looks import draw_of

    suite = chosen.apply(suite)
    patience, drawn = suite.spec.engine.timeout, None
    if out is None:
        draw = draw_of(suite, limit, head=head)
    else:
        draw, drawn = informed_draw(suite, limit or 0, out, [locate_run(name, out) for name in sample_from])
    patiently(lambda: usable_data(suite, draw), patience)
    plan = Plan(tuple(suite.tasks.values()), 1, draw)
    counts = {task.name: {cell.id: plan.count(task, cell) for cell in task.cells()} for task in plan.tasks}
    forecasts = forecast(suite.spec.gates, planned_gates(suite, draw))
    expected = {choice.name: patiently(partial(expect, plan, choice), patience) for choice in choices}
    if as_json:
        import json

        told = [
            {
                "metric": one.metric,
                "n": one.n,
                "minimum_effect": None if math.isnan(one.minimum_effect) else one.minimum_effect,
                "why_not": one.why_not or None,
            }
            for one in forecasts
        ]
        shown = {name: one.model_dump(mode="json") for name, one in expected.items()}
        values = {"adapters": [*expected], "requests": counts, "total": plan.total, "gates": told, "expected": shown}
        values |= {"drawn": drawn.model_dump(mode="json")} if drawn else {}
        click.echo(json.dumps(values, indent=2))
        return ExitCode.OK
    for task, cells in counts.items():
        click.echo(f"{task}: {len(cells)} cells, {sum(cells.values()):,} requests")
    if drawn:
        click.echo(told_draw(drawn))
    for one in forecasts:
        assumed = f" (if {CHANGED:.0%} of the samples change)" if not math.isnan(one.minimum_effect) else ""
        click.echo(f"gate on {one}{assumed}")
    for name, found in expected.items():
        click.echo(f"\n{name} will take")
        for text in lines(found):
            click.echo(f"  {text}")
        if said := beyond_budget(suite.spec.engine, found):
            click.echo(f"  {said}")
    click.echo(f"\n{plan.total:,} requests to each of {', '.join(expected)}; nothing was run")
    return ExitCode.OK
