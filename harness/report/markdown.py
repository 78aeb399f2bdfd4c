"""The report of a run as Markdown, for a pull request's comment."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.report import numbers
from harness.report.content import Content, gather
from harness.report.failures import failure_lines
from harness.report.github_safe import code, escaped
from harness.report.label_marks import RunLabels
from harness.report.label_rows import about, by_people, by_score

if TYPE_CHECKING:
    from harness.comparison.labelled import WithLabels

_LONGEST: Final = 2_000
"""Characters of a finding."""
_MARKS: Final = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "no baseline": "➖"}


def markdown(folder: Path, labels: "WithLabels | None" = None) -> str:
    """Return the report of the run in ``folder``.

    Args:
        folder: of the run.
        labels: what people say of some answers; by default those that the suite names.

    Raises:
        UsageError: if the folder holds no readable run, or the labels do not go with it.
    """
    return render_markdown(gather(folder, labels))


def render_markdown(content: Content) -> str:
    """Return the report as GitHub-flavoured Markdown."""
    from tabulate import tabulate

    record = content.record
    parts = [f"## {escaped(f'{record.suite.name} on {numbers.title(record)}')}: {content.verdict}"]
    if record.reason:
        parts.append(f"> {escaped(record.reason, _LONGEST)}")
    parts += [f"> failed: {escaped(said, _LONGEST)}" for said in failure_lines(record)]
    if content.simulated:
        parts.append("> **Simulated**: no model stands behind these numbers.")
    parts += [
        f"> {escaped(f'{name}: {found.text}', _LONGEST)}"
        for name, task in record.tasks.items()
        for found in task.findings
    ]
    if record.gates:
        gates = [
            (code(g.metric), g.rule, f"{_MARKS[g.verdict]} {g.verdict}", escaped(g.reason, _LONGEST))
            for g in record.gates
        ]
        parts.append(tabulate(gates, headers=("gate", "rule", "verdict", "because"), tablefmt="github"))
    rows = [
        (
            code(f"{row.task}/{row.metric}"),
            numbers.way(row.better),
            numbers.interval(row.value),
            numbers.coverage(row.value),
        )
        for row in content.rows
    ]
    told = {name: numbers.cut_off(task) for name, task in record.tasks.items()}
    rows += [(f"{code(name)}: {numbers.CUT_OFF}", "↓", "", said) for name, said in told.items() if said]
    value = "value [95 % interval]" + (" (simulated)" if content.simulated else "")
    parts.append(tabulate(rows, headers=("metric", "", value, "n"), tablefmt="github", disable_numparse=True))
    parts += _by_labels(content.labels)
    for name, task in record.tasks.items():
        if task.curves:
            curves = [
                (
                    escaped(curve.name.rpartition(" under ")[2]),
                    *("" if p.value is None else f"{p.value:.3f}" for p in curve.points),
                )
                for curve in task.curves
            ]
            headers = (f"{escaped(name)}, severity", *(f"{x:g}" for x in task.curves[0].x))
            parts.append(tabulate(curves, headers=headers, tablefmt="github", disable_numparse=True))
    adapter = record.adapter
    parts.append(
        f"<sub>run {code(record.run_id)}, suite hash `{record.suite.hash[:12]}`, adapter `{adapter.fingerprint[:12]}`, "
        f"{record.seconds:.1f} s</sub>"
    )
    return "\n\n".join(parts) + "\n"


def _by_labels(labels: RunLabels) -> list[str]:
    """Return what people's labels say, a table of its own, and how it came about; nothing without labels."""
    from tabulate import tabulate

    if labels.problem:
        return [f"> labels: {escaped(labels.problem, _LONGEST)}"]
    if not labels.found:
        return []
    rows = [
        (code(one.task), f"{one.found.labelled:,} of {one.found.differing:,}", by_people(one), escaped(by_score(one)))
        for one in labels.found
    ]
    heads = ("task", "labels of answers", "right by labels [95 % interval]", "by the score alone")
    said = "\n".join(f"- {escaped(told, 600)}" for one in labels.found for told in about(one))
    return [f"**By labels**\n\n{tabulate(rows, headers=heads, tablefmt='github', disable_numparse=True)}", said]
