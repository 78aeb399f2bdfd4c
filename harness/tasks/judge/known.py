"""The answers that a judge is tried on, a cell for each sort, as samples that carry what is to be judged."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from harness.seeds import Stream
from harness.tasks._cells import Cell
from harness.tasks.judge.config import JudgeConfig
from harness.tasks.judge.earlier import LabelledAnswer
from harness.tasks.judge.judged import WRONG, Judged, Planted
from harness.tasks.judge.planted import longer
from harness.types import JSON, Sample

JUDGED: Final = Cell("judged", {"answers": "judged"})
LABELLED: Final = "labelled"
LABELLED_RIGHT, LABELLED_WRONG = "labelled_right", "labelled_wrong"
FAMILIES: Final = "self"
RIGHT, RIGHT_LONG, WRONG_LONG = "right", "right_long", "wrong_long"
PAIR, LONG_BETTER, LONG_WORSE = "better", "better_long", "worse_long"
"""Sorts of known answers; the first of two answers is the better one."""
_FACT: Final = "judged"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a sample of a task says is to be judged."""

    sort: str
    answers: Sequence[str]
    """One, or two of which the first is better; none where there is nothing to judge."""
    truth: float | None = None
    """1 where the one answer is right, 0 where it is wrong."""


def marked(sample: Sample, shown: Shown, **changes: Any) -> Sample:
    """Return a sample that carries what is to be judged."""
    told: dict[str, JSON] = {"sort": shown.sort, "answers": list(shown.answers), "truth": shown.truth}
    return replace(sample, facts={**sample.facts, _FACT: told}, **changes)


def shown_in(sample: Sample) -> Shown | None:
    """Return what :func:`marked` put there; None for a sample whose answer is the model's."""
    told: Any = sample.facts.get(_FACT)
    return None if told is None else Shown(told["sort"], told["answers"], told["truth"])


class KnownAnswers:
    """Cells of known answers to some of a dataset's questions.

    Args:
        judged: the task whose questions they answer.
        config: the keys of the judging task.
        seed: of the suite, and the task's name.
        labelled: what people said of answers, by sample.
    """

    def __init__(
        self,
        judged: Judged,
        config: JudgeConfig,
        seed: tuple[int, str],
        labelled: dict[str, list[LabelledAnswer]],
    ) -> None:
        self._judged, self._config, self._seed = judged, config, seed
        self._labelled = labelled
        self._pairs = config.against is not None

    @property
    def planted(self) -> list[str]:
        """The sorts that are made of right answers."""
        known = self._config.known
        if known is None or not known.planted:
            return []
        long = "longer" in known.planted
        if self._pairs:
            return [PAIR, *([LONG_BETTER, LONG_WORSE] if long else [])]
        return [RIGHT, *self.wrongs, *([RIGHT_LONG, WRONG_LONG] if long else [])]

    @property
    def wrongs(self) -> list[str]:
        """The sorts of plain wrong answers: where there are several, those that the data allow."""
        several = self._judged.wrongs
        if len(several) == 1:
            return [*several]
        made = {one.sort for one in self._made_of.values() if one is not None and one.wrong is not None}
        return [sort for sort in several if sort in made] or [several[0]]

    @property
    def labelled(self) -> list[str]:
        """The sorts that people labelled."""
        if not self._labelled:
            return []
        return [LABELLED] if self._pairs else [LABELLED_RIGHT, LABELLED_WRONG]

    @property
    def calibrating(self) -> list[str]:
        """The sorts that judged numbers are corrected by: labelled answers where there are some, else plain ones.

        Right ones and wrong ones; of pairs there is one sort.
        """
        return self.labelled or [sort for sort in self.planted if sort in (RIGHT, *self._judged.wrongs, PAIR)]

    @property
    def sorts(self) -> list[str]:
        """All sorts."""
        return [*self.planted, *self.labelled, *([FAMILIES] if self._config.self_preference else [])]

    def count(self, sort: str) -> int:
        """Return how many samples a sort has."""
        if sort in self.labelled:
            return sum(1 for _ in self._of_labels(sort))
        return (
            len([one for one in self._made_of.values() if _is(one, sort)]) if self._apart(sort) else len(self._chosen)
        )

    def samples(self, sort: str) -> Iterator[Sample]:
        """Yield the samples of a sort."""
        if sort in self.labelled:
            yield from self._of_labels(sort)
            return
        apart = self._apart(sort)
        for sample in self._judged.base.dataset:
            if sample.id in self._chosen and (not apart or _is(self._made_of[sample.id], sort)):
                yield sample if sample.problem is not None else self._made(sort, sample)

    def _apart(self, sort: str) -> bool:
        """Return whether a sort is one of several in which answers are wrong: a sample is in one of them."""
        return len(self._judged.wrongs) > 1 and sort in self._judged.wrongs

    def _made(self, sort: str, sample: Sample) -> Sample:
        if sort == FAMILIES:
            return marked(sample, Shown(sort, ()))
        made = self._made_of[sample.id]
        if made is None or (made.wrong is None and sort not in (RIGHT, RIGHT_LONG)):
            return marked(sample, Shown(sort, ()))
        stream = Stream("longer", *self._seed, sample.id)
        right, wrong = (
            longer(text or "", stream, caption=self._judged.form == "caption") if sort in long else text or ""
            for text, long in ((made.right, (RIGHT_LONG, LONG_BETTER)), (made.wrong, (WRONG_LONG, LONG_WORSE)))
        )
        if self._pairs:
            return marked(sample, Shown(sort, (right, wrong)))
        is_right = sort in (RIGHT, RIGHT_LONG)
        return marked(sample, Shown(sort, (right if is_right else wrong,), float(is_right)))

    @cached_property
    def _made_of(self) -> dict[str, Planted | None]:
        """What is planted of each chosen sample that can be used, by id."""
        chosen = (one for one in self._judged.base.dataset if one.id in self._chosen)
        return {one.id: None if one.problem is not None else self._judged.planted(one) for one in chosen}

    @cached_property
    def _chosen(self) -> frozenset[str]:
        known = self._config.known
        ids = [sample.id for sample in self._judged.base.dataset]
        most = len(ids) if known is None else min(len(ids), known.limit)
        return frozenset(Stream("known", *self._seed).sample(ids, most)) if most < len(ids) else frozenset(ids)

    def _of_labels(self, sort: str) -> Iterator[Sample]:
        for sample in self._judged.base.dataset:
            answers: Iterable[LabelledAnswer] = self._labelled.get(sample.id, ())
            for number, one in enumerate(answers):
                if not self._pairs and (one.truth == 1) != (sort == LABELLED_RIGHT):
                    continue
                shown = Shown(sort, one.answers, None if self._pairs else one.truth)
                yield marked(sample, shown, id=f"{sample.id}~{number}", cluster=sample.cluster or sample.id)


def _is(made: Planted | None, sort: str) -> bool:
    return made is not None and made.wrong is not None and made.sort == sort


__all__ = [
    "FAMILIES", "JUDGED", "LABELLED", "LABELLED_RIGHT", "LABELLED_WRONG", "LONG_BETTER", "LONG_WORSE", "PAIR", "RIGHT",
    "RIGHT_LONG", "WRONG", "WRONG_LONG", "KnownAnswers", "Shown", "marked", "shown_in",
]  # fmt: skip
