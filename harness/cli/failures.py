"""``harness failures``."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from harness.record.failures import Change

_EPILOG: Final = """\b
Examples:
  harness failures                    of the newest run under results/runs
  harness failures RUN --vs BEFORE    which reasons are new, which are gone
  harness failures RUN --json | jq '.failures[0].said'
"""
_COLORS: Final = {"new": "red", "more": "red", "fewer": "green", "gone": "green", "as before": "dim"}


@click.command(epilog=_EPILOG)
@click.argument("run", required=False)
@click.option("--vs", "before", metavar="RUN", help="Say beside each reason how often this run met it.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for runs.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the reasons as JSON, with the numbers of every cell.")
def command(run: str | None, before: str | None, runs: Path, as_json: bool) -> None:
    """Say why samples of RUN failed, grouped by what was said: a folder, or (a part of) its id; the newest by default.

    Ids, numbers and addresses in a message don't make another reason of it. `harness resume RUN --failed` asks again.
    """
    from harness.api import load_run
    from harness.record.failures import changes
    from harness.report.text import plain

    found = load_run(run, runs)
    other = load_run(before, runs) if before else None
    told = changes(other.failures() if other else (), found.failures())
    if as_json:
        import json

        body = {
            "run": found.record.run_id,
            "vs": other.record.run_id if other else None,
            "samples": sum(found.record.responses.values()),
            "reason": found.record.reason,
            "failures": [
                {**one.group.model_dump(mode="json"), "count": one.after}
                | ({"before": one.before, "change": one.word} if other else {})
                for one in told
            ],
        }
        click.echo(json.dumps(body, indent=2))
        return
    total, failed = sum(found.record.responses.values()), sum(one.after for one in told)
    versus = f", {sum(one.before for one in told):,} in {other.record.run_id}" if other else ""
    click.echo(f"{found.record.run_id}: {failed:,} of {total:,} samples failed{versus}")
    if found.record.reason:
        click.echo(f"run {found.record.status}: {plain(found.record.reason, 2_000)}")
    if told:
        _print(told, compared=other is not None)


def _print(told: "list[Change]", *, compared: bool) -> None:
    from harness.cli._grid import console, print_grid, safe
    from harness.report.failures import place

    heads = ["samples", *(["before", ""] if compared else []), "status", "where", "what was said"]
    rows = []
    for one in told:
        change = [f"{one.before:,}", f"[{_COLORS[one.word]}]{one.word}[/]"] if compared else []
        said, where = safe(one.group.said, 600), safe(place(one.group))
        rows.append([f"{one.after:,}", *change, one.group.status, where, said])
    print_grid(console(), heads, rows, right={"samples", "before"})
