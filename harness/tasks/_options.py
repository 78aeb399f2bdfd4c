"""The options of multiple-choice questions: which are there, which is right, and wrong ones where data have none."""

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from harness.seeds import Stream
from harness.tasks._derived import Derived
from harness.types import Dataset, Sample

LETTERS: Final = string.ascii_uppercase


def choices_of(sample: Sample) -> Sequence[str]:
    found: Any = sample.facts.get("choices") or ()
    return [str(one) for one in found][: len(LETTERS)]


def right_of(choices: Sequence[str], references: Sequence[str]) -> int | None:
    """Return the place of the right option: that of the reference's letter, else the one with its words.

    >>> right_of(["red", "blue"], ["B"]), right_of(["red", "blue"], ["Red"]), right_of(["red"], ["green"])
    (1, 0, None)
    """
    lettered = (letter_of(reference, choices) for reference in references)
    if (place := next((one for one in lettered if one is not None), None)) is not None:
        return place
    wanted = set(map(plain, references))
    return next((i for i, text in enumerate(choices) if plain(text) in wanted), None)


def letter_of(reference: str, choices: Sequence[str]) -> int | None:
    place = LETTERS.find(reference) if len(reference) == 1 else -1
    return place if 0 <= place < len(choices) else None


def plain(text: str) -> str:
    return " ".join(text.split()).strip(" .").casefold()


class Distracted(Derived):
    """A dataset whose questions have options: the right answer among some that are right elsewhere.

    Args:
        source: with questions and answers.
        count: how many wrong options are drawn, where there are so many.
        by: a tag that both questions have the same value of.
        seed: of the suite, and the task's name.
    """

    def __init__(self, source: Dataset, count: int, by: str | None, seed: tuple[int, str]) -> None:
        super().__init__(source, ["choices"])
        self._count = count
        self._by = by
        self._seed = seed

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Iterator[Sample]:
        for sample in self.source:
            yield sample if sample.problem or not sample.references else self._with_options(sample)

    def _with_options(self, sample: Sample) -> Sample:
        stream, right = Stream("distractors", *self._seed, sample.id), sample.references[0]
        mine = set(map(plain, sample.references))
        others = [text for text in self._answers.get(self._group(sample), ()) if plain(text) not in mine]
        if not others:
            return replace(sample, problem="no other question has another answer to offer as a wrong option")
        choices = stream.shuffled([right, *stream.shuffled(others)[: self._count]])
        letter = LETTERS[choices.index(right)]
        return replace(sample, references=(letter,), facts={**sample.facts, "choices": choices})

    @cached_property
    def _answers(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, set[str]] = {}
        for sample in self.source:
            found.setdefault(self._group(sample), set()).update(sample.references[:1])
        return {group: sorted(answers) for group, answers in found.items()}

    def _group(self, sample: Sample) -> str:
        return sample.tags.get(self._by, "") if self._by else ""
