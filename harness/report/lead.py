"""The first sentence of a run's page: what became of it, with the number that says so."""

import re
from dataclasses import dataclass
from typing import Final

from harness.record.schema import GateRecord, RunRecord
from harness.report.content import Content
from harness.report.lanes import Way, in_words
from harness.report.numbers import interval
from harness.report.text import plain

_SAID: Final = 400
_NUMBER: Final = re.compile(r"\S+ \[")
"""How the reason of a rule begins that one run decides."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A sentence: the verdict, what it rests on, and the command that answers what it leaves open."""

    word: str
    way: Way
    told: str
    command: str = ""
    ask: str = "Did it get worse?"
    """What the command answers."""


def badge(content: Content) -> tuple[Way, str]:
    """Return the verdict's colour and word, short enough for a badge."""
    if content.record.status != "complete":
        return "bad" if content.record.status == "failed" else "open", content.verdict
    ways: dict[str, Way] = {"fail": "bad", "pass": "good"}
    return ways.get(content.verdict, "open"), content.verdict


def lead(content: Content) -> Lead:
    """Return the sentence that a run's page begins with."""
    record = content.record
    if record.status != "complete":
        return _unfinished(record)
    failed = _failed(record)
    gates = {verdict: [gate for gate in record.gates if gate.verdict == verdict] for verdict in _VERDICTS}
    if gates["fail"]:
        found = sorted(gates["fail"], key=lambda gate: "→" not in gate.reason)
        more = f" {_counted(len(found) - 1, 'more gate')} fail{'s' if len(found) == 2 else ''}." if found[1:] else ""
        word = "It got worse." if "→" in found[0].reason else "A gate fails."
        return Lead(word, "bad", _judged(found[0]) + more + failed)
    command = f"harness compare BASELINE {record.run_id}"
    if gates["inconclusive"] or record.doubtful:
        why = f"{plain(record.reason, _SAID)}. " if record.doubtful else ""
        told = _judged(gates["inconclusive"][0]) if gates["inconclusive"] else ""
        return Lead("Not decided.", "open", why + told + failed)
    passed, waiting = len(gates["pass"]), len(gates["no baseline"])
    if passed:
        which = {1: "The gate", 2: "Both gates"}.get(passed, f"All {passed} gates")
        judged = " that could be judged" if waiting else ""
        open_ = f" {_counted(waiting, 'gate')} without a baseline." if waiting else ""
        word = f"{which}{judged} pass{'es' if passed == 1 else ''}."
        return Lead(word, "good", _judged(gates["pass"][0]) + open_ + failed, command if waiting else "")
    if waiting:
        return Lead("Not judged.", "open", f"{_counted(waiting, 'gate')} without a baseline." + failed, command)
    values = "; ".join(f"{row.task}/{row.metric} {interval(row.value)}" for row in content.headline[:2])
    return Lead("No gates.", "open", values + ("." if values else "") + failed, command)


_BAD: Final[Way] = "bad"
_OPEN: Final[Way] = "open"
_VERDICTS: Final = ("fail", "inconclusive", "no baseline", "pass")


def _unfinished(record: RunRecord) -> Lead:
    total, ok = sum(record.responses.values()), record.responses.get("ok", 0)
    if not ok and record.failures:
        first = record.failures[0]
        said = f"{first.count:,} of {total:,}: {plain(first.said, _SAID)}"
        return Lead("No request was answered.", "bad", said, f"harness resume {record.run_id} --failed", "Ask again:")
    told = f"{ok:,} of {total:,} requests were answered; the numbers are those so far. {plain(record.reason, _SAID)}"
    failed = record.status == "failed"
    word, way = ("The run failed.", _BAD) if failed else ("Stopped.", _OPEN)
    return Lead(word, way, told.strip(), f"harness resume {record.run_id}", "Go on:")


def _failed(record: RunRecord) -> str:
    total, ok = sum(record.responses.values()), record.responses.get("ok", 0)
    return f" {total - ok:,} of {total:,} requests failed." if ok < total else ""


def _judged(gate: GateRecord) -> str:
    """Return what a gate rests on, as a sentence in the gate's own words."""
    asked = in_words(gate.rule)
    if _NUMBER.match(gate.reason):
        return f"{gate.metric} is {gate.reason}; asked for is {asked}."
    return f"{gate.metric}: {gate.reason} ({asked})."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
