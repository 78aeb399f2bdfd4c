"""``harness why --layers``: which blocks of a quantised model make it worse."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.errors import ExitCode, HarnessError

if TYPE_CHECKING:
    from harness.causes.layers import Step
    from harness.causes.looking import Looking
    from harness.causes.planning import Options, Planned
    from harness.causes.remade import Remade
    from harness.causes.results import Why


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asks for beside the causes."""

    limit: int | None
    keep: Path | None
    parts: bool
    steps: int
    looking: bool
    html: Path | None


@dataclass(frozen=True, slots=True)
class _Found:
    planned: "Planned"
    why: "Why"
    steps: "list[Step]"
    names: tuple[str, ...]
    """Of the blocks that are worth leaving in float."""
    remade: "Remade | None"
    looking: "Looking | str | None"
    """Or why it was not asked."""


def tell_layers(
    floating: str, quantised: str, suite: Path, wanted: Wanted, options: "Options", as_json: bool
) -> ExitCode:
    """Run a suite's task on both adapters, put blocks of the second back in float, and print what that brings."""
    from harness.causes.layers import keep as keep_step
    from harness.cli._stdout import kept_for_json
    from harness.engine.told import invocation

    with kept_for_json(as_json), invocation():
        found = _found(floating, quantised, suite, wanted, options)
        kept = {}
        if wanted.keep:
            for place, step in enumerate(found.steps[:-1]):
                kept[step.name] = keep_step(step, wanted.keep / f"step-{place}")
        if wanted.html:
            from harness.report.layers_html import write_layers

            write_layers(found.why, found.steps, found.remade, found.looking, wanted.html)
    if as_json:
        click.echo(json.dumps(_plain(found), indent=2))
    else:
        _print(found)
        for name, path in kept.items():
            click.echo(f"{name}: {path}")
        if wanted.html:
            click.echo(f"page: {wanted.html}")
    return ExitCode.INCONCLUSIVE if found.why.verdict in ("open", "likely") else ExitCode.OK


def _found(floating: str, quantised: str, suite: Path, wanted: Wanted, options: "Options") -> _Found:
    from harness.api import run
    from harness.causes.find import find
    from harness.causes.layers import prepare_layers, steps
    from harness.causes.remade import remade
    from harness.locate import find as find_file

    file = find_file("suites", str(suite))
    only = options.metric.partition("/")[0]
    own = replace(options, suite=file, adapter=quantised, before=floating)
    sides = [
        run(file, name, out=options.out, limit=wanted.limit, only=only or (), cache=options.cache is not None,
            roots=options.roots, report=False, progress=options.progress, say=options.say)
        for name in (floating, quantised)
    ]  # fmt: skip
    planned = prepare_layers(sides[0], sides[1], own, parts=wanted.parts)
    why = find(planned, own)
    rows = steps(planned, why, own, wanted.steps)
    names = _worth(why, rows)
    looked = _looked(planned, own) if wanted.looking else None
    return _Found(planned, why, rows, names, remade(planned, names) if names else None, looked)


def _worth(found: "Why", rows: "list[Step]") -> tuple[str, ...]:
    """Return the blocks that stand apart, where a step has them in float; else the worst one, if anything fell."""
    if found.verdict in ("noise", "alike"):
        return ()
    causes = {cause.change.name for cause in found.found}
    return next((step.blocks for step in rows if step.blocks and set(step.blocks) == causes), rows[1].blocks)


def _looked(planned: "Planned", options: "Options") -> "Looking | str | None":
    if planned.after.type == "onnx_classifier":
        return None  # it is asked nothing that could be answered without looking
    from harness.causes.looking import looking

    try:
        return looking(planned, options)
    except HarnessError as error:
        return f"whether it still looks was not asked: {error}"


def _plain(found: _Found) -> dict[str, object]:
    from harness.causes.looking import Looking
    from harness.causes.results import plain

    told = {**plain(found.why), "steps": [_plain_step(found.planned, step) for step in found.steps]}
    if found.remade:
        told["remade"] = {"in_float": found.names, **asdict(found.remade)}
    if isinstance(found.looking, Looking):
        sides = {side: getattr(found.looking, side).model_dump(mode="json") for side in ("before", "after")}
        told["looking"] = {"verdict": found.looking.sight, **sides, "change": asdict(found.looking.change)}
    elif found.looking:
        told["looking"] = {"verdict": None, "why_not": found.looking}
    return told


def _plain_step(planned: "Planned", step: "Step") -> dict[str, object]:
    return {
        "step": step.name,
        "in_float": {name: _operators(planned, name) for name in step.blocks},
        "metric": step.metric.model_dump(mode="json") if step.metric else None,
        "to_float": asdict(step.change) if step.change else None,
        "bytes": step.bytes,
        "speed_up": dict(zip(("value", "low", "high"), step.ratio, strict=True)),
        "pareto": step.pareto,
        "run": str(step.folder),
    }


def _operators(planned: "Planned", name: str) -> list[str]:
    return [
        node for change in planned.changes if change.name == name for place in change.places for node in place.path[1:]
    ]


def _print(found: _Found) -> None:
    from harness.causes.looking import Looking
    from harness.cli._grid import console, print_grid, safe
    from harness.cli.why import print_why
    from harness.report import layer_rows

    print_why(found.why, again=False)
    out = console()
    table = [[safe(cell) for cell in layer_rows.row(step)] for step in found.steps]
    heads = [safe(head) for head in layer_rows.heads(found.why.metric)]
    print_grid(out, heads, table, title="blocks put back in float, one after the other", right={"MiB"})
    if found.looking:
        told = layer_rows.sight(found.looking) if isinstance(found.looking, Looking) else found.looking
        click.echo(safe(told, 400))
    if found.remade:
        out.print(safe(f"to quantise with {', '.join(found.names)} left in float:"))
        for line in found.remade.commands:
            click.echo(f"  {line}")
        click.echo(f"  in the adapter's file: {found.remade.key}")
        if found.remade.note:
            click.echo(f"  {found.remade.note}")
