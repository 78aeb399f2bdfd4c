"""``harness cost``."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from harness.comparison.front import Front, Standing

_EPILOG: Final = """\b
Examples:
  harness cost @latest:onnx-fp32 @latest:onnx-int8 @latest:qwen2-vl
  harness cost A B C --json
"""


@click.command(epilog=_EPILOG)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--runs", "folder", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for runs.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(runs: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Say which of RUNS are worth what they cost: the Pareto front of being right, money or tokens, and seconds.

    The suite needs a task of `kind: cost`. A run is behind another that is at least as good in everything; where
    intervals overlap, it is only perhaps.
    """
    from harness.api import load_run
    from harness.comparison.front import fronts
    from harness.errors import UsageError

    found = fronts([load_run(name, folder) for name in runs])
    if not found:
        raise UsageError("the runs share no task of `kind: cost`; add one to the suite: {kind: cost, of: TASK}")
    if as_json:
        import json
        from dataclasses import asdict

        def plain(one: object) -> object:
            return one.model_dump(mode="json") if hasattr(one, "model_dump") else str(one)

        click.echo(json.dumps([asdict(front) for front in found], default=plain, indent=2))
        return
    for front in found:
        _print(front)


def _print(front: "Front") -> None:
    from rich.markup import escape

    from harness.cli._grid import console, print_grid, safe
    from harness.report.text import plain

    out = console()
    heads = ["adapter", *(f"{name} {'↑' if name == 'right' else '↓'}" for name in front.axes), "stands"]
    table = [
        [safe(one.adapter), *(_number(one, name) for name in front.axes), safe(_stands(one))] for one in front.standings
    ]
    print_grid(out, heads, table, right=set(), title=escape(plain(front.task)))
    for note in front.notes:
        out.print(f"[dim]{escape(note)}[/]")


def _number(one: "Standing", name: str) -> str:
    from harness.cli._grid import safe
    from harness.report.compare_rows import value

    number = one.values[name]
    known = number.value is not None and number.low is not None and number.high is not None
    said = f"{number.value:.4g}" + (f" [{number.low:.3g}, {number.high:.3g}]" if known else "") if number.n else ""
    return safe(said or value(float("nan")))


def _stands(one: "Standing") -> str:
    if not one.behind:
        return "on the front"
    if one.sure:
        return f"behind {one.behind}"
    return f"perhaps behind {one.behind}: {', '.join(one.open)} may be otherwise"
