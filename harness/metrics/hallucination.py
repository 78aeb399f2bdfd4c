"""CHAIR: objects in captions that are not in the image."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from harness.errors import UsageError
from harness.estimate import Node
from harness.metrics._base import NAN, Failures
from harness.metrics._chair_official import OfficialVocabulary
from harness.metrics._summed import SummedMetric
from harness.metrics._text import fold
from harness.metrics._variants import CHAIR, Variants
from harness.types import Direction, MetricValue, Score, Status

ENTRIES: Final = {"chair_i": "ChairI", "chair_s": "ChairS"}

_WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_NAMED: Final = 5
"""Objects that a complaint names."""
_IRREGULAR: Final = {
    "child": "children",
    "foot": "feet",
    "goose": "geese",
    "knife": "knives",
    "leaf": "leaves",
    "loaf": "loaves",
    "man": "men",
    "mouse": "mice",
    "ox": "oxen",
    "person": "people",
    "scarf": "scarves",
    "sheep": "sheep",
    "shelf": "shelves",
    "skis": "skis",
    "tooth": "teeth",
    "wife": "wives",
    "wolf": "wolves",
}


_COMPOUNDS: Final = ("man", "child", "person", "mouse", "foot")
_REGULAR: Final = frozenset({"caiman", "german", "human", "ottoman", "roman", "shaman", "talisman"})


def plural(word: str) -> str:
    """Return the English plural of a noun; of a phrase, that of its last word.

    Captions are searched for plurals of the vocabulary's words, instead of cutting the s off every word
    of the caption, so that "bus" never becomes "bu".

    >>> [plural(word) for word in ("bus", "baby", "traffic light", "woman", "knife", "boy")]
    ['buses', 'babies', 'traffic lights', 'women', 'knives', 'boys']
    """
    head, space, last = word.rpartition(" ")
    for ending, many in _IRREGULAR.items():
        compound = ending in _COMPOUNDS and last.endswith(ending) and last not in _REGULAR
        if last == ending or compound:
            return head + space + last.removesuffix(ending) + many
    if re.search(r"(?:s|x|z|ch|sh)$", last):
        return word + "es"
    if re.search(r"[^aeiou]y$", last):
        return word[:-1] + "ies"
    return word + "s"


class Vocabulary:
    """Objects and the words for them, singular and plural, phrases included.

    >>> Vocabulary({"dog": ["puppy"], "hot dog": []}).mentions("Two puppies and a hot dog")
    ['dog', 'hot dog']
    """

    def __init__(self, synonyms: Mapping[str, Iterable[str]]) -> None:
        self._names: dict[tuple[str, ...], str] = {}
        self._looked_up: dict[str, str | None] = {}
        for name, others in synonyms.items():
            for word in (name, *others):
                for form in (fold(word), plural(fold(word))):
                    self._add(tuple(_WORD.findall(form)), name)
        self._longest = max((len(form) for form in self._names), default=0)
        self._objects = frozenset(synonyms)

    def _add(self, form: tuple[str, ...], name: str) -> None:
        if not form:
            raise UsageError(f"vocabulary: {name!r} has an empty name")
        other = self._names.setdefault(form, name)
        if other != name:
            raise UsageError(f"vocabulary: {' '.join(form)!r} stands for both {other!r} and {name!r}")

    def mentions(self, caption: str) -> list[str]:
        """Return the objects that a caption mentions, in order, repeats included; the longest phrase wins."""
        words = _WORD.findall(fold(caption))
        found, at = [], 0
        while at < len(words):
            size = next(
                (
                    k
                    for k in range(min(self._longest, len(words) - at), 0, -1)
                    if tuple(words[at : at + k]) in self._names
                ),
                0,
            )
            if size:
                found.append(self._names[tuple(words[at : at + size])])
            at += size or 1
        return found

    def known(self, objects: Iterable[str]) -> frozenset[str]:
        """Return the objects of an image by their names in the vocabulary; synonyms are understood."""
        return frozenset(name for name in map(self._meant, objects) if name is not None)

    def _meant(self, word: str) -> str | None:
        if word not in self._looked_up:
            self._looked_up[word] = self._names.get(tuple(_WORD.findall(fold(word))))
        return self._looked_up[word]


_OFFICIAL: Final = (
    "words, singulars and pairs of words as the published code cuts them: of longer names only its own pairs are found"
)


class _Chair(SummedMetric):
    direction: ClassVar[Direction] = "lower"
    needs = ("objects",)
    sums: ClassVar[tuple[str, ...]] = ("hallucinated", "mentioned")
    left_out = "a caption that is not there names nothing"

    def __init__(
        self,
        variant: str = "default",
        vocabulary: Mapping[str, Sequence[str]] | None = None,
        failures: Failures = "exclude",
    ) -> None:
        super().__init__(variant, failures)
        if not vocabulary:
            raise UsageError(f"metric {self.name!r} needs a vocabulary: object → list of synonyms")
        self.vocabulary = {name: tuple(words) for name, words in vocabulary.items()}
        self._words = (OfficialVocabulary if self.variant == "official" else Vocabulary)(self.vocabulary)

    def form(self, label: str, at: Sequence[str]) -> Node:
        return self.ratio(label, at, "hallucinated", "mentioned")

    def problem(self, references: Sequence[str], context: Mapping[str, Any]) -> str | None:
        """Say which annotated objects the vocabulary lacks: the right words for them would count as made up."""
        strange = [name for name in context.get("objects", ()) if not self._words.known([name])]
        if not strange:
            return None
        named = ", ".join(map(repr, strange[:_NAMED])) + (", …" if len(strange) > _NAMED else "")
        return f"the fact 'objects' has what the vocabulary lacks: {named}; add them to the vocabulary"

    def score(self, prediction: str | None, references: Sequence[str], **context: Any) -> Score:
        present = self._words.known(context["objects"])
        said = None if len(present) == len(context["objects"]) else self.problem(references, context)
        if said:
            return Score(NAN, Status.UNDEFINED, complaint=said)
        if prediction is None:
            return Score(NAN, Status.MISSING)
        mentioned = self._words.mentions(prediction)
        false = [name for name in mentioned if name not in present]
        over, under = self._row(len(false), len(mentioned))
        sums = {"hallucinated": over, "mentioned": under}
        return Score(over / under if under else NAN, detail={"hallucinated": false}, sums=sums)

    def compute(
        self,
        predictions: Sequence[str | None],
        objects: Sequence[Iterable[str]],
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the share of hallucinations.

        Args:
            predictions: one caption a row, None where it is missing.
            objects: what each image holds, in words of the vocabulary.
            clusters: rows with the same string are resampled together.
            confidence: two-sided coverage of the interval.
        """
        return self.over(predictions, [()] * len(objects), clusters, confidence, objects=objects)

    def _row(self, hallucinated: int, mentioned: int) -> tuple[float, float]:
        raise NotImplementedError


