"""What other runs answered, and what people said of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.labels import LabelSet, answer_digest, first_hashes, own_id, question_key, read_labels
from harness.record import Run
from harness.types import Status


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """One answer with what people say of it, or two of which the first is better."""

    answers: tuple[str, ...]
    truth: float
    """1 where it is right (or the better one stands first), 0 where it is wrong."""


def answers_of(folder: str, task: str) -> dict[str, str]:
    """Return a run's answers to one task's questions, by sample; those that failed are left out.

    Where each question was asked several times it is the first answer: that of a run without epochs.

    Raises:
        UsageError: if there is no such run, or it has no such task.
    """
    found: dict[str, str] = {}
    for row in _rows(folder, task):
        if row["response"]:
            found.setdefault(row["sample_id"], row["response"])
    return found


def labelled_answers(file: Path, folders: Sequence[str], task: str, *, pairs: bool) -> dict[str, list[LabelledAnswer]]:
    """Return what people said of answers of some runs, by sample.

    An answer is right where the mean of what people say is at least ½; of two answers the better one is what more of
    them say, and pairs that are tied are left out.

    Raises:
        UsageError: if a file cannot be read, or no label is of an answer of these runs.
    """
    labels = read_labels(file)
    texts: dict[str, dict[str, str]] = {}
    samples: dict[str, str] = {}
    for row in (row for folder in folders for row in _rows(folder, task)):
        if row["response"] is not None and row["asked"] is not None:
            key = question_key(row["sample_id"], row["asked"])
            samples[key] = row["sample_id"]
            texts.setdefault(key, {})[answer_digest(row["response"])] = row["response"]
    made = _of_pairs if pairs else _of_answers
    found: dict[str, list[LabelledAnswer]] = {}
    for key in sorted(samples):
        if known := list(made(labels, key, texts[key])):
            found.setdefault(samples[key], []).extend(known)
    if not found:
        what = "pair of answers" if pairs else "answer"
        raise UsageError(f"no label of {file} is of any {what} to the questions of {task!r} in {', '.join(folders)}")
    return found


def _of_answers(labels: LabelSet, key: str, texts: Mapping[str, str]) -> Iterator[LabelledAnswer]:
    for digest, said in sorted(texts.items()):
        worth = labels.value(key, digest)
        if worth is not None:
            yield LabelledAnswer((said,), float(worth >= 0.5))


def _of_pairs(labels: LabelSet, key: str, texts: Mapping[str, str]) -> Iterator[LabelledAnswer]:
    for first, second in combinations(sorted(texts), 2):
        preferred = labels.preference(key, first, second)
        if preferred:
            worse, better = (first, second) if preferred > 0 else (second, first)
            yield LabelledAnswer((texts[better], texts[worse]), 1.0)


def _rows(folder: str, task: str) -> list[dict[str, Any]]:
    try:
        run = Run(Path(folder))
        if task not in run.record.tasks:
            raise UsageError(f"the run {folder} has no task {task!r}; it has {', '.join(run.record.tasks)}")
        epochs = run.record.tasks[task].epochs
        table = run.source().select(["task", "cell", "sample_id", "status", "response", "request_hash"])
        rows = [row for row in table.to_pylist() if row["task"] == task]
    except (OSError, KeyError) as cause:
        raise UsageError(f"{folder!r} is no folder of a run: {cause}") from cause
    # Other cells have the same samples under other pictures, frames or corruptions: their answers are to those.
    cell = next(iter(run.record.tasks[task].cells), None)
    cells, samples, told = ([row[name] for row in rows] for name in ("cell", "sample_id", "request_hash"))
    asked = first_hashes(cells, samples, told, epochs)
    return [
        row | {"sample_id": own_id(row["sample_id"], epochs), "asked": told}
        for row, told in zip(rows, asked, strict=True)
        if row["status"] == Status.OK and cell in (row["cell"], None)
    ]
