"""Captions whose truth is known: one that somebody wrote of the picture, and ones that are wrong in a known way."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

from harness.metrics.captions import tokens
from harness.seeds import Stream
from harness.tasks.guard.corruptions import Facts, number_changed
from harness.types import Dataset, Sample

OTHER_PICTURE, OBJECT, NUMBER = "wrong_picture", "wrong_object", "wrong_number"
"""How a caption is made wrong: it is another picture's, one thing in it is another, or one number is."""

_SOME: Final = 500
"""Pictures whose captions, and things, are wrong ones of others."""
_NUMBERS: Final = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_GENERAL_WORDS: Final = """
person people man men woman women boy girl child children kid kids guy lady adult someone somebody group crowd
picture photo photograph image view scene background foreground front side top middle area place thing things
object objects item items animal animals vehicle vehicles food meal piece pieces part couple pair lot bunch
with and the that this there their his her its from into onto over under near next behind while another other
are was were has have can two three four five six seven eight nine ten each both all
some several many few very large small big little old young white black red green blue brown yellow one
"""
_GENERAL: Final = frozenset(_GENERAL_WORDS.split())
"""Words that say nothing of one thing, or something of many: put in another's place they may still be true."""
_NO_THING: Final = re.compile(r"(ing|ed|ly)$")
_SHORTEST: Final = 3


def things(references: Sequence[str]) -> frozenset[str]:
    """Return the words for things in what several people wrote of a picture: those that two of them use, or the only.

    >>> sorted(things(["a man riding a horse", "somebody on a horse by the sea"]))
    ['horse']
    """
    counts = Counter(word for text in references for word in set(tokens(text)))
    least = 2 if len(references) > 1 else 1
    return frozenset(word for word, count in counts.items() if count >= least and _is_thing(word))


def _is_thing(word: str) -> bool:
    return len(word) >= _SHORTEST and word.isalpha() and word not in _GENERAL and not _NO_THING.search(word)


def another_thing(right: str, references: Sequence[str], others: Sequence[str], stream: Stream) -> str | None:
    """Return a caption with one thing replaced by one that nobody names of this picture; None where it has none.

    Args:
        right: a caption that is right.
        references: all captions of the picture that are.
        others: things in other pictures.
        stream: which thing, and by which.

    >>> another_thing("a horse by the sea", ["a horse by the sea", "one horse"], ["boat"], Stream("doc"))
    'a boat by the sea'
    """
    named = {word for text in references for word in tokens(text)}
    stems = {word.removesuffix("s") for word in named}
    here = sorted(things(references) & set(tokens(right)))
    there = sorted({word for word in others if word.removesuffix("s") not in stems})
    if not here or not there:
        return None
    old = stream.choice(here)
    alike = [word for word in there if word.endswith("s") == old.endswith("s")]
    return _put(right, old, stream.choice(alike or there))


def another_number(right: str, references: Sequence[str], stream: Stream) -> str | None:
    """Return a caption with one number replaced by one that nobody says of this picture; None where it has none.

    >>> another_number("two dogs", ["two dogs", "a dog and another"], Stream("doc")) != "two dogs"
    True
    """
    said = {word for text in references for word in tokens(text)}
    here = [word for word in tokens(right) if word in _NUMBERS]
    free = [word for word in _NUMBERS if word not in said]
    if here and free:
        old = stream.choice(here)
        return _put(right, old, stream.choice(free))
    return number_changed(right, Facts(" ".join(references), ()), stream)


def _put(text: str, old: str, new: str) -> str | None:
    """Return a text with a word replaced wherever it stands; None where it is not written as words are counted."""
    changed = re.sub(rf"\b{re.escape(old)}\b", new, text, flags=re.IGNORECASE)
    return None if changed == text else changed


@dataclass(frozen=True, slots=True)
class _Other:
    """What was written of a picture."""

    cluster: str
    texts: Mapping[str, frozenset[str]]
    """Each caption, with the words in it that name something."""
    things: frozenset[str]


class Planting:
    """Wrong captions for the pictures of a dataset.

    Args:
        dataset: the pictures with their captions.
        seed: of the suite, and the task's name.
    """

    def __init__(self, dataset: Dataset, seed: tuple[int, str]) -> None:
        self._dataset, self._seed = dataset, seed

    def spare(self, sample: Sample) -> str:
        """Return the caption of a sample that no judge is shown: it is a right answer; nothing where there is none."""
        told = [text for text in sample.references if text.strip()]
        return Stream("spare", *self._seed, sample.id).choice(told) if told else ""

    def shown(self, sample: Sample) -> tuple[str, ...]:
        """Return what a judge is shown: all captions but the spare one, or the only one."""
        spare = self.spare(sample)
        return tuple(text for text in sample.references if text != spare) or sample.references

    def wrong(self, sample: Sample) -> tuple[str, str] | None:
        """Return how a caption is wrong, and the caption; one of those ways that the picture allows, each as likely."""
        made = self._ways(sample, self.spare(sample))
        if not made:
            return None
        way = Stream("wrong", *self._seed, sample.id).choice(sorted(made))
        return way, made[way]

    def _ways(self, sample: Sample, right: str) -> Mapping[str, str]:
        stream = Stream("planted", *self._seed, sample.id)
        own = sample.cluster or sample.id
        others = [one for one in self._others if one.cluster != own]
        known = _stems(word for text in sample.references for word in tokens(text))
        foreign = sorted({text for one in others for text, named in one.texts.items() if _is_foreign(named, known)})
        words = sorted({word for one in others for word in one.things})
        made = {
            OTHER_PICTURE: stream.choice(foreign) if foreign else None,
            OBJECT: another_thing(right, sample.references, words, stream),
            NUMBER: another_number(right, sample.references, stream),
        }
        return {way: text for way, text in made.items() if text is not None}

    @cached_property
    def _others(self) -> list[_Other]:
        some = islice(self._dataset, _SOME)
        return [
            _Other(one.cluster or one.id, {text: _named(text) for text in one.references}, things(one.references))
            for one in some
            if one.problem is None
        ]


def _stems(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word.removesuffix("s") for word in words)


def _named(text: str) -> frozenset[str]:
    """Return the words of a caption that name something."""
    return _stems(word for word in tokens(text) if _is_thing(word))


def _is_foreign(named: frozenset[str], known: frozenset[str]) -> bool:
    """Return whether most of what a caption names stands in no caption of a picture.

    >>> known = _named("a horse by the sea")
    >>> _is_foreign(_named("a boat on the lake"), known), _is_foreign(_named("a brown horse"), known)
    (True, False)
    """
    return 2 * len(named - known) > len(named)
