"""The ledger of a baseline: how often a model was tried against it, and what a further try may still be wrong by.

Who runs a sampling model again until its gate passes, or looks at more samples until it does, makes a chance of 5 %
into one of 40. So every try is written down beside the runs, and the first alone is judged at the whole level.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness.comparison.decide import Decision, Judged
from harness.comparison.sequential import ALPHA
from harness.record import Run
from harness.record.schema import TriesRecord
from harness.record.sources import Source
from harness.stats.gaffke import units_for

if TYPE_CHECKING:
    import pyarrow as pa

FILE: Final = "tries.jsonl"
AGAIN: Final = 0.01
"""What all tries after the first may be wrong by, together."""
_NEARLY: Final = 0.75

_ASKED: Final = ("task", "cell", "sample_id", "status", "response")


def level(number: int) -> float:
    """Return the one-sided level of the n-th try: 0.05, and then the half, the fourth, … of 0.01.

    >>> [level(number) for number in (1, 2, 3, 4)]
    [0.05, 0.005, 0.0025, 0.00125]
    """
    return ALPHA if number == 1 else AGAIN / 2 ** (number - 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger."""

    baseline: str
    """The id of its run."""
    suite: str
    fingerprint: str
    """Of the model."""
    run: str
    answers: str
    """A hash of all answers and scores: who repeats them has tried nothing new."""
    looks: Sequence[str] = ()
    """The same of every look, where there were several."""
    number: int = 0
    """Which try it was, from 1; 0 where there were too few samples to pass or fail."""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    """By metric and rule."""


class Ledger:
    """What was tried, in a file beside the runs.

    Args:
        folder: of the runs.
        say: hears where it cannot be written.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._file = folder / FILE
        self._say = say

    def entries(self, baseline: str, suite: str, fingerprint: str) -> list[Entry]:
        """Return the earlier tries of a model against a baseline; lines that cannot be read are passed over."""
        try:
            lines = self._file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
        wanted = (baseline, suite, fingerprint)
        found = [entry for line in lines if (entry := _read(line)) is not None]
        return [one for one in found if (one.baseline, one.suite, one.fingerprint) == wanted]

    def add(self, entry: Entry) -> None:
        """Write a line."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(entry), sort_keys=True) + "\n")
        except OSError as cause:
            self._say(f"warning: {self._file}: {cause.strerror}: that this model was tried is not written down")


