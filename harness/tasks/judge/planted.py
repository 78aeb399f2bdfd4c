"""Answers whose truth is known, made of right ones: wrong in one thing, or the same in many words."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from harness.seeds import Stream
from harness.tasks.guard.corruptions import Facts, number_changed

_TRIES: Final = 12
_SOME: Final = 500
"""Samples whose right answers are wrong answers to others."""
_OPPOSITE: Final = {"yes": "no", "no": "yes", "true": "false", "false": "true"}
_LONG: Final = (
    "Looking closely at the picture, and after going through all of it with care, the answer comes out as {answer}",
    "Thank you for this interesting question! All in all, one can say with full confidence that the answer is {answer}",
    "Comparing several things in the picture, and checking the result a second time, the answer can only be {answer}",
)


_LONG_CAPTION: Final = (
    "Looking closely at the picture, from corner to corner, and taking all of it together, this is it: {answer}",
    "This is a picture of which one can say with confidence, having looked at it more than once: {answer}",
    "It is well worth taking the time to go through the whole picture with care, and what one finds there is: {answer}",
)


def longer(answer: str, stream: Stream, *, caption: bool = False) -> str:
    """Return an answer in many words that add nothing.

    >>> longer("41", Stream("doc")).endswith("41"), len(longer("41", Stream("doc")).split()) > 12
    (True, True)
    """
    return stream.choice(_LONG_CAPTION if caption else _LONG).format(answer=answer)


def others(rights: Iterable[str]) -> list[str]:
    """Return right answers to some questions, each once: they are wrong answers to others.

    >>> others(["red", "blue", "red", ""])
    ['blue', 'red']
    """
    return sorted({right for right in islice(rights, _SOME) if right})


def wrong_answer(
    right: str, evidence: str, others: Sequence[str], is_wrong: Callable[[str], bool], seed: tuple[str | int, ...]
) -> str | None:
    """Return a wrong answer that looks like the right one; None where none of those that were tried is wrong.

    Args:
        right: the right answer.
        evidence: what the image says: a number of it is not put in another's place.
        others: right answers to other questions.
        is_wrong: says whether an answer is wrong indeed: the metric of the task.
        seed: of the sample.

    >>> wrong_answer("yes", "", [], lambda text: text != "yes", ("doc",))
    'no'
    >>> wrong_answer("red", "", ["red", "blue"], lambda text: text != "red", ("doc",))
    'blue'
    """
    turned = _OPPOSITE.get(right.strip().casefold())
    if turned is not None and is_wrong(turned):
        return turned
    known = Facts(evidence, ())
    for attempt in range(_TRIES):
        changed = number_changed(right, known, Stream("planted", *seed, attempt))
        if changed is None:
            break
        if is_wrong(changed):
            return changed
    stream = Stream("planted", *seed, "other")
    alike = [other for other in others if other.strip().casefold() != right.strip().casefold()]
    return next((other for other in stream.shuffled(alike)[:_TRIES] if is_wrong(other)), None)
