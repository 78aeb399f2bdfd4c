"""What ``harness gate`` says: the plan before it runs, the decision after, as text and as JSON."""

from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.causes.results import Why
    from harness.comparison.decide import Decision
    from harness.comparison.forecast import Forecast
    from harness.gates.runs import PlannedGate

_FLIPS_SHOWN: Final = 10
_COLORS: Final = {
    "pass": "green", "fail": "bold red", "error": "bold red", "inconclusive": "yellow", "no baseline": "yellow",
}  # fmt: skip


def print_plan(planned: "PlannedGate") -> None:
    """Print the baseline and what each gate will be able to see, beside the decision's own stream."""
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


def json_of(forecasts: "Sequence[Forecast]", decision: "Decision", found: "Why | None" = None) -> str:
    """Return the decision as JSON, with why it fails where that was found."""
    import json

    from harness.report.compare_json import decision_json

    return json.dumps(decision_json(decision, forecasts, found), indent=2)


def print_decision(forecasts: "Sequence[Forecast]", decision: "Decision") -> None:
    """Print the decision as a table, with what must not be missed and the samples that were lost."""
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