def _read(line: str) -> Entry | None:
    try:
        return Entry(**json.loads(line))
    except (ValueError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class Try:
    """One try, before it is judged."""

    entry: Entry
    earlier: tuple[Entry, ...]
    """Tries of the same model against the same baseline, whose answers were others."""
    again: bool
    """Whether its answers were judged before."""

    @property
    def level(self) -> float:
        """At which it is judged."""
        return level(self.entry.number)

    @property
    def record(self) -> TriesRecord:
        """As it is recorded."""
        told = [f"{one.run}: {_word(one.verdicts)}" for one in self.earlier]
        return TriesRecord(number=self.entry.number, level=self.level, baseline=self.entry.baseline, earlier=told)

    def failed_before(self, metric: str, rule: str) -> str:
        """Return the run in which a rule failed at an earlier try; nothing where none did."""
        name = f"{metric} {rule}"
        return next((one.run for one in self.earlier if one.verdicts.get(name) == "fail"), "")


def begin(ledger: Ledger, baseline: str, run: Run, looks: Sequence[str] = ()) -> Try:
    """Return which try a run is.

    Args:
        ledger: beside the runs.
        baseline: the id of the baseline's run.
        run: the candidate's.
        looks: the hashes of the answers of all looks so far, this one's the last, where there are several.
    """
    record, answers = run.record, looks[-1] if looks else digest(run)
    suite, fingerprint = record.suite.name, record.adapter.fingerprint
    known = ledger.entries(baseline, suite, fingerprint)
    begun = [*looks]
    same = [one for one in known if one.answers == answers or (begun and [*one.looks[: len(begun)]] == begun)]
    number = max((one.number for one in same), default=0) or 1 + max((one.number for one in known), default=0)
    earlier = tuple(one for one in known if one.number and one.number < number)
    return Try(
        Entry(baseline, suite, fingerprint, record.run_id, answers, begun, number),
        earlier,
        any(one.answers == answers for one in same),
    )


def entered(decision: Decision, one: Try, ledger: Ledger) -> Decision:
    """Return a decision that knows which try it is, and write it down.

    A rule that has failed for this model before stays failed until the opposite is shown. A try of too few samples to
    pass anything, and that failed nothing, uses up no level.
    """
    gates = tuple(_held(found, one) for found in decision.gates)
    decision = replace(decision, gates=gates, tries=one.record)
    counts = decision.verdict == "fail" or any(map(_could_pass, gates))
    verdicts = {f"{found.gate.metric} {found.gate.rule}": found.gate.verdict for found in gates}
    entry = replace(one.entry, number=one.entry.number if counts else 0, verdicts=verdicts)
    if not one.again:
        ledger.add(entry)
    return decision


def _held(found: Judged, one: Try) -> Judged:
    before = one.failed_before(found.gate.metric, found.gate.rule)
    if not before or found.gate.verdict != "inconclusive":
        return found
    reason = f"{found.gate.reason}; it failed in {before}, and this try of the same model does not show the opposite"
    return replace(found, gate=found.gate.model_copy(update={"verdict": "fail", "reason": reason}))


def _could_pass(found: Judged) -> bool:
    """Return whether there were samples enough to pass a rule that compares, had nothing changed."""
    comparison = found.delta.comparison if found.delta else None
    if comparison is None:
        return False
    span = 1.0 if comparison.flips is not None else comparison.span
    if not span > 0 or not 0 < comparison.margin < span:
        return True
    # Tango's bound of scores that are 0 or 1 needs a few samples less than Gaffke's.
    return comparison.effective_units >= _NEARLY * (units_for(comparison.margin / span) or 1)


def digest(run: Run) -> str:
    """Return a hash of what a model answered and what that was worth, in whatever order it was asked."""
    source = run.source()
    # Where an answer is no text, what it was worth stands for it.
    silent = any(batch.column("response").null_count for batch in _asked(source, ["response"]))
    scores = [name for name in source.column_names if name.startswith("score.")] if silent else []
    total = 0
    for batch in _asked(source, [*_ASKED, *scores]):
        columns: Sequence[list[Any]] = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            one = hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
            total = (total + int.from_bytes(one, "big")) % (1 << 128)  # a sum, so that the order does not matter
    return f"{total:032x}"


def _asked(source: Source, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
    """Yield columns of the rows that were asked anything."""
    import pyarrow.compute as pc

    for batch in source.batches([*names, "request_hash"]):
        yield batch.filter(pc.is_valid(batch.column("request_hash"))).select(list(names))


def told(record: TriesRecord) -> str:
    """Say which try it was; nothing for a first one.

    >>> told(TriesRecord(number=3, level=0.0025, baseline="b", earlier=["r1: fail", "r2: inconclusive"]))
    '3rd try of this model against this baseline (r1: fail, r2: inconclusive); judged at a level of 0.0025'
    """
    if not record.earlier:
        return ""
    which = {1: "st", 2: "nd", 3: "rd"}.get(record.number % 10 if record.number % 100 not in (11, 12, 13) else 0, "th")
    earlier = ", ".join(record.earlier)
    return (
        f"{record.number}{which} try of this model against this baseline ({earlier}); "
        f"judged at a level of {record.level:g}"
    )


def _word(verdicts: Mapping[str, str]) -> str:
    found = set(verdicts.values())
    return next((word for word in ("fail", "inconclusive") if word in found), "pass")
