"""What a run, or several, say of how likely the answer to a sample is wrong."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from harness.comparison.columns import Samples, read_samples
from harness.comparison.described import described
from harness.errors import UsageError
from harness.labels import own_id, question_key
from harness.picks.leaks import asked
from harness.record import Run
from harness.types import Status

_ANSWERED: Final = (Status.OK, Status.UNPARSED)
_SHOWN: Final = 3
_TEXTS: Final = ("sample_id", "prompt", "response", "request_hash", "cell", "references", "mean_logprob", "min_logprob")


@dataclass(slots=True)
class Unit:
    """All that some runs say of one sample."""

    sample_id: str
    question: str
    key: str
    """:func:`harness.labels.question_key` of the first answer."""
    cluster: str
    tags: Mapping[str, str]
    references: tuple[str, ...]
    text: str | None = None
    """The first answer that came."""
    answers: list[str] = field(default_factory=list)
    """Every answer that came, in lower case and single spaces."""
    mean_logprobs: list[float] = field(default_factory=list)
    min_logprobs: list[float] = field(default_factory=list)
    worths: list[float] = field(default_factory=list)
    """Of each row that the primary metric scores, from 0, wrong, to 1."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One way to tell how likely an answer is wrong."""

    name: str
    said: str
    """In words, for people."""
    score: Callable[[Unit], float | None]
    """From 0 to 1; None where it says nothing of a sample."""
    reason: Callable[[Unit], str]


def _unsure(logprobs: Sequence[float]) -> float | None:
    """Return one less the mean probability."""
    return 1 - math.fsum(map(math.exp, logprobs)) / len(logprobs) if logprobs else None


def _percent(score: float | None) -> str:
    return f"{1 - (score or 0.0):.0%}"


def _disagreement(unit: Unit) -> float | None:
    """Return how likely two different answers of the sample's differ (Simpson 1949, without bias)."""
    count = len(unit.answers)
    if count < 2:
        return None
    pairs = sum(n * (n - 1) for n in Counter(unit.answers).values())
    return 1 - pairs / (count * (count - 1))


def _answers(unit: Unit) -> str:
    said = Counter(unit.answers).most_common()
    told = ", ".join(f"{answer[:24]!r} × {n}" for answer, n in said[:_SHOWN])
    return f"{len(unit.answers)} answers: {told}" + (", …" if len(said) > _SHOWN else "")


def _wrong(unit: Unit) -> float | None:
    return 1 - math.fsum(unit.worths) / len(unit.worths) if unit.worths else None


SIGNALS: Final[Mapping[str, Signal]] = {
    "min_logprob": Signal(
        "min_logprob", "one less the probability of the token that the model was least sure of",
        lambda unit: _unsure(unit.min_logprobs),
        lambda unit: f"its least sure token has {_percent(_unsure(unit.min_logprobs))}",
    ),
    "mean_logprob": Signal(
        "mean_logprob", "one less the geometric mean of its tokens' probabilities",
        lambda unit: _unsure(unit.mean_logprobs),
        lambda unit: f"its tokens have {_percent(_unsure(unit.mean_logprobs))} in the mean",
    ),
    "disagreement": Signal(
        "disagreement", "how often two answers to the sample differ, between epochs, cells or runs", _disagreement,
        _answers,
    ),
    "wrong": Signal(
        "wrong", "one less the primary metric's score, where there is a right answer", _wrong,
        lambda unit: f"scored {1 - (_wrong(unit) or 0.0):.2g}",
    ),
    "random": Signal("random", "nothing: a plain draw", lambda unit: 0.0, lambda unit: "drawn"),
}  # fmt: skip
"""By name; of the first three, ``auto`` takes the first that says something."""
AUTOMATIC: Final = ("min_logprob", "disagreement", "wrong")


def units_of(runs: Sequence[Run], task: str) -> list[Unit]:
    """Return the samples of a task with what each run says of them, in the order of the first run.

    Raises:
        UsageError: if samples cannot be read, or the runs asked different data or questions.
    """
    found: dict[str, Unit] = {}
    for number, run in enumerate(runs):
        if number and run.record.datasets != runs[0].record.datasets:
            raise UsageError(f"{run.record.run_id} and {runs[0].record.run_id} asked different data: pick from runs of "
                             "one suite, with the same options")  # fmt: skip
        for unit, row in _rows(run, task):
            # A run of fewer samples, or of others, says nothing of those that the first one did not ask.
            known = found.setdefault(unit.sample_id, unit) if not number else found.get(unit.sample_id)
            if known is not None:
                _add(known, row)
    return [*found.values()]


@dataclass(frozen=True, slots=True)
class _Row:
    text: str | None
    mean_logprob: float | None
    min_logprob: float | None
    worth: float


def _add(unit: Unit, row: _Row) -> None:
    if not math.isnan(row.worth) and unit.references:
        unit.worths.append(min(1.0, max(0.0, row.worth)))
    if row.text is None:
        return
    if unit.text is None:
        unit.text = row.text
    unit.answers.append(asked(row.text))
    if row.mean_logprob is not None and row.min_logprob is not None:
        unit.mean_logprobs.append(row.mean_logprob)
        unit.min_logprobs.append(row.min_logprob)


def _rows(run: Run, task: str) -> list[tuple[Unit, _Row]]:
    record = run.record.tasks[task]
    samples = read_samples(run.folder, run.record.files, weighted=True).of(task)  # no mean is taken of them
    worths = _worths(run, samples, task)
    clusters, status = (samples.text(name).to_pylist() for name in ("cluster", "status"))
    tags = {name: samples.text(f"tag.{name}").to_pylist() for name in samples.tags}
    told = []
    for i, row in enumerate(samples.texts(range(len(samples)), _TEXTS)):
        name = own_id(row["sample_id"], record.epochs)
        prompt = row["prompt"] or ""
        own = {tag: values[i] for tag, values in tags.items() if values[i]}
        key = question_key(name, row["request_hash"], prompt)
        unit = Unit(name, prompt, key, clusters[i] or "", own, tuple(row["references"] or ()))
        text = row["response"] if status[i] in _ANSWERED else None
        told.append((unit, _Row(text, row["mean_logprob"], row["min_logprob"], float(worths[i]))))
    return told


def _worths(run: Run, samples: Samples, task: str) -> "np.ndarray":
    """Return what the primary metric makes of each row, NaN where it says nothing or is no share of being right."""
    record = run.record.tasks[task]
    spec = described(record, samples.metrics).columns.get(record.primary)
    shares = spec is not None and spec.direction == "higher" and tuple(spec.bounds) == (0, 1)
    if spec is None or not shares or record.primary not in samples.metrics:
        return np.full(samples.source.num_rows, np.nan)
    return samples.worths(record.primary, spec)


def automatic(units: Sequence[Unit]) -> str | None:
    """Return the name of the first signal that tells some of the units apart; None where none does.

    Token probabilities that are there for some answers only are taken if they are there for half of them.
    """
    for name in AUTOMATIC:
        scores = [score for unit in units if (score := SIGNALS[name].score(unit)) is not None]
        if len(scores) * 2 >= len(units) and len(set(scores)) > 1:
            return name
    return None
