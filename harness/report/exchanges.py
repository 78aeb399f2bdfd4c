"""How each answer of a run came, as the sample browser shows it: what was sent, what was read from it, what it took."""

import json
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from harness.errors import HarnessError
from harness.metrics import extract
from harness.metrics.extract import Chain
from harness.record.schema import RunRecord

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST: Final = 20_000
"""Characters of a text that are embedded; the rest stays in samples.parquet."""
_COUNTS: Final = ("tokens_in", "image_tokens", "tokens_out", "attempts", "finish", "reasoning_tokens", "served")
_LISTS: Final = frozenset({"images", "content", "times"})
_RECORDED: Final = "attempts"
"""A column that records have since they keep how answers came."""
_SURE: Final = ("min_logprob", "mean_logprob")
READ: Final = ("sent", "parts", "seconds", "response", "facts", *_COUNTS, *_SURE)
"""The columns that are read."""


class Texts:
    """Distinct values in the order of their arrival."""

    def __init__(self) -> None:
        self.codes: dict[Hashable, int] = {}

    def code(self, value: Hashable) -> int:
        """Return the number of a value."""
        return self.codes.setdefault(value, len(self.codes))

    @property
    def values(self) -> list[Any]:
        """All values, by number."""
        return list(self.codes)


def clipped(text: str | None) -> str:
    """Return a text that a page can bear, saying how much is left out."""
    if text is None:
        return ""
    left = len(text) - LONGEST
    return text if left <= 0 else f"{text[:LONGEST]}… ({left:,} more characters; all of it is in samples.parquet)"


class Exchanges:
    """Collects, a task at a time; every text and every set of counts stands once, and so does what all rows share."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._sent, self._reads, self._counts, self._parts = (Texts() for _ in range(4))
        self._reads.code("[]")
        self._rows: dict[str, list[Any]] = {name: [] for name in ("sent", "read", "counts", "parts", "micros", "sure")}
        self._steps: dict[str, list[str] | None] = {}
        self._kept = True

    def add(self, task: str, part: "pa.Table") -> None:
        """Take in the answers of one task."""
        step = steps_of(self._record, task)
        self._steps[task] = None if step is None else list(step.names)
        self._kept &= _RECORDED in part.column_names
        rows = self._rows
        rows["sent"] += [-1 if text is None else self._sent.code(text) for text in _column(part, "sent")]
        rows["parts"] += [-1 if text is None else self._parts.code(_bearable(text)) for text in _column(part, "parts")]
        rows["micros"] += [_micros(value) for value in _column(part, "seconds")]
        rows["sure"] += [_shares(both) for both in zip(*(_column(part, name) for name in _SURE), strict=True)]
        counted = zip(*(_column(part, name) for name in _COUNTS), strict=True)
        rows["counts"] += [self._counts.code(counts) for counts in counted]
        rows["read"] += self._read(step, part)

    def data(self) -> dict[str, Any]:
        """Return everything as JSON values; rows stand in the order in which they came."""
        prices = self._record.adapter.config.get("prices")
        return {
            "kept": self._kept,
            "steps": self._steps,
            "sent": [_object(text) for text in self._sent.values],
            "reads": [json.loads(text) for text in self._reads.values],
            "counts": self._counts.values,
            "parts": [json.loads(text) for text in self._parts.values],
            "prices": prices if isinstance(prices, Mapping) else None,
            "rows": {name: _short_of(values) for name, values in self._rows.items()},
        }

    def _read(self, step: Chain | None, part: "pa.Table") -> list[int]:
        """Return for each row the number of what the steps made of its answer; 0 where they left it as it was."""
        if step is None:
            return [0] * part.num_rows
        known: dict[tuple[str | None, str | None], int] = {(None, None): 0}
        codes = []
        for key in zip(_column(part, "response"), _column(part, "facts"), strict=True):
            text, facts = key
            if text is None:
                codes.append(0)
                continue
            if key not in known:
                made = list(step.trace(text, json.loads(facts or "{}")))
                told = [[name, None if left is None else clipped(left)] for name, left in made]
                changed = any(left != text for _, left in made)
                known[key] = self._reads.code(json.dumps(told)) if changed else 0
            codes.append(known[key])
        return codes


def steps_of(record: RunRecord, task: str) -> Chain | None:
    """Return a task's way to take an answer out of a text; None where the record names none that is installed here."""
    config = record.tasks[task].config if task in record.tasks else {}
    base = config.get("of")
    steps = config.get("extract") or (base.get("extract") if isinstance(base, dict) else None)
    if not isinstance(steps, list) or not steps:
        return None
    try:
        return extract.chain(steps)
    except HarnessError:
        return None  # a step of a plug-in that is not installed here


def _column(part: "pa.Table", name: str) -> Iterable[Any]:
    values: list[Any] = part[name].to_pylist() if name in part.column_names else [None] * part.num_rows
    return values


def _short_of(values: list[Any]) -> list[Any]:
    """Return a value a row, or the only one that there is."""
    return values[:1] if values and all(value == values[0] for value in values) else values


def _micros(seconds: float | None) -> int | None:
    """Return seconds as microseconds with three significant digits: a page has ten thousand of them."""
    return None if seconds is None or not math.isfinite(seconds) else int(float(f"{seconds * 1e6:.3g}"))


def _shares(logprobs: Sequence[float | None]) -> list[float | None] | None:
    """Return probabilities with three digits; None where there is none at all."""
    shares = [None if one is None or not one <= 0 else round(math.exp(one), 3) for one in logprobs]
    return shares if any(one is not None for one in shares) else None


def _object(text: str) -> dict[str, Any]:
    """Return a JSON object; an empty one for what is none, as a record from elsewhere may hold."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {name: value for name, value in told.items() if name not in _LISTS or isinstance(value, list)}


def _bearable(parts: str) -> str:
    """Return the parts of a sample's work as JSON that a page can bear."""
    try:
        told = json.loads(parts)
    except (ValueError, RecursionError):
        return "[]"
    kept = []
    for one in told if isinstance(told, list) else []:
        if isinstance(one, dict):
            texts = {name: clipped(value) for name, value in one.items() if isinstance(value, str)}
            kept.append({**texts, "sent": _object(json.dumps(one.get("sent")))})
    return json.dumps(kept)
