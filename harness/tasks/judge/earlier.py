"""What other runs answered, and what people said of it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.record import Run
from harness.types import Status

_HASHED: Final = 16
"""Characters of a request's hash that name a question in a label file."""


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """One answer with what people say of it, or two of which the first is better."""

    answers: tuple[str, ...]
    truth: float
    """1 where it is right (or the better one stands first), 0 where it is wrong."""


def answers_of(folder: str, task: str) -> dict[str, str]:
    """Return a run's answers to one task's questions, by sample; those that failed are left out.

    Raises:
        UsageError: if there is no such run, or it has no such task.
    """
    return {row["sample_id"]: row["response"] for row in _rows(folder, task) if row["response"]}


def labelled_answers(file: Path, folder: str, task: str, *, pairs: bool) -> dict[str, list[LabelledAnswer]]:
    """Return what people said of a run's answers, by sample.

    An answer is right where the mean of what its annotators say is at least ½; of two answers the better one is what
    most of them say, and pairs that are tied are left out.

    Raises:
        UsageError: if a file cannot be read, or no label is of an answer of that run.
    """
    labels = _labels(file)
    found: dict[str, list[LabelledAnswer]] = {}
    texts = {(told[side], told["key"]): told.get("text", "") for told in labels for side in ("answer",) if side in told}
    for row in _rows(folder, task):
        if row["response"] is None or row["request_hash"] is None:
            continue
        key, text = question_key(row["sample_id"], row["request_hash"]), row["response"]
        digest = answer_digest(text)
        texts[digest, key] = text
        mine = [told for told in labels if told.get("key") == key]
        if pairs:
            found.setdefault(row["sample_id"], []).extend(_of_pairs(mine, texts))
            continue
        values = [
            float(told["value"]) for told in mine if told.get("answer") == digest and told.get("value") is not None
        ]
        if values:
            truth = float(sum(values) / len(values) >= 0.5)
            found.setdefault(row["sample_id"], []).append(LabelledAnswer((text,), truth))
    found = {sample: told for sample, told in found.items() if told}
    if not found:
        raise UsageError(f"no label of {file} is of an answer of {folder} to the questions of {task!r}")
    return found


def question_key(sample_id: str, request_hash: str) -> str:
    """Return the key of a question in a label file."""
    return hashlib.sha256(json.dumps([sample_id, "request", request_hash[:_HASHED]]).encode()).hexdigest()


def answer_digest(text: str) -> str:
    """Return what names an answer in a label file."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _of_pairs(mine: list[dict[str, Any]], texts: Mapping[tuple[str, str], str]) -> Iterator[LabelledAnswer]:
    votes: dict[tuple[str, str], int] = {}
    for told in mine:
        if told.get("better") in ("a", "b"):
            first, second = sorted((told["a"], told["b"]))
            better = told[told["better"]]
            votes[first, second] = votes.get((first, second), 0) + (1 if better == first else -1)
    for (first, second), balance in votes.items():
        key = mine[0]["key"]
        known = [texts.get((digest, key)) for digest in (first, second)]
        if balance and known[0] and known[1]:
            better, worse = known if balance > 0 else known[::-1]
            yield LabelledAnswer((str(better), str(worse)), 1.0)


def _rows(folder: str, task: str) -> list[dict[str, Any]]:
    try:
        run = Run(Path(folder))
        if task not in run.record.tasks:
            raise UsageError(f"the run {folder} has no task {task!r}; it has {', '.join(run.record.tasks)}")
        table = run.table().select(["task", "sample_id", "status", "response", "request_hash"])
    except (OSError, KeyError) as cause:
        raise UsageError(f"{folder!r} is no folder of a run: {cause}") from cause
    return [row for row in table.to_pylist() if row["task"] == task and row["status"] == Status.OK]


def _labels(file: Path) -> list[dict[str, Any]]:
    """Return the labels of a file; the last one by the same person of the same thing counts."""
    latest: dict[tuple[str, ...], dict[str, Any]] = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as cause:
        raise UsageError(f"labels cannot be read from {file}: {cause}") from cause
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
            names = ("key", "by") + (("answer",) if "answer" in told else ("a", "b"))
            who = tuple(str(told[name]) for name in names)
        except (ValueError, KeyError, TypeError) as cause:
            raise UsageError(f"{file}:{number}: no label: {cause}") from cause
        latest[who] = told
    return list(latest.values())


__all__ = ["LabelledAnswer", "answer_digest", "answers_of", "labelled_answers", "question_key"]
