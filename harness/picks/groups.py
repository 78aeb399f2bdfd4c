"""What samples have in common, so that picks are not a hundred times the same: templates, pictures, slices."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from harness.picks.leaks import Shown
from harness.suite.checks.pictures import Seen, near_pairs

_WORD: Final = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|[^\w\s]")
_COMMON: Final = 0.05
"""Words that stand in so many of the questions belong to a template; others are what is filled in."""
_BLANK: Final = "…"
_PAIRWISE: Final = 20_000
"""Distinct pictures that are compared two by two."""


def templates(questions: Sequence[str]) -> list[str]:
    """Return the template of each question: its words that many of the questions have, and a gap for all others.

    >>> templates(["What is the value of A?"] * 8 + ["What is the value of B?"] * 8 + ["Is C higher than D?"] * 184)[0]
    'what is the value of …?'
    >>> templates(["Who won in 1998?", "Who won in 2002?"])
    ['who won in …?', 'who won in …?']
    """
    read = [_WORD.findall(question.casefold()) for question in questions]
    counts = Counter(word for words in read for word in set(words))
    least = max(2, _COMMON * len(questions))
    return [_joined(word if counts[word] >= least and not word[0].isdigit() else _BLANK for word in words)
            for words in read]  # fmt: skip


def _joined(words: Iterable[str]) -> str:
    told = ""
    for word in words:
        if word == _BLANK and told.endswith(_BLANK):
            continue
        glued = not told or not (word[0].isalnum() or word == _BLANK)
        told += word if glued else f" {word}"
    return told


def picture_groups(names: Sequence[str], clusters: Mapping[str, str], shown: Mapping[str, Shown]) -> dict[str, str]:
    """Return a group for each sample: of one cluster, of one picture, or of pictures that are nearly the same.

    Args:
        names: of the samples.
        clusters: of each; empty where it is a cluster of its own.
        shown: their pictures, of those whose pictures could be read.

    Returns:
        The least name of each sample's group, by name.
    """
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    def join(one: str, other: str) -> None:
        first, second = sorted((root(one), root(other)))
        parent[second] = first

    first: dict[object, str] = {}
    for name in names:
        keys: list[object] = [("cluster", clusters[name])] if clusters.get(name) else []
        keys += [("picture", one.digest) for one in (shown[name].pictures if name in shown else ())]
        for key in keys:
            join(name, first.setdefault(key, name))
    whose: dict[int, tuple[str, Seen]] = {}
    for name in sorted(shown):
        for one in shown[name].pictures:
            whose.setdefault(one.digest, (name, one))
    told = [whose[digest] for digest in sorted(whose)][:_PAIRWISE]
    for left, right in near_pairs([seen for _, seen in told]):
        join(told[left][0], told[right][0])
    return {name: root(name) for name in names}
