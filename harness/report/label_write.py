"""One person's way through picked samples, writing down the right answer of each: rows to train on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harness.engine.thumbnails import samples_of
from harness.errors import SampleError, UsageError
from harness.picks import Leaks, shown_of, units_of
from harness.picks.training import TrainingFile, Written
from harness.record import Run
from harness.types import Sample

_NAMES: Final = ("task", "sample_id", "key")
_PICKED: Final = ("rank", "score", "reason", "signal")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One sample whose right answer is wanted."""

    key: str
    task: str
    sample: Sample
    said: str
    """By the model."""
    picked: Mapping[str, Any]

    @property
    def about(self) -> tuple[str, str]:
        """Task and sample, by which its pictures are known."""
        return self.task, self.sample.id


def wanted_of(run: Run, file: Path, against: Leaks | None = None) -> tuple[list[Wanted], list[str]]:
    """Return what to ask of the picks in a file, in their order, and what is to be known of them.

    Args:
        run: that they were picked from.
        file: as ``harness pick --out`` writes it.
        against: what evaluations ask: it is left out, and named.

    Raises:
        UsageError: if the file cannot be read, is no list of picks, or is of another run's questions.
    """
    picks = _picks(file)
    tasks = {str(one["task"]) for one in picks}
    if len(tasks) != 1 or not tasks <= run.record.tasks.keys():
        raise UsageError(f"{file} holds picks of {', '.join(sorted(tasks)) or 'no task'}; {run.record.run_id} has "
                         f"{', '.join(run.record.tasks)}")  # fmt: skip
    (task,) = tasks
    units = {unit.key: unit for unit in units_of([run], task)}
    if strange := [one for one in picks if one["key"] not in units]:
        raise UsageError(f"{file} was not picked from {run.record.run_id}: {len(strange):,} of its {len(picks):,} "
                         f"questions are not there, the first {strange[0]['sample_id']!r}")  # fmt: skip
    named = {(task, units[one["key"]].sample_id) for one in picks}
    samples = {one.id: one for _, one in samples_of(run, named, pictured=False)}
    wanted, notes = [], []
    for one in {pick["key"]: pick for pick in picks}.values():
        unit = units[one["key"]]
        sample = samples.get(unit.sample_id)
        if sample is None or sample.clip is not None:
            notes.append(f"{unit.sample_id} is left out: it shows a clip, or its data are gone")
            continue
        shown = shown_of(sample) if against is not None else None
        if against is not None and shown is not None and (where := against.same(sample.question, shown)):
            notes.append(f"{unit.sample_id} is left out: {where} asks the same about the same pixels")
            continue
        wanted.append(Wanted(unit.key, task, sample, unit.text or "", {k: one[k] for k in _PICKED if k in one}))
    if not wanted:
        raise UsageError(f"there is nothing to ask of {file}: {notes[0] if notes else 'it is empty'}")
    return wanted, notes


def _picks(file: Path) -> list[dict[str, Any]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as cause:
        raise UsageError(f"cannot read picks from {file}: {cause}") from cause
    found = []
    for number, line in enumerate(lines, 1):
        try:
            one = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError) as cause:
            raise UsageError(f"{file}:{number}:1: this is no line of JSON") from cause
        if one is None:
            continue
        if not isinstance(one, dict) or not all(isinstance(one.get(name), str) for name in _NAMES):
            raise UsageError(f"{file}:{number}:1: a pick has `task`, `sample_id` and `key`, as `harness pick --out` "
                             "writes them")  # fmt: skip
        found.append(one)
    return found


@dataclass
class Writing:
    """A sitting. Every answer is on the disk before the next question is shown."""

    wanted: Sequence[Wanted]
    by: str
    file: TrainingFile
    done: list[Wanted] = field(default_factory=list)
    mode: str = "write"

    @classmethod
    def begin(cls, wanted: Sequence[Wanted], by: str, file: TrainingFile) -> "Writing":
        """Begin where somebody stopped."""
        return cls(wanted, by, file, [one for one in wanted if one.key in file.done])

    @property
    def current(self) -> Wanted | None:
        """What to ask now; None when all is answered."""
        return next((one for one in self.wanted if one.key not in self.file.done), None)

    def write(self, name: str, answer: str | None) -> None:
        """Keep an answer, if it is of the question that is asked: a second press of a key must not answer the next.

        Args:
            name: of the question.
            answer: the right one; empty accepts the model's, and None says that there is none to give.

        Raises:
            UsageError: if it cannot be kept.
        """
        one = self.current
        if one is None or one.key != name:
            return
        given = None if answer is None else answer.strip() or one.said
        if given is not None and not given.strip():
            raise UsageError("the model said nothing here: type the right answer, or skip the question")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        told = {"picked": dict(one.picked), "model": one.said, "corrected": given != one.said}
        try:
            self.file.append(one.sample, Written(one.key, given, self.by, at, told))
        except SampleError as cause:
            raise UsageError(str(cause)) from cause
        self.done.append(one)

    def undo(self) -> None:
        """Take the last answer back, and ask again.

        Raises:
            UsageError: if it cannot be written.
        """
        if self.done:
            self.file.take_back(self.done.pop().key)

    def state(self) -> dict[str, Any]:
        """Return what the page shows."""
        one = self.current
        told: dict[str, Any] = {"done": len(self.done), "total": len(self.wanted), "question": None}
        if one is None:
            return told
        reason = one.picked.get("reason")
        return told | {
            "question": one.key,
            "task": one.task,
            "cell": "",
            "prompt": one.sample.question,
            "references": None,
            "reason": reason if isinstance(reason, str) else "",
            "answers": [[(one.said, False)]],
        }
