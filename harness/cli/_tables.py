"""Runs on the terminal: numbers, what is to be known of them, and gates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

from rich.console import Console
from rich.markup import escape

from harness.cli._families import in_family, print_families
from harness.cli._grid import print_grid, safe
from harness.record.schema import MetricRecord, RunRecord
from harness.report.failures import failure_lines
from harness.report.numbers import CUT_OFF, arrow, coverage, cut_off, interval, known, title

Order = Literal["given", "name", "value"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which numbers are printed, and in which order."""

    everything: bool = False
    """All numbers of a family such as ``auroc[knn]``, not only those that are gated or primary."""
    pattern: str = ""
    """Those whose ``task/metric`` fits, a line each; ``*`` stands for any letters."""
    order: Order = "given"

    def fits(self, name: str) -> bool:
        """Return whether a number is one of those that were asked for by name."""
        wanted = self.pattern.replace("[", "[[]")  # brackets are part of names here
        return fnmatchcase(name, wanted) or fnmatchcase(name, f"*{wanted}*")


WHOLE: Final = Choice()


def print_runs(out: Console, records: Sequence[RunRecord], choice: Choice = WHOLE) -> None:
    """Print metrics, a column for each run, then findings and gates."""
    _print_metrics(out, records, choice)
    if not choice.pattern:
        print_families(out, records, everything=choice.everything)
    for record in records:
        prefix = f"{title(record)}: " if len(records) > 1 else ""
        if record.status != "complete":
            out.print(f"[bold red]{prefix}run {record.status}: {safe(record.reason)}[/]")
        elif record.doubtful:
            out.print(f"[bold yellow]{prefix}run inconclusive: {safe(record.reason)}[/]")
        print_failures(out, record, prefix)
        for name, task in record.tasks.items() if not choice.pattern else ():
            for finding in task.findings:
                out.print(f"[yellow]{prefix}{name}: {safe(finding.text)}[/]")
    for record in records:
        if record.gates and not choice.pattern:
            _print_gates(out, record)


def print_failures(out: Console, record: RunRecord, prefix: str = "") -> None:
    """Print why samples failed, if any did."""
    for said in failure_lines(record):
        out.print(f"[yellow]{prefix}failed: {escape(said)}[/]")


def ceilings(record: RunRecord) -> dict[str, str]:
    """Return controls: metrics that should be low whatever their direction says, each with its rule, ``≤ 0.1``."""
    gates = [gate for gate in record.suite.content.get("gates") or () if gate.get("control")]
    return {gate["metric"]: f"≤ {gate['max']:g}" for gate in gates if gate.get("max") is not None}


def _print_metrics(out: Console, records: Sequence[RunRecord], choice: Choice) -> None:
    first = records[0]
    heads = ["metric", ""]
    for record in records:
        heads += [title(record), "n"]
    controls = ceilings(first)
    rows = []
    for name, metrics in _ordered(_chosen(records, choice), choice.order):
        shown = [text for metric in metrics for text in _cells(metric, beside=len(records) > 1)]
        rows.append([safe(name), controls.get(name) or arrow(known(metrics)), *shown])
    if not choice.pattern:
        for task in first.tasks:
            cut = [cut_off(record.tasks[task]) if task in record.tasks else "" for record in records]
            if any(cut):
                rows.append([safe(f"{task}: {CUT_OFF}"), "↓", *(text for one in cut for text in ("", one))])
    heading = safe(f"{first.suite.name} (version {first.suite.version})")
    if rows:
        print_grid(out, heads, rows, right={"n"}, title=heading)
    elif choice.pattern:
        out.print(f"no number is called {safe(choice.pattern)}")
    else:
        out.print(f"[bold]{heading}: {safe(', '.join(map(title, records)))}[/]", soft_wrap=True)


def _chosen(records: Sequence[RunRecord], choice: Choice) -> Iterator[tuple[str, list[MetricRecord | None]]]:
    """Yield numbers by ``task/metric``; without a pattern those of families are left to tables of their own."""
    for task, body in records[0].tasks.items():
        for name in body.metrics:
            full = f"{task}/{name}"
            if choice.fits(full) if choice.pattern else not in_family(name):
                yield full, [_find(record, task, name) for record in records]


def _ordered(
    rows: Iterator[tuple[str, list[MetricRecord | None]]], order: Order
) -> list[tuple[str, list[MetricRecord | None]]]:
    """Return rows in their order; by value the worst of the last run stand first, and those without a value last."""
    if order == "given":
        return list(rows)
    if order == "name":
        return sorted(rows, key=lambda row: row[0])

    def worst(row: tuple[str, list[MetricRecord | None]]) -> tuple[bool, float]:
        metric = row[1][-1]
        if metric is None or metric.value is None:
            return True, 0.0
        return False, -metric.value if metric.direction == "lower" else metric.value

    return sorted(rows, key=worst)


def _cells(metric: MetricRecord | None, *, beside: bool) -> tuple[str, str]:
    """Return a number with its interval, and its n; where runs stand beside each other ``98/100`` are 98 of 100 ok."""
    if metric is None:
        return "", ""
    n = coverage(metric)
    return safe(interval(metric)), n.replace(" of ", "/").removesuffix(" ok") if beside else n


def _find(record: RunRecord, task: str, name: str) -> MetricRecord | None:
    return record.tasks[task].metrics.get(name) if task in record.tasks else None


_COLORS = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "no baseline": "dim"}


def _print_gates(out: Console, record: RunRecord) -> None:
    rows = [
        [safe(gate.metric), gate.rule, f"[{_COLORS[gate.verdict]}]{gate.verdict}[/]", safe(gate.reason)]
        for gate in record.gates
    ]
    print_grid(out, ["gate", "rule", "verdict", "because"], rows, title=f"\n{safe(f'gates: {title(record)}')}")
