"""What other runs answered, and what people said of it."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def labelled_answers(file: Path, folders: Sequence[str], task: str, *, pairs: bool) -> dict[str, list[LabelledAnswer]]:
    """Return what people said of answers of some runs, by sample.

    An answer is right where the mean of what its annotators say is at least ½; of two answers the better one is what
    most of them say, and pairs that are tied are left out.

    Raises:
        UsageError: if a file cannot be read, or no label is of an answer of these runs.
    """
    labels: dict[str, list[dict[str, Any]]] = {}
    for told in _labels(file):
        labels.setdefault(told["key"], []).append(told)
    texts: dict[str, dict[str, str]] = {}
    samples: dict[str, str] = {}
    for row in (row for folder in folders for row in _rows(folder, task)):
        if row["response"] is not None and row["request_hash"] is not None:
            key = question_key(row["sample_id"], row["request_hash"])
            samples[key] = row["sample_id"]
            texts.setdefault(key, {})[answer_digest(row["response"])] = row["response"]
    made = _of_pairs if pairs else _of_answers
    found: dict[str, list[LabelledAnswer]] = {}
    for key in sorted(samples.keys() & labels.keys()):
        if known := list(made(labels[key], texts[key])):
            found.setdefault(samples[key], []).extend(known)
    if not found:
        what = "pair of answers" if pairs else "answer"
        raise UsageError(f"no label of {file} is of any {what} to the questions of {task!r} in {', '.join(folders)}")
    return found


def question_key(sample_id: str, request_hash: str) -> str:
    """Return the key of a question in a label file."""
    return hashlib.sha256(json.dumps([sample_id, "request", request_hash[:_HASHED]]).encode()).hexdigest()


def answer_digest(text: str) -> str:
    """Return what names an answer in a label file."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _of_answers(labels: Iterable[Mapping[str, Any]], texts: Mapping[str, str]) -> Iterator[LabelledAnswer]:
    values: dict[str, list[float]] = {}
    for told in labels:
        if told.get("answer") in texts and told.get("value") is not None:
            values.setdefault(told["answer"], []).append(told["value"])
    for digest, said in sorted(values.items()):
        yield LabelledAnswer((texts[digest],), float(sum(said) / len(said) >= 0.5))


def _of_pairs(labels: Iterable[Mapping[str, Any]], texts: Mapping[str, str]) -> Iterator[LabelledAnswer]:
    votes: dict[tuple[str, str], int] = {}
    for told in labels:
        if told.get("better") in ("a", "b") and told["a"] in texts and told["b"] in texts:
            first, second = sorted((told["a"], told["b"]))
            votes[first, second] = votes.get((first, second), 0) + (1 if told[told["better"]] == first else -1)
    for (first, second), balance in sorted(votes.items()):
        if balance:
            better, worse = (first, second) if balance > 0 else (second, first)
            yield LabelledAnswer((texts[better], texts[worse]), 1.0)


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
            value = told.get("value")
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"`value` must be from 0 to 1, not {value!r}")
        except (ValueError, KeyError, TypeError) as cause:
            raise UsageError(f"{file}:{number}: no label: {cause}") from cause
        latest[who] = told
    return list(latest.values())


__all__ = ["LabelledAnswer", "answer_digest", "answers_of", "labelled_answers", "question_key"]
