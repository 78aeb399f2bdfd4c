"""Which samples of a run to label next: the whole of it, from runs to a list."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from harness.engine.thumbnails import samples_of
from harness.errors import HarnessError, UsageError, did_you_mean
from harness.picks.groups import picture_groups, templates
from harness.picks.leaks import Leak, Leaks, Shown, shown_of
from harness.picks.order import Item, Ranked, in_order
from harness.picks.signals import SIGNALS, Signal, Unit, automatic, units_of
from harness.record import Run
from harness.types import Sample

_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Pick:
    """One sample that is worth a label."""

    rank: int
    """From 1."""
    task: str
    sample_id: str
    key: str
    """Of the question: :func:`harness.labels.question_key`."""
    score: float | None
    """How likely its answer is wrong by the signal, from 0 to 1; None where nothing says it."""
    worth: float
    """The score, less what was picked before of its like."""
    reason: str
    question: str
    answer: str
    """The model's; of several the first."""

    def plain(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Picked:
    """The picks, and what is to be known of them."""

    task: str
    signal: str
    seed: int
    picks: tuple[Pick, ...]
    pool: int
    """Samples that could have been picked."""
    expected: float | None
    """The mean score of the picks; None of a plain draw, and where no pick has one."""
    expected_random: float | None
    """The mean score of all that could have been picked: what a plain draw would find."""
    leaks: tuple[Leak, ...]
    """Left out: an evaluation asks them too."""
    notes: tuple[str, ...]
    """In words, for people."""

    def plain(self) -> dict[str, Any]:
        """Return plain JSON values."""
        told = {name: getattr(self, name) for name in ("task", "signal", "seed", "pool", "expected", "expected_random")}
        leaks = [{"sample_id": one.name, "where": one.where} for one in self.leaks]
        return told | {"notes": list(self.notes), "leaks": leaks, "picks": [one.plain() for one in self.picks]}

    def write(self, file: str | os.PathLike[str]) -> None:
        """Write the picks as JSON, a line each, whole or not at all.

        Raises:
            UsageError: if the file cannot be written.
        """
        out = Path(file)
        part = out.with_name(f".{out.name}.part")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            lines = (json.dumps(one.plain(), ensure_ascii=False) + "\n" for one in self.picks)
            part.write_text("".join(lines), encoding="utf-8", errors="backslashreplace")
            part.replace(out)
        except OSError as cause:
            raise UsageError(f"cannot write {out}: {cause.strerror}") from cause


@dataclass(frozen=True, slots=True)
class How:
    """How to pick."""

    task: str | None = None
    """Of the run; needed where it has several."""
    by: str = "auto"
    """One of :data:`SIGNALS`, or ``auto``: the first of min_logprob, disagreement and wrong that says something."""
    seed: int = 0
    """Of ties, and of a plain draw."""
    spread: bool = True
    """Whether what is like earlier picks is worth less: the same or nearly the same picture, the template of the
    question, and what ``across`` names."""
    across: Sequence[str] | None = None
    """Tags; the suite's ``slice_by`` by default."""
    pictures: bool = True
    """Whether pictures are read, for those that are nearly the same."""


_PLAINLY: Final = How()


def pick(runs: Sequence[Run], budget: int, how: How = _PLAINLY, against: Leaks | None = None) -> Picked:
    """Return the samples of a run that are worth labelling, the most first.

    The same runs, seed and options give the same picks; a smaller budget gives the first of a larger one.

    Args:
        runs: one, or several that asked the same data, whose answers are then held beside each other.
        budget: how many at most, from 1.
        how: to pick.
        against: what evaluations ask: it is never picked.

    Raises:
        UsageError: if a task, signal or tag is unknown, the signal says nothing of the run, or nothing can be picked.
    """
    name = _task_of(runs, how.task)
    units = units_of(runs, name)
    notes: list[str] = []
    candidates = _candidates(units, name, how.by, notes)
    samples, shown = _looked(runs[0], name, candidates, how.pictures or against is not None, notes)
    leaks = _leaks(candidates, samples, shown, against, notes)
    lost = {one.name for one in leaks}
    candidates = [one for one in candidates if one.sample_id not in lost]
    if not candidates:
        raise UsageError(f"every sample of {name!r} is asked by the evaluations too: there is nothing left to pick")
    signal = _signal(candidates, how.by, notes)
    items = _items(candidates, signal, _tags(runs[0], candidates, how.across), shown if how.pictures else {})
    ranked = list(islice(in_order(items, how.seed, spread=how.spread), budget))
    units_by_name = {one.sample_id: one for one in candidates}
    picks = [_pick(place, name, one, units_by_name[one.item.name], signal, samples) for place, one in
             enumerate(ranked, 1)]  # fmt: skip
    _tell(candidates, items, picks, signal, budget, notes)
    _tell_evaluation(runs[0], against, notes)
    told = signal.name != "random"
    expected = _mean([one.score for one in picks]) if told else None
    random = _mean([item.score for item in items]) if told else None
    return Picked(
        name, signal.name, how.seed, tuple(picks), len(candidates), expected, random, tuple(leaks), tuple(notes)
    )


def _task_of(runs: Sequence[Run], task: str | None) -> str:
    tasks = runs[0].record.tasks
    if task is not None:
        if task not in tasks:
            raise UsageError(f"{runs[0].record.run_id} has no task {task!r}; {did_you_mean(task, tasks)}")
    elif len(tasks) == 1:
        task = next(iter(tasks))
    else:
        raise UsageError(f"say which task to pick from: --task {' or '.join(tasks)}")
    for run in runs[1:]:
        if task not in run.record.tasks:
            raise UsageError(f"{run.record.run_id} has no task {task!r}")
    return task


def _candidates(units: Sequence[Unit], task: str, by: str, notes: list[str]) -> list[Unit]:
    """Return the samples that a label is of use to."""
    if by not in ("auto", *SIGNALS):
        raise UsageError(f"there is no signal {by!r}; {did_you_mean(by, ('auto', *SIGNALS))}")
    answered = [one for one in units if one.text is not None]
    if not answered:
        raise UsageError(f"the task {task!r} has no answers in words, so that there is nothing to correct")
    if left := len(units) - len(answered):
        notes.append(f"{left:,} of {len(units):,} samples have no answer and are left out: `harness failures` says why")
    bare = [one for one in answered if not one.references]
    if bare and len(bare) < len(answered) and by != "wrong":
        notes.append(f"{len(answered) - len(bare):,} samples have a right answer already and are left out")
        return bare
    return answered


def _looked(
    run: Run, task: str, units: Sequence[Unit], pictures: bool, notes: list[str]
) -> tuple[Mapping[str, Sample], Mapping[str, Shown]]:  # fmt: skip
    """Return the samples of the run's data, and their pictures where they are wanted, by id."""
    wanted = {(task, one.sample_id) for one in units}
    try:
        samples = {one.id: one for _, one in samples_of(run, wanted, pictured=False)}
    except (HarnessError, OSError) as cause:
        if pictures:
            notes.append(f"no picture was looked at: {cause}")
        return {}, {}
    if not pictures:
        return samples, {}
    found = {name: shown for name, one in samples.items() if one.clip is None and (shown := shown_of(one))}
    if lost := len(samples) - len(found):
        notes.append(f"{lost:,} samples show a clip or a picture that cannot be read: only their cluster is known")
    return samples, found


def _leaks(
    units: Sequence[Unit], samples: Mapping[str, Sample], shown: Mapping[str, Shown], against: Leaks | None,
    notes: list[str],
) -> list[Leak]:  # fmt: skip
    """Return the samples that an evaluation asks too.

    Raises:
        UsageError: if the pool's pictures cannot be read, so that nobody can know.
    """
    if against is None:
        return []
    if not shown:
        raise UsageError("whether an evaluation asks the same cannot be known without the run's data: " + notes[-1])
    found, alike, unknown = [], 0, 0
    for one in units:
        if one.sample_id not in shown:
            unknown += 1
            continue
        where = against.same(samples[one.sample_id].question, shown[one.sample_id])
        if where is not None:
            found.append(Leak(one.sample_id, where))
        elif against.picture(shown[one.sample_id]):
            alike += 1
    if found:
        named = ", ".join(f"{one.name} ({one.where})" for one in found[:_NAMED])
        notes.append(f"{len(found):,} samples are left out, which an evaluation asks about the same pixels: {named}"
                     + (", …" if len(found) > _NAMED else ""))  # fmt: skip
    if alike:
        notes.append(f"{alike:,} samples show a picture of an evaluation and ask something else: they may be picked")
    if unknown or against.unreadable:
        notes.append(f"whether they leak is not known of {unknown:,} samples here and {against.unreadable:,} there: "
                     "their pictures cannot be read")  # fmt: skip
    return found


def _signal(units: Sequence[Unit], by: str, notes: list[str]) -> Signal:
    """Return the signal to rank by.

    Raises:
        UsageError: if the one that was asked for says nothing.
    """
    if by == "auto":
        name = automatic(units)
        if name is None:
            notes.append("nothing in the run tells its answers apart (no token probabilities, one answer a sample, no "
                         "wrong one known): this is a plain draw, spread over groups")  # fmt: skip
            name = "random"
        return SIGNALS[name]
    signal = SIGNALS[by]
    if all(signal.score(one) is None for one in units):
        raise UsageError(f"the run has no {by} ({signal.said}); --by auto takes what it has")
    return signal


def _tags(run: Run, units: Sequence[Unit], across: Sequence[str] | None) -> Sequence[str]:
    if across is None:
        return tuple(run.record.suite.content.get("slice_by") or ())
    known = sorted({tag for one in units for tag in one.tags})
    if unknown := [tag for tag in across if tag not in known]:
        raise UsageError(f"no sample has a tag {unknown[0]!r}; {did_you_mean(unknown[0], known)}")
    return across


def _items(units: Sequence[Unit], signal: Signal, tags: Sequence[str], shown: Mapping[str, Shown]) -> list[Item]:
    groups = picture_groups(
        [one.sample_id for one in units],
        {one.sample_id: one.cluster for one in units},
        {one.sample_id: shown[one.sample_id] for one in units if one.sample_id in shown},
    )
    forms = templates([one.question for one in units])
    found = []
    for one, form in zip(units, forms, strict=True):
        own = {"picture": groups[one.sample_id], "template": form}
        own |= {f"tag {tag}": one.tags[tag] for tag in tags if tag in one.tags}
        found.append(Item(one.sample_id, signal.score(one), own))
    return found


def _pick(
    rank: int, task: str, ranked: Ranked, unit: Unit, signal: Signal, samples: Mapping[str, Sample]
) -> Pick:  # fmt: skip
    score = ranked.item.score
    reason = signal.reason(unit) if score is not None else "no signal: after all that have one"
    if before := {kind: n for kind, n in ranked.before.items() if kind == "picture" or n >= _NAMED}:
        told = ", ".join(f"{n} of its {kind.removeprefix('tag ')}" for kind, n in sorted(before.items()))
        reason += f" (before it {told})"
    asked = samples[unit.sample_id].question if unit.sample_id in samples else unit.question
    worth = round(ranked.worth, 6)
    rounded = None if score is None or signal.name == "random" else round(score, 6)
    return Pick(rank, task, unit.sample_id, unit.key, rounded, worth, reason, asked, unit.text or "")


def _tell(
    units: Sequence[Unit], items: Sequence[Item], picks: Sequence[Pick], signal: Signal, budget: int, notes: list[str]
) -> None:  # fmt: skip
    if unknown := sum(item.score is None for item in items):
        notes.append(f"{unknown:,} of {len(items):,} samples have no {signal.name}: they come last")
    last = next(item.score for item in items if item.name == picks[-1].sample_id)
    same = sum(item.score == last for item in items)
    if signal.name != "random" and last is not None and same > 1:
        notes.append(f"{same:,} samples have the score of the last pick, {last:.3g}: which of them are picked is drawn "
                     "by the seed")  # fmt: skip
    if len(picks) < budget:
        notes.append(f"there are no more than {len(picks):,}")


def _tell_evaluation(run: Run, against: Leaks | None, notes: list[str]) -> None:
    """Say where nobody has made sure that what is trained on is not measured by."""
    if run.record.suite.content.get("gates"):
        notes.append(f"the suite {run.record.suite.name!r} has gates: what is trained on its samples can no longer be "
                     "measured by it")  # fmt: skip
    elif against is None:
        notes.append("no evaluation was named: `--against SUITE` leaves out what one asks too")


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
