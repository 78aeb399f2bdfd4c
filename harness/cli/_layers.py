"""``harness why --layers``: which blocks of a quantised model make it worse."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.causes.layers import Step
    from harness.causes.planning import Options, Planned
    from harness.causes.results import Why


def tell_layers(
    floating: str,
    quantised: str,
    suite: Path,
    limit: int | None,
    keep: Path | None,
    options: "Options",
    as_json: bool,
) -> ExitCode:
    """Run a suite's task on both adapters, put blocks of the second back in float, and print what that brings."""
    from harness.api import run
    from harness.causes.find import find
    from harness.causes.layers import keep as keep_step
    from harness.causes.layers import prepare_layers, steps
    from harness.cli._stdout import kept_for_json
    from harness.engine.told import invocation
    from harness.locate import find as find_file

    file = find_file("suites", str(suite))
    only = options.metric.partition("/")[0]
    own = replace(options, suite=file, adapter=quantised, before=floating)
    with kept_for_json(as_json), invocation():
        sides = [
            run(file, name, out=options.out, limit=limit, only=only or (), cache=options.cache is not None,
                roots=options.roots, report=False, progress=options.progress, say=options.say)
            for name in (floating, quantised)
        ]  # fmt: skip
        planned = prepare_layers(sides[0], sides[1], own)
        found = find(planned, own)
        rows = steps(planned, found, own)
        kept = (
            {step.name: keep_step(step, keep / f"step-{place}") for place, step in enumerate(rows[:-1])} if keep else {}
        )
    if as_json:
        from harness.causes.remade import remade
        from harness.causes.results import plain

        told = {**plain(found), "steps": [_plain(planned, step) for step in rows]}
        if names := _worst(found, rows):
            told["remade"] = {"in_float": names, **asdict(remade(planned, names))}
        click.echo(json.dumps(told, indent=2))
    else:
        _print(planned, found, rows)
        for name, path in kept.items():
            click.echo(f"{name}: {path}")
    return ExitCode.INCONCLUSIVE if found.verdict in ("open", "likely") else ExitCode.OK


def _plain(planned: "Planned", step: "Step") -> dict[str, object]:
    return {
        "step": step.name,
        "in_float": {name: _operators(planned, name) for name in step.blocks},
        "metric": step.metric.model_dump(mode="json") if step.metric else None,
        "bytes": step.bytes,
        "speed_up": dict(zip(("value", "low", "high"), step.ratio, strict=True)),
        "pareto": step.pareto,
        "run": str(step.folder),
    }


def _operators(planned: "Planned", name: str) -> list[str]:
    return [
        node for change in planned.changes if change.name == name for place in change.places for node in place.path[1:]
    ]


def _print(planned: "Planned", found: "Why", rows: "list[Step]") -> None:
    from harness.causes.remade import remade
    from harness.cli._grid import console, print_grid, safe
    from harness.cli.why import print_why
    from harness.report.numbers import interval

    print_why(found, again=False)
    out = console()
    table = [
        [
            "*" if step.pareto else "",
            safe(step.name),
            interval(step.metric) if step.metric else "undefined",
            "{:.2f}× [{:.2f}, {:.2f}]".format(*step.ratio),
            f"{step.bytes / 2**20:.1f}",
        ]
        for step in rows
    ]
    heads = ["", "in float", f"{safe(found.metric)} [95 % interval]", "speed-up", "MiB"]
    print_grid(out, heads, table, title="blocks put back in float, one after the other", right={"MiB"})
    if (names := _worst(found, rows)) and (made := remade(planned, names)):
        out.print(safe(f"to quantise with {', '.join(names)} left in float:"))
        for line in made.commands:
            click.echo(f"  {line}")
        click.echo(f"  in the adapter's file: {made.key}")
        if made.note:
            out.print(safe(made.note))


def _worst(found: "Why", rows: "list[Step]") -> tuple[str, ...]:
    """Return the blocks that are worth leaving in float: those that stand apart, else the worst one."""
    causes = tuple(cause.change.name for cause in found.found)
    return next((step.blocks for step in rows if step.blocks and set(step.blocks) == set(causes)), rows[1].blocks)
