"""The true windows of a sample: what its evidence says, or its references."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from harness.reading.json import StrictJSONError, parse_json
from harness.reading.timed import read_answer, stated_spans
from harness.types import Span


def annotations(references: Sequence[str], evidence: Any) -> list[tuple[Span, ...]]:
    """Return the true windows, one tuple an annotation; an answer is held against the one that suits it best.

    Where the evidence is a JSON object with ``spans``, they are the only annotation, and may be none. Else
    each reference is one.

    Raises:
        ValueError: if a reference holds no window, or one whose end does not lie after its start.
    """
    stated = _stated(evidence)
    if stated is not None:
        return [_proper(stated, "evidence")]
    return [_proper(_windows(reference), f"references: {reference!r:.80}") for reference in references]


@lru_cache(maxsize=4096)
def _windows(reference: str) -> tuple[Span, ...]:
    """Return the windows of a reference, which each metric of a task asks for."""
    return read_answer(reference).windows or ()


def _stated(evidence: Any) -> tuple[Span, ...] | None:
    if not isinstance(evidence, str) or not evidence.startswith("{"):
        return None
    try:
        value = parse_json(evidence)
    except StrictJSONError:
        return None
    return stated_spans(value.get("spans")) if isinstance(value, dict) else None


def _proper(windows: tuple[Span, ...], where: str) -> tuple[Span, ...]:
    wrong = next((window for window in windows if window[0] >= window[1]), None)
    if wrong is not None or (not windows and where != "evidence"):
        got = where if wrong is None else f"{where}, {list(wrong)}" if where == "evidence" else where
        raise ValueError(f"references must be windows [start, end) with start < end, in seconds; got {got}")
    return windows


def only_windows(references: Sequence[str]) -> bool:
    """Say whether the right answer is a time: every reference is a JSON list of windows and nothing else."""
    return all(
        reference.lstrip().startswith("[") and read_answer(reference).windows is not None for reference in references
    )
