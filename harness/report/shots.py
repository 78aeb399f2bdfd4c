"""The first wrong answers of a run with their pictures, for its first screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Any, Final
from urllib.parse import urlencode

from harness.record.thumbnails import Thumbnails
from harness.report.content import Answer, Content, answers_of
from harness.report.label_marks import Mark
from harness.report.samples import as_uri

_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Shot:
    """One wrong answer."""

    answer: Answer
    picture: str
    """As a data URI; empty where none is kept."""
    address: str
    """Of the sample on the page."""
    under: str = ""
    """The corruption that made it wrong."""
    seen: bool = False
    """Whether the picture is what the model saw in place of the data set's."""
    mark: Mark | None = None
    """What people say of it."""

    @property
    def alt(self) -> str:
        """What stands for the picture."""
        if self.seen:
            return "image as the model saw it"
        return f"image under {self.under}" if self.under else "image as the data set has it"


@dataclass(frozen=True, slots=True)
class Shots:
    """What is shown, of how many."""

    shown: tuple[Shot, ...]
    judged: bool
    """Whether any task tells right from wrong; without one there is nothing to show."""
    flawless: bool = False
    """Whether the primary metric of every task but controls is 1: a mean may have lost what no answer lost alone."""

    @property
    def pictures(self) -> bool:
        """Whether any of them has its picture."""
        return any(one.picture for one in self.shown)


def shots(content: Content, flips: Sequence[Mapping[str, Any]]) -> Shots:
    """Return the first wrong answers, of each task in turn; those of controls are wrong by design and left out.

    Where there are few, answers that a corruption made wrong follow.

    Args:
        content: of the run.
        flips: the kept ones with their pictures.
    """
    controls = {row.task for row in content.rows if row.control}
    of_task: dict[str, list[Answer]] = {}
    for answer in content.wrong:
        if answer.task not in controls:
            of_task.setdefault(answer.task, []).append(answer)
    turns = chain.from_iterable(zip_longest(*of_task.values()))
    wrong = list(islice(filter(None, turns), _SHOWN))
    kept = Thumbnails.read(content.folder, content.record)
    shown = [_shot(one, kept, content.labels.marks.get(one.key)) for one in wrong]
    by_cell: dict[str, list[Mapping[str, Any]]] = {}
    for flip in flips:
        by_cell.setdefault(flip["cell"].partition("@")[0], []).append(flip)
    shown += [_flipped(flip) for flip in chain.from_iterable(zip_longest(*by_cell.values())) if flip is not None]
    primary = [
        row.value.value
        for row in content.rows
        if row.task not in controls and row.metric.partition("[")[0] == content.record.tasks[row.task].primary
    ]
    flawless = bool(primary) and all(value == 1 for value in primary)
    return Shots(tuple(shown[:_SHOWN]), content.judged or bool(shown), flawless)


def contradicted(content: Content) -> tuple[Shot, ...]:
    """Return the first answers of which people say something else than the score, each with what they say."""
    marks = {key: mark for key, mark in content.labels.marks.items() if mark.apart}
    shown = answers_of(content.source, list(marks)[:_SHOWN])
    kept = Thumbnails.read(content.folder, content.record)
    return tuple(_shot(one, kept, marks[one.key]) for one in shown)


def _shot(answer: Answer, kept: Thumbnails, mark: Mark | None) -> Shot:
    seen = kept.shown.get(answer.key)
    picture = seen or kept.of(answer.task, answer.sample_id)
    return Shot(answer, as_uri(picture), _address(answer), seen=seen is not None, mark=mark)


def _flipped(flip: Mapping[str, Any]) -> Shot:
    references = tuple(flip["references"])
    answer = Answer(flip["task"], flip["cell"], flip["sample_id"], flip["prompt"], references, flip["after"], "ok", "")
    return Shot(answer, flip["pictures"][-1] if flip["pictures"] else "", _address(answer), flip["cell"])


def _address(answer: Answer) -> str:
    return "#samples?" + urlencode({"at": f"{answer.task}/{answer.cell}/{answer.sample_id}"})
