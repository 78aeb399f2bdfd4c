"""Why answers did not come: one summary for every place that tells it, grouped by what was said."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from harness.record.arrow import constant
from harness.record.schema import FailureRecord
from harness.record.store import Row
from harness.types import Status

if TYPE_CHECKING:
    import pyarrow as pa

LOST: Final = (Status.ERROR, Status.TIMEOUT, Status.MISSING)
"""The model never answered."""
_GROUPS: Final = 200
"""Groups that are told apart; what else fails is one more."""
_OTHERS: Final = "other reasons"
_LONGEST: Final = 600
"""Characters of a message that are kept."""

_KEPT: Final = r"(?:answered|code|status|HTTP|signal|errno|error) \d{1,3}\b"
"""Numbers that say what happened, not to whom."""
_NAMES: Final = r"[\w./\\:~-]*\.(?:png|jpe?g|gif|webp|bmp|tiff?|mp4|avi|mov|mkv|webm|npy|jsonl?|csv|txt|pdf|onnx)\b"
_FILLED: Final = re.compile(
    rf"(?P<kept>{_KEPT})"
    rf"|(?P<file>{_NAMES})"
    r"|(?P<id>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b(?:req|run|msg|chatcmpl|call)[-_]\w{6,})"
    r"|(?P<address>\b0x[0-9a-f]+|\b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b)"
    r"|(?P<number>[-+]?\d[\d,_]*(?:\.\d+)?(?:e[-+]?\d+)?)",
    re.IGNORECASE,
)
_WORDS: Final = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "has",
        "i",
        "if",
        "in",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "the",
        "to",
        "was",
        "with",
    ]
)
"""Ids that are words of most messages: there they mean nobody."""


def pattern(said: str, sample: str = "") -> str:
    """Return a message without what differs from sample to sample: ids, numbers, addresses, names of files.

    Args:
        said: a message.
        sample: the id of the sample that it is about.

    >>> pattern("a7.png: cannot be decoded at byte 1,203")
    'FILE: cannot be decoded at byte N'
    >>> pattern("the server answered 503: request req_8fa2c1d0 late")
    'the server answered 503: request ID late'
    >>> pattern("no entry for cat-12 at 0x7f3a", "cat-12")
    'no entry for ID at ADDRESS'
    """
    line = " ".join(said.split())
    if sample and not sample.isdecimal() and sample.casefold() not in _WORDS:
        line = re.sub(rf"(?<!\w){re.escape(sample)}(?!\w)", "ID", line)
    words = {"file": "FILE", "id": "ID", "address": "ADDRESS", "number": "N"}
    return _FILLED.sub(lambda found: words.get(found.lastgroup or "", found.group()), line)


@dataclass(slots=True)
class _Group:
    said: str
    first: Mapping[str, str]
    count: int = 0
    where: dict[str, int] = field(default_factory=dict)


class Failures:
    """Takes rows in, in the order of the plan, and groups those that failed.

    Args:
        measured: the tasks that call the model themselves: what failed there failed while it was measured.
    """

    def __init__(self, measured: Collection[str] = ()) -> None:
        self._measured = measured
        self._groups: dict[tuple[str, str, str], _Group] = {}

    def take(self, row: Row) -> None:
        """Take in one row, failed or not."""
        broken = any(status in LOST for _, status in row.scores.values())
        if row.status != Status.OK or (row.error and (broken or not row.scores)):
            self._add(row.task, row.cell, row.sample_id, row.status, row.error, row.prompt, row.parts)

    def _add(
        self, task: str, cell: str, sample: str, status: str, error: str | None, prompt: str | None, parts: str | None
    ) -> None:
        said = " ".join((error or "no reason was given").split())[:_LONGEST]
        stage = "measure" if task in self._measured else _stage(status, prompt, parts)
        key = (stage, status, pattern(said, sample))
        if key not in self._groups and len(self._groups) >= _GROUPS:
            key, said = ("", "", _OTHERS), _OTHERS
        group = self._groups.setdefault(key, _Group(said, {"task": task, "cell": cell, "sample_id": sample}))
        place = f"{task}/{cell}"
        group.count += 1
        group.where[place] = group.where.get(place, 0) + 1

    def grouped(self) -> list[FailureRecord]:
        """Return the groups, the largest first."""
        found = sorted(self._groups.items(), key=lambda one: -one[1].count)
        return [
            FailureRecord(
                said=group.said,
                pattern=known,
                stage=stage,
                status=status,
                count=group.count,
                first=dict(group.first),
                where=group.where,
            )
            for (stage, status, known), group in found
        ]


def broken_rows(table: "pa.Table") -> "pa.ChunkedArray":
    """Return which answers did not come, or broke a metric, [rows]."""
    import pyarrow as pa
    import pyarrow.compute as pc

    other = pc.not_equal(table["status"], constant(Status.OK, pa.string()))
    return pc.or_kleene(other, pc.is_valid(table["error"]))


def failures_in(table: "pa.Table") -> list[FailureRecord]:
    """Return the groups of a run's rows, as :meth:`harness.record.Run.table` has them."""
    found = Failures()
    kept = ["task", "cell", "sample_id", "status", "error", "prompt", "parts"]
    scored = [name for name in table.column_names if name.startswith("status.")]
    failed = table.filter(broken_rows(table))
    for row in failed.select([name for name in (*kept, *scored) if name in table.column_names]).to_pylist():
        broken = any(row[name] in LOST for name in scored)
        if row["status"] != Status.OK or broken or not scored:
            found._add(*(row.get(name) for name in kept))
    return found.grouped()


@dataclass(frozen=True, slots=True)
class Change:
    """One reason in two runs."""

    group: FailureRecord
    """As the run that is looked at has it, else as the other does."""
    before: int
    after: int

    @property
    def word(self) -> str:
        """What became of it: ``new``, ``gone``, ``more``, ``fewer`` or ``as before``."""
        if not self.before or not self.after:
            return "new" if self.after else "gone"
        return "as before" if self.before == self.after else "more" if self.after > self.before else "fewer"


def changes(before: Iterable[FailureRecord], after: Iterable[FailureRecord]) -> list[Change]:
    """Return how often each reason was met in two runs: first those of the second run, then those that are gone."""

    def by(found: Iterable[FailureRecord]) -> dict[tuple[str, str, str], FailureRecord]:
        return {(one.stage, one.status, one.pattern): one for one in found}

    old, new = by(before), by(after)
    told = [Change(one, old[key].count if key in old else 0, one.count) for key, one in new.items()]
    return told + [Change(one, one.count, 0) for key, one in old.items() if key not in new]


def _stage(status: str, prompt: str | None, parts: str | None) -> str:
    """Return where a row failed: ``sample`` before anything was asked, ``answer``, ``answer of ROLE``, ``score``."""
    if status == Status.OK:
        return "score"
    if parts:
        role = next((part["role"] for part in _listed(parts) if part["status"] != Status.OK), "")
        return f"answer of {role}" if role else "answer"
    return "sample" if prompt is None and status in (Status.ERROR, Status.UNDEFINED) else "answer"


def _listed(parts: str) -> Sequence[Mapping[str, Any]]:
    found = json.loads(parts)
    return found if isinstance(found, list) else []


__all__ = ["LOST", "Change", "Failures", "changes", "failures_in", "pattern"]
