"""What the images of a dataset show, by name, and which names an image lacks: questions about absent things."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Literal

from harness.seeds import Stream
from harness.types import Dataset, Sample

Category = Literal["random", "popular", "adversarial"]

ANSWERS: Final = "answers"
"""Instead of a fact: the right answers to all questions about an image."""


class Shown:
    """By image: a sample that shows it, and the names of what it shows.

    Args:
        source: the samples; those of one cluster show one image.
        fact: which fact says what an image shows: ``objects``, ``boxes`` (their labels), ``label``; or ``answers``.
    """

    def __init__(self, source: Dataset, fact: str) -> None:
        self._source = source
        self._fact = fact

    @cached_property
    def images(self) -> Mapping[str, tuple[Sample, frozenset[str]]]:
        found: dict[str, tuple[Sample, frozenset[str]]] = {}
        for sample in self._source:
            key = sample.cluster or sample.id
            first, known = found.get(key, (sample, frozenset[str]()))
            found[key] = first, known | _names(sample, self._fact)
        return found

    @cached_property
    def _beside(self) -> Mapping[str, Counter[str]]:
        """By name: how many images show it, under its own name, and how many show others beside it."""
        found: dict[str, Counter[str]] = {}
        for _, shown in self.images.values():
            for one in shown:
                found.setdefault(one, Counter()).update(shown)
        return found

    def absent(self, key: str, category: Category, seed: Sequence[str | int]) -> list[str]:
        """Return the names that an image lacks: at random, the most frequent, or the most frequent beside its own."""
        shown = self.images[key][1]
        absent = Stream("absent", *seed, key, category).shuffled(sorted(self._beside.keys() - shown))
        if category == "popular":
            absent.sort(key=lambda name: -self._beside[name][name])
        elif category == "adversarial":
            absent.sort(key=lambda name: -sum(self._beside[one][name] for one in shown))
        return absent


def _names(sample: Sample, fact: str) -> frozenset[str]:
    """Return the names of what a sample says that its image shows."""
    if fact == ANSWERS:
        return frozenset(sample.references[:1])
    told: Any = sample.facts.get(fact) or ()
    listed = [told] if isinstance(told, str) else told
    named = (one.get("label") if isinstance(one, Mapping) else one for one in listed)
    return frozenset(one for one in named if isinstance(one, str) and one)
