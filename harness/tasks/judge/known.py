"""The answers that a judge is tried on, a cell for each sort, as samples that carry what is to be judged."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, Final

from harness.seeds import Stream
from harness.tasks._base import Cell
from harness.tasks.judge.config import JudgeConfig
from harness.tasks.judge.earlier import LabelledAnswer
from harness.tasks.judge.planted import longer, wrong_answer
from harness.tasks.qa import QaTask
from harness.types import JSON, Response, Sample, Status

JUDGED: Final = Cell("judged", {"answers": "judged"})
LABELLED: Final = "labelled"
LABELLED_RIGHT, LABELLED_WRONG = "labelled_right", "labelled_wrong"
FAMILIES: Final = "self"
RIGHT, WRONG, RIGHT_LONG, WRONG_LONG = "right", "wrong", "right_long", "wrong_long"
PAIR, LONG_BETTER, LONG_WORSE = "better", "better_long", "worse_long"
"""Sorts of known answers; the first of two answers is the better one."""
_FACT: Final = "judged"
_SOME: Final = 500
"""Samples whose right answers are wrong answers to others."""


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
        base: the task whose questions they answer, and whose metric says which are wrong.
        metric: that metric, by its label.
        config: the keys of the judging task.
        seed: of the suite, and the task's name.
        labelled: what people said of answers, by sample.
    """

    def __init__(
        self,
        base: QaTask,
        metric: str,
        config: JudgeConfig,
        seed: tuple[int, str],
        labelled: dict[str, list[LabelledAnswer]],
    ) -> None:
        self._base, self._metric, self._config, self._seed = base, metric, config, seed
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
        return [RIGHT, WRONG, *([RIGHT_LONG, WRONG_LONG] if long else [])]

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
        return self.labelled or [sort for sort in self.planted if sort in (RIGHT, WRONG, PAIR)]

    @property
    def sorts(self) -> list[str]:
        """All sorts."""
        return [*self.planted, *self.labelled, *([FAMILIES] if self._config.self_preference else [])]

    def count(self, sort: str) -> int:
        """Return how many samples a sort has."""
        return sum(1 for _ in self._of_labels(sort)) if sort in self.labelled else len(self._chosen)

    def samples(self, sort: str) -> Iterator[Sample]:
        """Yield the samples of a sort."""
        if sort in self.labelled:
            yield from self._of_labels(sort)
            return
        for sample in self._base.dataset:
            if sample.id in self._chosen:
                yield sample if sample.problem is not None else self._made(sort, sample)

    def right(self, sample: Sample, text: str) -> bool | None:
        """Return whether the metric finds an answer right; None where it has nothing to say."""
        score = self._base.score(sample, [Response(text)]).get(self._metric)
        if score is None or score.status is not Status.OK:
            return None
        return score.value >= 0.5

    def _made(self, sort: str, sample: Sample) -> Sample:
        if sort == FAMILIES:
            return marked(sample, Shown(sort, ()))
        right = sample.references[0] if sample.references else ""
        if not right.strip() or not self.right(sample, right):
            return marked(sample, Shown(sort, ()))
        wrong: str | None = ""
        if sort not in (RIGHT, RIGHT_LONG):
            seed = (*self._seed, sample.id)
            is_wrong = lambda text: self.right(sample, text) is False  # noqa: E731 - a name of its own says no more
            wrong = wrong_answer(right, sample.evidence or "", self._others, is_wrong, seed)
        if wrong is None:
            return marked(sample, Shown(sort, ()))
        stream = Stream("longer", *self._seed, sample.id)
        match sort:
            case "right" | "right_long":
                answer = longer(right, stream) if sort == RIGHT_LONG else right
                return marked(sample, Shown(sort, (answer,), 1.0))
            case "wrong" | "wrong_long":
                answer = longer(wrong, stream) if sort == WRONG_LONG else wrong
                return marked(sample, Shown(sort, (answer,), 0.0))
        better = longer(right, stream) if sort == LONG_BETTER else right
        return marked(sample, Shown(sort, (better, longer(wrong, stream) if sort == LONG_WORSE else wrong)))

    @cached_property
    def _chosen(self) -> frozenset[str]:
        known = self._config.known
        ids = [sample.id for sample in self._base.dataset]
        most = len(ids) if known is None else min(len(ids), known.limit)
        return frozenset(Stream("known", *self._seed).sample(ids, most)) if most < len(ids) else frozenset(ids)

    @cached_property
    def _others(self) -> Sequence[str]:
        return sorted(
            {reference for sample in islice(self._base.dataset, _SOME) for reference in sample.references[:1]}
        )

    def _of_labels(self, sort: str) -> Iterator[Sample]:
        for sample in self._base.dataset:
            answers: Iterable[LabelledAnswer] = self._labelled.get(sample.id, ())
            for number, one in enumerate(answers):
                if not self._pairs and (one.truth == 1) != (sort == LABELLED_RIGHT):
                    continue
                shown = Shown(sort, one.answers, None if self._pairs else one.truth)
                yield marked(sample, shown, id=f"{sample.id}~{number}", cluster=sample.cluster or sample.id)
