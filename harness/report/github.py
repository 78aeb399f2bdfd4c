"""What a gate tells GitHub: a sticky comment, the job's summary, annotations on the suite's lines, outputs."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from harness.causes.because import Because
from harness.comparison.decide import Decision, Judged
from harness.comparison.forecast import Forecast
from harness.errors import ExitCode, HarnessError, Mark
from harness.gates.tries import told as tried
from harness.report import compare_markdown as markdown
from harness.report import why_rows
from harness.report.compare_rows import cut_off
from harness.report.failures import failure_lines
from harness.report.github_safe import code, command, escaped
from harness.report.numbers import title

LIMIT: Final = 64_000
"""Bytes of a comment; GitHub refuses 65,536 characters."""

_MARKS: Final = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "no baseline": "➖", "error": "❌"}
_RANK: Final = {"fail": 0, "inconclusive": 1, "no baseline": 1, "pass": 2}
_LEFT_OUT: Final = "> More did not fit here; the job's files have it all."


def marker(suite: str, adapter: str) -> str:
    """Return the first line of the comment, by which the next run finds and replaces it."""
    return f"<!-- harness-gate {suite} {adapter} -->"


def comment(
    decision: Decision, forecasts: Sequence[Forecast] = (), limit: int = LIMIT, why: Because | None = None
) -> str:
    """Return the comment: verdict, rules, what moved, flips, slices, lineage; where it grows too long, parts go."""
    record, compared = decision.candidate, decision.compared
    against = f" against {code(title(compared.baseline))}" if compared else ""
    warns = "" if decision.blocking else f" (tier {record.suite.tier}: warns only)"
    word = f"{_MARKS[decision.verdict]} {decision.verdict.upper()}{warns}"
    head = [
        marker(record.suite.name, record.adapter.name),
        f"## {word}: {code(record.suite.name)} on {code(title(record))}{against}",
    ]
    if record.status != "complete":
        head.append(f"> The run is {record.status}, so nothing is decided. {escaped(record.reason, 600)}".rstrip())
    elif record.doubtful:
        head.append(f"> {escaped(record.reason, 600)}: no rule passes.")
    head += [f"> failed: {escaped(said, 600)}" for said in failure_lines(record)]
    if record.adapter.simulated:
        head.append("> **Simulated**: no model stands behind these numbers. They say nothing about any model.")
    parts = [_rules(decision), *(_because(why) if why else []), *_looked(decision)]
    if not compared:
        parts += [f"> {escaped(said, 600)}" for said in cut_off(record)]
    else:
        moved = [delta for delta in compared.deltas if delta.moved]
        if moved:
            parts.append("**Moved**\n\n" + markdown.metrics(compared, moved))
        everything = markdown.body(compared)
        parts += [part for part in everything if part.startswith((">", "<"))]
        parts.insert(-1, markdown.details("All metrics", markdown.metrics(compared)))
    if forecasts:
        planned = "\n".join(f"- {escaped(str(one), 300)}" for one in forecasts)
        parts.append(markdown.details("Planned before the run", planned))
    return _fitting([*head, *parts], limit)


def _looked(decision: Decision) -> list[str]:
    """Return how far the gate looked, and how often this model was tried."""
    said = [str(decision.looked) if decision.looked else "", tried(decision.tries) if decision.tries else ""]
    return [f"{one[:1].upper()}{one[1:]}." for one in said if one]


def _because(why: Because) -> list[str]:
    """Return the change that made a gate fail, and beside which others."""
    said = why_rows.because(why)
    if why.found is None or not (lines := why_rows.rows(why.found)):
        return [f"> {escaped(said, 900)}"]
    cells = [tuple(escaped(cell, 300) for cell in line) for line in lines]
    notes = [escaped(one, 600) for one in (*why_rows.notes(why.found), why_rows.cost(why.found))]
    shown = "\n\n".join([markdown.table(why_rows.HEADS, cells), *notes])
    return [
        f"**Why**: {escaped(said, 900)}",
        markdown.details(f"Changes since the baseline, {code(why.metric)}", shown),
    ]


def failure_comment(suite: str, adapter: str, error: HarnessError) -> str:
    """Return the comment of a gate that came to no decision: no baseline that fits, or a run that failed."""
    word = "❔ NO BASELINE" if error.exit_code == ExitCode.INCONCLUSIVE else "❌ FAILED"
    lines = "\n".join(f"> {escaped(line, 600)}" for line in str(error).splitlines())
    return f"{marker(suite, adapter)}\n\n## {word}: {code(suite)} on {code(adapter)}\n\n{lines}\n"


def annotations(decision: Decision, places: Sequence[Mark], root: Path) -> list[str]:
    """Return a workflow command for every rule that did not pass, on the line of the suite that states it."""
    said = []
    for judged in decision.gates:
        if judged.gate.verdict == "pass":
            continue
        level = "error" if decision.blocking and judged.failed else "warning"
        where: dict[str, str | int] = {"title": f"{judged.gate.metric} {judged.gate.rule}: {judged.gate.verdict}"}
        if judged.position < len(places):
            mark = places[judged.position]
            where = {"file": _relative(mark.file, root), "line": mark.line, **where}
        said.append(command(level, judged.gate.reason, where))
    return said


def write_github(
    text: str, verdict: str, exit_code: int, folder: Path, environment: Mapping[str, str] = os.environ
) -> Path:
    """Write ``comment.md`` into ``folder``, and the job's summary and outputs where GitHub names files for them."""
    file = write_comment(text, folder)
    if summary := environment.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as out:
            out.write(text + "\n")
    if outputs := environment.get("GITHUB_OUTPUT"):
        with Path(outputs).open("a", encoding="utf-8") as out:
            out.write(f"verdict={verdict}\nexit-code={exit_code:d}\n")
    return file


def write_comment(text: str, folder: Path) -> Path:
    """Write ``comment.md`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "comment.md"
    file.write_text(text, encoding="utf-8")
    return file


def _rules(decision: Decision) -> str:
    lines = [
        (
            code(judged.gate.metric),
            escaped(judged.gate.rule) + (" (strict)" if judged.strict and judged.statistics else ""),
            f"{_MARKS[judged.gate.verdict]} {judged.gate.verdict}",
            escaped(judged.gate.reason, 600),
            _detectable(judged),
        )
        for judged in sorted(decision.gates, key=lambda one: _RANK[one.gate.verdict])
    ]
    return markdown.table(("gate", "rule", "verdict", "because", "detectable drop (80 % power)"), lines)


def _detectable(judged: Judged) -> str:
    if judged.statistics is None or math.isnan(judged.statistics.minimum_effect):
        return ""
    return f"{judged.statistics.minimum_effect:.3f}"


def _fitting(parts: Sequence[str], limit: int) -> str:
    """Return the parts that fit, in order; what is left out is said."""
    room = limit - len(_LEFT_OUT.encode()) - 4
    kept: list[str] = []
    for part in parts:
        size = len(part.encode()) + 2
        if size <= room:
            kept.append(part)
            room -= size
    if len(kept) < len(parts):
        kept.append(_LEFT_OUT)
    return "\n\n".join(kept) + "\n"


def _relative(file: Path, root: Path) -> str:
    try:
        return str(file.resolve().relative_to(root.resolve()))
    except ValueError:
        return str(file)
