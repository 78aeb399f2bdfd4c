"""Objects in captions as the published code of CHAIR finds them: its words, its plurals, its pairs of words."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from harness.metrics._singular import singular

_APART: Final = re.compile(r"""''|[;@#$%&?!*()\[\]{}<>"“”‘«»„`’]|--|\.{2,}|[:,](?=\D|$)|\.(?=["'’)\]}>]*(?:\s|$))""")
"""Marks that are tokens of their own, as in the Penn Treebank: a full stop is one at the end of a sentence."""
_CLITIC: Final = re.compile(r"(?:n't|'(?:s|m|d|ll|re|ve)?)(?=\s|$)")

_PAIRS: Final = """
    motor bike, motor cycle, air plane, traffic light, street light, traffic signal, stop light, fire hydrant,
    stop sign, parking meter, suit case, sports ball, baseball bat, baseball glove, tennis racket, wine glass, hot dog,
    cell phone, mobile phone, teddy bear, hair drier, potted plant, laptop computer, home plate, train track
"""
_YOUNG_OR_OLD: Final = "bird cat dog horse sheep cow elephant bear zebra giraffe animal cub"


def _pairs() -> dict[tuple[str, str], str]:
    """Map two words that stand for one thing to its name."""
    found = {tuple(pair.split()): " ".join(pair.split()) for pair in _PAIRS.split(",")}
    found |= {(age, animal): animal for animal in _YOUNG_OR_OLD.split() for age in ("baby", "adult")}
    found |= {("passenger", vehicle): vehicle for vehicle in ("jet", "train")}
    found |= {("bow", "tie"): "tie", ("toilet", "seat"): "toilet", ("wine", "glas"): "wine glass"}
    return {(first, second): name for (first, second), name in found.items()}


_AS_ONE: Final = _pairs()


class OfficialVocabulary:
    """Objects and the words for them, as the published code reads captions.

    >>> OfficialVocabulary({"dog": ["puppy"], "hot dog": []}).mentions("Two puppies, a baby dog and hot dogs.")
    ['dog', 'dog', 'hot dog']
    """

    def __init__(self, synonyms: Mapping[str, Iterable[str]]) -> None:
        self._names = {word: name for name, others in synonyms.items() for word in (name, *others)}

    def mentions(self, caption: str) -> list[str]:
        """Return the objects that a caption mentions, in order, repeats included."""
        said = list(_read(caption))
        if "toilet" in said and "seat" in said:
            said = [word for word in said if word != "seat"]
        return [self._names[word] for word in said if word in self._names]

    def known(self, objects: Iterable[str]) -> frozenset[str]:
        """Return the objects of an image by their names in the vocabulary; only the very words of it are understood."""
        return frozenset(self._names[name] for name in objects if name in self._names)


def _read(caption: str) -> tuple[str, ...]:
    """Return the words of a caption in the singular, pairs that stand for one thing as one."""
    apart = _CLITIC.sub(r" \g<0>", _APART.sub(r" \g<0> ", caption.lower()))
    words = [singular(word) for word in apart.split()]
    found, at = [], 0
    while at < len(words):
        one = _AS_ONE.get((words[at], words[at + 1])) if at + 1 < len(words) else None
        found.append(words[at] if one is None else one)
        at += 1 if one is None else 2
    return tuple(found)
