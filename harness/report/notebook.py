"""What a console or a notebook shows of a run, a comparison and a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.causes.results import Why
from harness.comparison.compare import Compared
from harness.comparison.controls import better
from harness.comparison.decide import Decision
from harness.record import Run
from harness.record.schema import MetricRecord, RunRecord
from harness.report import compare_rows, numbers, page, why_rows
from harness.report.text import plain

ENTRIES: Final = {"Run": "of_run", "Compared": "of_compared", "Decision": "of_decision", "Why": "of_why"}

_LONGEST: Final = 600
"""Characters of a sentence."""


@dataclass(frozen=True, slots=True)
class TableCard:
    """A title, what a reader must know first, and a table."""

    title: str
    said: Sequence[str]
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """Return it for a console."""
        from tabulate import tabulate

        table = tabulate(self.rows, self.headers, disable_numparse=True) if self.rows else ""
        return "\n".join(plain(line, _LONGEST) for line in (self.title, *self.said)) + f"\n{table}".rstrip()

    def html(self) -> str:
        """Return it for a notebook; everything that a model or a data set said is escaped."""
        said = [plain(line, _LONGEST) for line in self.said]
        template = page.environment().get_template("card.html.j2")
        return template.render(title=plain(self.title, _LONGEST), said=said, headers=self.headers, rows=self.rows)


def of_run(run: Run) -> TableCard:
    """Return how a run ended, and its metrics with their intervals."""
    record = run.record
    rows = [
        (plain(f"{task}/{name}"), numbers.way(better(record, task, name, value)), *_shown(value))
        for task, body in record.tasks.items()
        for name, value in body.metrics.items()
    ]
    said = [compare_rows.SIMULATED] * record.adapter.simulated
    title = f"{record.suite.name} on {numbers.title(record)}: {_status(record)}"
    value = f"value [95 % interval]{_mark(record.adapter.simulated)}"
    return TableCard(title, [*said, f"record: {run.folder}"], ("metric", "", value, "n"), rows)


def of_compared(compared: Compared) -> TableCard:
    """Return how each metric moved."""
    mark = _mark(compared.simulated)
    headers = ("metric", "", f"baseline{mark}", f"candidate{mark}", "change [95 % interval]", "", "adjusted p", "pairs")
    rows = [
        (
            plain(delta.name),
            compare_rows.way(compare_rows.better(compared, delta)),
            compare_rows.value(delta.before),
            compare_rows.value(delta.after),
            compare_rows.changed(delta, delta.direction),
            compare_rows.went(compared, delta),
            compare_rows.p_value(delta.adjusted_p),
            compare_rows.pairs(delta.comparison),
        )
        for delta in compared.deltas
    ]
    flips = [f"{one.task}: {compare_rows.tally(one)}" for one in compared.flips]
    return TableCard(compare_rows.heading(compared), [*compare_rows.notices(compared), *flips], headers, rows)


def of_decision(decision: Decision) -> TableCard:
    """Return the verdict, and what each gate says."""
    record, compared = decision.candidate, decision.compared
    against = f" against {numbers.title(compared.baseline)}" if compared else ""
    said = compare_rows.notices(compared) if compared else [compare_rows.SIMULATED] * record.adapter.simulated
    if record.status != "complete":
        said.append(f"the run is {_status(record)}")
    if not decision.blocking:
        said.append(f"tier {record.suite.tier} only warns")
    gates = [judged.gate for judged in decision.gates]
    rows = [(plain(one.metric), one.rule, one.verdict, plain(one.reason, _LONGEST)) for one in gates]
    title = f"{record.suite.name}: {numbers.title(record)}{against}: {decision.verdict.upper()}"
    return TableCard(title, said, ("gate", "rule", "verdict", "because"), rows)


def of_why(found: Why) -> TableCard:
    """Return which change made the difference, and what each of them does."""
    said = [why_rows.verdict(found), *why_rows.notes(found), why_rows.cost(found)]
    return TableCard(why_rows.heading(found), said, why_rows.HEADS, why_rows.rows(found))


def _shown(value: MetricRecord) -> tuple[str, str]:
    return numbers.interval(value), numbers.coverage(value)


def _status(record: RunRecord) -> str:
    return record.status + (f": {record.reason}" if record.reason else "")


def _mark(simulated: bool) -> str:
    return f" ({numbers.SIMULATED})" if simulated else ""