class ChairI(_Chair):
    """Share of all object mentions in captions that name an object which is not in the image.

    Repeated mentions count again. Range 0 to 1, lower is better. Jackknife interval over captions.

    Args:
        vocabulary: the objects that are looked for, each with its synonyms; plurals are understood.

    Edge cases:
        A caption without any mention adds nothing: it says nothing that could be wrong. No mentions at
        all: NaN. A failed or missing caption is left out; the coverage tells how many. An image with an object that
        the vocabulary does not have is ``undefined``, since a right word for it would count as made up; the published
        code stops there.

    Source:
        Rohrbach et al. 2018, "Object Hallucination in Image Captioning" (arXiv:1809.02156). The COCO
        vocabulary is not shipped. The published code cuts plurals with the library clips/pattern (read at d25511f).

    >>> metric = ChairI(vocabulary={"dog": ["puppy"], "cat": [], "bus": []})
    >>> metric.compute(["Two puppies near buses", "a cat"], [["dog"], ["cat"]]).value
    0.3333333333333333
    """

    name = "chair_i"
    answer_tokens = 256
    computed = "Σ mentions of absent objects / Σ mentions"
    variants: ClassVar[Variants] = {"default": "as documented", "official": CHAIR.variant("utils/chair.py", _OFFICIAL)}

    def _row(self, hallucinated: int, mentioned: int) -> tuple[float, float]:
        return float(hallucinated), float(mentioned)


class ChairS(_Chair):
    """Share of captions that name at least one object which is not in the image.

    Range 0 to 1, lower is better. Jackknife interval over captions.

    Args:
        vocabulary: the objects that are looked for, each with its synonyms; plurals are understood.

    Edge cases:
        A caption without any mention adds nothing, so that saying nothing is not a way to be right; ``official``
        counts it as free of hallucination. Objects outside the vocabulary, failed and missing captions: as ``chair_i``.

    Source:
        Rohrbach et al. 2018 (arXiv:1809.02156).

    >>> metric = ChairS(vocabulary={"dog": [], "cat": []})
    >>> metric.compute(["a dog", "a cat", "nothing"], [["dog"], ["dog"], []]).value
    0.5
    """

    name = "chair_s"
    answer_tokens = 256
    computed = "captions with an absent object / captions that mention one"
    binary_sums = frozenset({"hallucinated", "mentioned"})
    variants: ClassVar[Variants] = {
        "default": "captions without a mention are left out",
        "official": CHAIR.variant("utils/chair.py", f"captions without a mention count as clean; {_OFFICIAL}"),
    }

    def _row(self, hallucinated: int, mentioned: int) -> tuple[float, float]:
        return float(hallucinated > 0), float(mentioned > 0 or self.variant == "official")
