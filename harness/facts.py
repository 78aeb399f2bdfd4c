"""What a sample may carry beside its question and references, by name: one table for data, prompts and metrics.

Datasets put facts into ``Sample.facts``, metrics and prompts ask for them by name, and runs store them. Nothing in
between names one, so that a new fact is one entry here (or an entry point ``name = "module:FACT"`` in the group
``harness.facts``) and the metric that reads it. Names that stand in no table are carried as well, unchecked.
"""

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from harness.errors import UsageError
from harness.registry import declared
from harness.types import JSON, Dataset, Sample

if TYPE_CHECKING:
    from PIL import Image

FRAMES: Final = ("pixel", "unit", "per-mille", "per-mille-999", "resized")
"""What numbers of boxes may count: see ``frame``."""
Y_FIRST: Final = "-yx"
"""What follows the name of a frame whose boxes are y0, x0, y1, x1."""

_TAKEN: Final = frozenset(
    {"self", "prediction", "text", "question", "references", "images", "evidence", "tags", "id", "cluster", "facts"}
)
"""Names that samples, metrics and prompts use for something else."""
_LOOKED_AT: Final = 20
"""Samples that are asked for an image, to see whether what follows from it will be there."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One name, what stands under it, and how that is recognised."""

    name: str
    form: str
    """The JSON that it is, in words."""
    meaning: str
    fits: Callable[[Any], bool]
    """Whether a JSON value is one."""
    of_image: "Callable[[Image.Image], JSON] | None" = None
    """Reads it off the image that is shown, for samples that show one and do not carry it."""


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(map(_text, value))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _numbers(value: Any, count: int) -> bool:
    return isinstance(value, Sequence) and len(value) == count and all(map(_number, value))


def _vector(value: Any) -> bool:
    return isinstance(value, Sequence) and len(value) > 0 and all(map(_number, value))


def _size(value: Any) -> bool:
    return _numbers(value, 2) and min(value) > 0


def _share(value: Any) -> bool:
    return _number(value) and 0 <= value <= 1


def _boxes(value: Any) -> bool:
    return isinstance(value, Sequence) and all(
        _numbers(box.get("box"), 4) and _text(box.get("label", "")) if isinstance(box, Mapping) else _numbers(box, 4)
        for box in value
    )


def _frame(value: Any) -> bool:
    return _text(value) and value.removesuffix(Y_FIRST) in FRAMES


def _spans(value: Any) -> bool:
    return isinstance(value, Sequence) and all(_numbers(span, 2) and 0 <= span[0] < span[1] for span in value)


def _turns(value: Any) -> bool:
    return isinstance(value, Sequence) and all(
        isinstance(turn, Mapping)
        and _text(turn.get("question"))
        and (_text(turn.get("answer")) or (_texts(turn.get("answer")) and len(turn["answer"]) > 0))
        and isinstance(turn.get("images", 0), int)
        for turn in value
    )


def _calls(value: Any) -> bool:
    return isinstance(value, Sequence) and all(
        isinstance(call, Mapping) and _text(call.get("name")) and isinstance(call.get("arguments", {}), Mapping)
        for call in value
    )


def _schema(value: Any) -> bool:
    return isinstance(value, Mapping | bool)


def _size_of(image: "Image.Image") -> JSON:
    return [image.width, image.height]


FACTS: Final[Mapping[str, Fact]] = {
    fact.name: fact
    for fact in (
        Fact("boxes", "list of [x0, y0, x1, y1], or of {box, label}", "What the image holds, and where.", _boxes),
        Fact("calls", "list of {name, arguments}", "The tools that an agent is to call, in order.", _calls),
        Fact("candidates", "list of texts", "What the answer is ranked among or chosen from: captions, names.", _texts),
        Fact("choices", "list of texts", "The options of a multiple-choice question, in the order shown.", _texts),
        Fact("confidence", "number from 0 to 1", "How sure the annotators are of the references.", _share),
        Fact(
            "control",
            "text, or true",
            "What the model answers to the clean image of an injection; true where that did the same.",
            lambda value: _text(value) or isinstance(value, bool),
        ),
        Fact("embedding", "list of numbers", "The embedding of the image.", _vector),
        Fact(
            "frame",
            f"{', '.join(FRAMES)}, each also with {Y_FIRST}",
            "What the numbers of the references' boxes count (pixel where it is not said): pixels, shares of the "
            f"image, 0–1000, 0–999, or pixels of the image as `resized`; with {Y_FIRST}, y stands before x.",
            _frame,
        ),
        Fact("group", "text", "Samples that are judged together: the questions about one image, say.", _text),
        Fact("injected", "text", "What an instruction in the image tells the model to say.", _text),
        Fact("label", "text", "The class of the image.", _text),
        Fact("language", "text", "The language of the question, as an IETF tag: en, zh-Hans.", _text),
        Fact("negation", "text", "A yes/no question turned round, so that its right answer is the other one.", _text),
        Fact("objects", "list of texts", "Names of the things that the image shows.", _texts),
        Fact("paraphrases", "list of texts", "The question in other words, with the same right answer.", _texts),
        Fact("phrases", "list of texts", "Parts of the question or caption that boxes belong to, in order.", _texts),
        Fact(
            "reference_embeddings",
            "list of lists of numbers",
            "The embeddings of the reference captions.",
            lambda value: isinstance(value, Sequence) and not isinstance(value, str) and all(map(_vector, value)),
        ),
        Fact("resized", "[width, height]", "Pixels of the image as the model's preprocessing makes it.", _size),
        Fact("schema", "JSON Schema", "What a structured answer must fit.", _schema),
        Fact("size", "[width, height]", "Pixels of the image as it is shown.", _size, _size_of),
        Fact("spans", "list of [start, end]", "Windows of the clip that hold the answer, in seconds.", _spans),
        Fact(
            "turns",
            "list of {question, answer}",
            "The turns of a dialogue, with right answers (a text, or several that will do); `images` says how many of "
            "the row's images come with a turn.",
            _turns,
        ),
    )
}
"""The built-in facts."""


