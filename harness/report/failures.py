"""Why samples of a run failed, in words: what the terminal, `harness show`, a gate's comment, JUnit and reports say."""

from typing import Final

from harness.record.schema import FailureRecord, RunRecord
from harness.report.text import plain

SHOWN: Final = 5
"""Reasons that are told; the others are counted."""
_SAID: Final = 300
"""Characters of one."""
_STAGES: Final = {
    "sample": "before it was asked",
    "measure": "while it was measured",
    "score": "while it was scored",
}


def failure_lines(record: RunRecord, most: int = SHOWN) -> list[str]:
    """Return a sentence for each reason, the commonest first: how many of how many, what was said, the first sample."""
    total = sum(record.responses.values())
    lines = [failure_line(one, total) for one in record.failures[:most]]
    rest = record.failures[most:]
    if rest:
        count = sum(one.count for one in rest)
        more = f"for {len(rest)} more reasons" if len(rest) > 1 else "for one more reason"
        lines.append(f"{count:,} of {total:,} {more}: harness failures {record.run_id}")
    return lines


def failure_line(one: FailureRecord, total: int) -> str:
    """Return one reason as a sentence."""
    return f"{one.count:,} of {total:,}: {plain(one.said, _SAID)} ({place(one)})"


def place(one: FailureRecord) -> str:
    """Return where a reason was met: the first sample, how many cells, and what was being done."""
    told = f"first {plain('/'.join(one.first.values()))}" if one.count > 1 else plain("/".join(one.first.values()))
    if len(one.where) > 1:
        told += f", in {len(one.where)} cells"
    if one.stage not in ("answer", ""):
        told += ", " + _STAGES.get(one.stage, one.stage)
    return told
