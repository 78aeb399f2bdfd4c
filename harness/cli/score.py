"""``harness score``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from harness.record import Run

_EPILOG: Final = """\b
Examples:
  harness score RUN --metric anls --variant lmms-eval
  harness score --metric relaxed_accuracy --param tolerance=0.1
  harness score RUN --diff-variants relaxed_accuracy
  harness score out/lmms --metric anls@lmms-eval --diff       where another harness judged otherwise, and why
"""
_MOST_SHOWN: Final = 50
_EACH: Final = 5
"""Answers that are shown of each cause."""
_WIDE: Final = 120


@click.command(epilog=_EPILOG)
@click.argument("run", required=False)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for RUN.")  # fmt: skip
@click.option("-m", "--metric", help="The metric to score with; NAME@VARIANT names its variant too.")
@click.option("--variant", default="default", show_default=True, help="Its variant.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the metric, as in YAML.")
@click.option("--extract", multiple=True, metavar="STEP",
              help="An extraction step to use instead of the tasks' own; in order.")  # fmt: skip
@click.option("--diff", "against", is_flag=True,
              help="List the answers that the metric judges otherwise than the run's scores, by cause.")  # fmt: skip
@click.option("--diff-variants", metavar="METRIC", help="List the answers on which the metric's variants disagree.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    run: str | None,
    runs: Path,
    metric: str | None,
    variant: str,
    params: tuple[str, ...],
    extract: tuple[str, ...],
    against: bool,
    diff_variants: str | None,
    as_json: bool,
) -> None:
    """Score the stored answers of RUN again: a folder, or (a part of) a run's id; the newest by default.

    The record is left as it is. Needs no model.
    """
    from harness.api import load_run

    if (metric is None) == (diff_variants is None):
        raise click.UsageError("name one of --metric and --diff-variants")
    if against and metric is None:
        raise click.UsageError("--diff needs the --metric that is held against the run's own scores")
    opened = load_run(run, runs)
    if against and metric is not None:
        _against(opened, metric, variant, extract, _parse(params), as_json)
    elif metric is not None:
        _rescore(opened, metric, variant, extract, _parse(params), as_json)
    elif diff_variants is not None:
        _diff(opened, diff_variants, as_json)


def _parse(params: tuple[str, ...]) -> dict[str, Any]:
    from harness.spec.document import parse_document, resolve_plain

    parsed = {}
    for text in params:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--param takes NAME=VALUE, not {text!r}")
        nested = value.startswith(("{", "["))
        parsed[name] = parse_document(value, Path(f"--param {name}")).value if nested else resolve_plain(value)
    return parsed


def _rescore(
    run: "Run", metric: str, variant: str, extract: tuple[str, ...], params: dict[str, Any], as_json: bool
) -> None:
    from harness.api import score
    from harness.engine.rescore import one_by_one, unasked
    from harness.record.schema import MetricRecord
    from harness.report.numbers import arrow, coverage, interval, title

    found, skipped = score(run, metric, variant=variant, extract=extract, **params), unasked(run)
    values = {key: MetricRecord.of(value) for key, value in found.items()}
    variant = one_by_one(metric, variant, **params).variant_at
    if as_json:
        told = {"run": run.record.run_id, "simulated": run.record.adapter.simulated}
        told |= {"metric": metric, "variant": variant, "params": params, "steps": extract}
        cells = {key: value.model_dump(mode="json") for key, value in values.items()}
        click.echo(json.dumps(told | {"cells": cells, "skipped": skipped}, indent=2))
        return
    if skipped:
        click.echo(f"left out, since they hold no answers to questions: {', '.join(skipped)}", err=True)
    from harness.cli._grid import console, print_grid, safe

    rows = [[safe(key), arrow(value), safe(interval(value)), coverage(value)] for key, value in values.items()]
    heading = safe(f"{metric} ({variant}), scored again: {run.record.run_id}")
    print_grid(console(), ["cell", "", title(run.record), "n"], rows, right={"n"}, title=heading)


def _against(
    run: "Run", metric: str, variant: str, extract: tuple[str, ...], params: dict[str, Any], as_json: bool
) -> None:
    from harness.engine.causes import cause
    from harness.engine.rescore import against_stored, one_by_one
    from harness.report.text import plain

    ours = one_by_one(metric, variant, **params)
    found = [(cause(one), one) for one in against_stored(run, ours, extract or None)]
    groups: dict[str, list[Any]] = {}
    for why, one in sorted(found, key=lambda pair: pair[0]):
        groups.setdefault(why, []).append(one)
    if as_json:
        rows = [
            {"cause": why, "task": d.task, "cell": d.cell, "sample_id": d.sample_id, "response": d.response}
            | {"references": list(d.references), "scores": dict(d.scores)}
            for why, some in groups.items() for d in some
        ]  # fmt: skip
        click.echo(json.dumps({"metric": ours.name, "variant": ours.variant_at, "differ": rows}, indent=2))
        return
    total = sum(run.record.responses.values())
    click.echo(f"{ours.name} ({ours.variant_at}) judges {len(found):,} of {total:,} answers otherwise than the run")
    for why, some in sorted(groups.items(), key=lambda pair: -len(pair[1])):
        click.echo(f"{why}: {len(some):,}")
        for d in some[:_EACH]:
            scores = f"{_short(d.scores['stored'])} there, {_short(d.scores['ours'])} here"
            said, right = (plain(text, _WIDE) for text in (d.response, " | ".join(d.references)))
            click.echo(f"  {plain(d.task)}/{plain(d.cell)}/{plain(d.sample_id)}: {said!r} for {right!r}: {scores}")


def _diff(run: "Run", name: str, as_json: bool) -> None:
    from harness.engine.rescore import disagreements, one_by_one

    variants = {one.variant_at: one for one in (one_by_one(name, key) for key in one_by_one(name).variants)}
    found = list(disagreements(run, variants))
    if as_json:
        rows = [
            {"task": d.task, "cell": d.cell, "sample_id": d.sample_id, "response": d.response}
            | {"references": list(d.references), "scores": dict(d.scores)}
            for d in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    click.echo(f"{name}: {', '.join(variants)} disagree on {len(found)} answers")
    for d in found[:_MOST_SHOWN]:
        scores = "  ".join(f"{variant}={_short(value)}" for variant, value in d.scores.items())
        click.echo(f"{d.task}/{d.cell}/{d.sample_id}: {d.response!r} for {' | '.join(d.references)!r}: {scores}")
    if len(found) > _MOST_SHOWN:
        click.echo(f"… and {len(found) - _MOST_SHOWN} more; --json prints all")


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"