@cache
def known() -> Mapping[str, Fact]:
    """Return all facts that have a form, by name: those above and those of installed plug-ins.

    Raises:
        UsageError: if a plug-in's fact cannot be loaded, or its name is taken.
    """
    found = dict(FACTS)
    for point in declared("harness.facts"):
        origin = f"the fact {point.name!r} ({point.value})"
        try:
            fact = point.load()
        except Exception as cause:  # a plug-in's module may raise anything
            raise UsageError(f"{origin} cannot be loaded: {type(cause).__name__}: {cause}") from cause
        if not isinstance(fact, Fact) or fact.name != point.name:
            raise UsageError(f"{origin} is no Fact of that name")
        if fact.name in found or fact.name in _TAKEN:
            raise UsageError(f"{origin}: the name is taken; give it another")
        found[fact.name] = fact
    return found


def wrong(facts: Mapping[str, JSON]) -> str | None:
    """Return what is wrong with some facts, as a sentence; None where all is well.

    >>> wrong({"size": [640, 480], "mood": "mild"})
    >>> wrong({"size": "large"})
    "the fact 'size' is not [width, height]: 'large'"
    """
    table = known()
    for name, value in facts.items():
        if not isinstance(name, str) or not name or name in _TAKEN:
            return f"{name!r} cannot name a fact"
        if name in table and not table[name].fits(value):
            return f"the fact {name!r} is not {table[name].form}: {value!r:.80}"
    try:
        json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as cause:
        return f"the facts are no JSON: {cause}"
    return None


def carried(sample: Sample) -> Mapping[str, JSON]:
    """Return the facts of a sample as they are stored with a run, the windows of its clip among them."""
    return {**sample.facts, "spans": [list(span) for span in sample.spans]} if sample.spans else sample.facts


def context(sample: Sample) -> dict[str, Any]:
    """Return what a metric may read of a sample beside its references, as keyword arguments.

    >>> context(Sample("1", "Where?", ("[0, 0, 9, 9]",), facts={"size": [10, 10]}))
    {'size': [10, 10], 'evidence': None, 'tags': {}}
    """
    return {**carried(sample), "evidence": sample.evidence, "tags": sample.tags}


def of_images(names: Iterable[str]) -> frozenset[str]:
    """Return those of some facts that an image can tell."""
    wanted = frozenset(names)
    return frozenset(name for name in wanted if name in known() and known()[name].of_image)


def shown(sample: Sample, images: "Sequence[Image.Image]", names: Collection[str]) -> Sample:
    """Return a sample with those of some facts (of :func:`of_images`) that its only shown image tells.

    What the sample carries itself stands.
    """
    missing = [name for name in names if name not in sample.facts]
    if len(images) != 1 or not missing:
        return sample
    table, found = known(), dict(sample.facts)
    for name in sorted(missing):
        if (read := table[name].of_image) is not None:
            found[name] = read(images[0])
    return replace(sample, facts=found)


def lacking(needs: Iterable[str], dataset: Dataset) -> list[str]:
    """Return the facts of ``needs`` that the samples of a dataset will not carry.

    Nothing where that cannot be told beforehand: a dataset says what its samples carry as ``gives``, a
    ``frozenset[str]``, and need not say it. What an image tells is there where the samples show one each.
    """
    gives: frozenset[str] | None = getattr(dataset, "gives", None)
    if gives is None:
        return []
    absent = [name for name in dict.fromkeys(needs) if name not in gives]
    told = of_images(absent)
    if told and any(len(sample.images) == 1 for sample in islice(dataset, _LOOKED_AT)):
        absent = [name for name in absent if name not in told]
    return absent


def described(name: str) -> str:
    """Return a fact with its form, for messages: ```size` ([width, height])``."""
    return f"`{name}` ({known()[name].form})" if name in known() else f"`{name}`"
