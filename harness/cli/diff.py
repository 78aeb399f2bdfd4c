"""``harness diff``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from harness.comparison.difference import Changes

_EPILOG: Final = """\b
Examples:
  harness diff RUN_A RUN_B            folders, or parts of runs' ids
  harness diff RUN_A RUN_B --json | jq .circumstances
"""
_LINES: Final = 12
"""Of each part on the screen."""
_WIDTH: Final = 44


@click.command(epilog=_EPILOG)
@click.argument("run_a")
@click.argument("run_b")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for the runs.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(run_a: str, run_b: str, runs: Path, as_json: bool) -> None:
    """Say in one screen what changed from RUN_A to RUN_B: questions, model, versions, machine, command, results.

    It shows differences and does not judge them: `harness compare` pairs the samples and says which are real.
    """
    from harness.comparison.difference import difference
    from harness.engine.named import locate_run
    from harness.record import read_run

    one, other = (read_run(locate_run(name, runs)) for name in (run_a, run_b))
    changes = difference(one, other)
    if as_json:
        parts = ("questions", "circumstances", "outcome")
        told = {
            part: [{"what": d.what, "a": d.baseline, "b": d.candidate} for d in getattr(changes, part)]
            for part in parts
        }
        click.echo(json.dumps({"a": one.run_id, "b": other.run_id, "notes": list(changes.notes), **told}, indent=2))
        return
    click.echo(f"A: {one.run_id}\nB: {other.run_id}")
    _print(changes)


def _print(changes: "Changes") -> None:
    if changes.none:
        click.echo("nothing differs, in what was asked, in the circumstances, or in what came out")
        return
    parts = {
        "what was asked": changes.questions,
        "the circumstances": changes.circumstances,
        "what came out": changes.outcome,
    }
    for title, found in parts.items():
        click.echo(f"\n{title}: {'the same' if not found else f'{len(found)} differ'}")
        wide = max((min(len(item.what), _WIDTH) for item in found[:_LINES]), default=0)
        for item in found[:_LINES]:
            click.echo(f"  {_cut(item.what):<{wide}}  {_cut(item.baseline)} → {_cut(item.candidate)}")
        if len(found) > _LINES:
            click.echo(f"  … and {len(found) - _LINES} more; --json prints all")
    for note in changes.notes[:_LINES]:
        click.echo(f"  {note}")


def _cut(text: str) -> str:
    text = text.replace("\n", "⏎")
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
