"""Taking the answer out of what a model wrote: named, versioned steps that compose, each with "unparsed" as an outcome.

A step maps text to text, or to None where it finds nothing it can stand for. It may look at the facts of the sample,
such as its ``choices``. ``chain`` composes steps by name; names carry their version (``final_answer@2``), which goes
into the run record, so that stored responses can be scored again without the model. What a task reads goes through
:func:`reading`: through ``clean`` first, whatever steps the suite names. The readers themselves stand in
:mod:`harness.reading`; a version that a record may name is never changed.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, Protocol

from harness.errors import UsageError, did_you_mean
from harness.metrics import _steps_v1
from harness.reading.boxes import read_places
from harness.reading.choices import read_choice
from harness.reading.clean import strip_thinking, visible
from harness.reading.json import fences, read_json
from harness.reading.stated import final_answer
from harness.reading.timed import read_answer
from harness.reading.yes_no import read_yes_no

CLEAN: Final = "clean"
"""The step that every task begins with."""
_NO_FACTS: Final[Mapping[str, Any]] = {}
_ROLE: Final = re.compile(r":\w{1,9}:`~?([^`]{1,99})`")
"""A link in a docstring."""


class Step(Protocol):
    """Takes an answer out of a text; may look at the facts of the sample."""

    def __call__(self, text: str, facts: Mapping[str, Any] = ..., /) -> str | None: ...


def clean(text: str) -> str | None:
    r"""Return what can be seen of an answer, without its thinking and the marks of chat templates.

    None where the thinking never ends: the answer was not reached.

    >>> clean("\ufeff<think>41? no</think> 42<|im_end|>"), clean("<think>41? no")
    ('42', None)
    """
    return strip_thinking(visible(text))


def code_fence(text: str) -> str | None:
    r"""Return the content of the last fenced block, or the text where there is none.

    >>> code_fence("Here:\n```json\n[1, 2]\n```"), code_fence("```json [1]```"), code_fence("no fence")
    ('[1, 2]', '[1]', 'no fence')
    """
    blocks = [body for _, body in fences(text)]
    return (blocks[-1] if blocks else text.strip()) or None


def json_in_prose(text: str) -> str | None:
    """Return the JSON in the text, as it stands or with its slips mended; None where there is none, or several compete.

    >>> json_in_prose('The table {is} {"a": [1]} there'), json_in_prose("{'a': None,}"), json_in_prose("none")
    ('{"a": [1]}', '{"a": null}', None)
    """
    reading = read_json(text)
    if not isinstance(reading.value, dict | list):
        return None
    return reading.found[0].text if "mended" not in reading.why else json.dumps(reading.value, ensure_ascii=False)


def first_line(text: str) -> str | None:
    r"""Return the first line that is not blank.

    >>> first_line("\n red \nbecause")
    'red'
    """
    return next((line.strip() for line in text.splitlines() if line.strip()), None)


def choice_letter(text: str, options: Sequence[str] = ()) -> str | None:
    """Return the letter of a multiple-choice answer, as :func:`harness.reading.choices.read_choice` reads it.

    None where it leaves the letter open. ``options`` are the sample's ``choices``, where it has them.

    >>> [choice_letter(text) for text in ("B", "B is correct (see option A)", "(A) or (B)")]
    ['B', 'B', None]
    >>> choice_letter("the red one", ["blue", "red"])
    'B'
    """
    return read_choice(text, options).value


def yes_no(text: str, options: Sequence[str] = ()) -> str | None:
    """Return "yes" or "no", as :func:`harness.reading.yes_no.read_yes_no` reads it; None where it is left open.

    >>> yes_no("I see no dog, so the answer is yes."), yes_no("yes or no")
    ('yes', None)
    """
    return read_yes_no(text, options).value


def boxes(text: str) -> str | None:
    """Return the boxes in the text, four numbers a line, in the order in which they stand; None where there is none.

    One that says its order or frame itself keeps what says it.

    >>> boxes("<box>(10,20),(30,40)</box>"), boxes('{"box_2d": [20, 10, 40, 30]}')
    ('10, 20, 30, 40', '"box_2d": [20.0, 10.0, 40.0, 30.0]')
    """
    found = read_places(text).found
    lines = [
        one.text if place.stated else ", ".join(f"{side:.12g}" for side in place.box)
        for one in found
        for place in one.value
    ]
    return "\n".join(lines) or None


def temporal_answer(text: str) -> str | None:
    """Return the words of a structured answer about a clip, other text as it stands; None where it has no words.

    >>> temporal_answer('{"answer": "B", "spans": [[0, 4]]}'), temporal_answer("B"), temporal_answer("[[0, 4]]")
    ('B', 'B', None)
    """
    return read_answer(text).answer


def _of_text(read: Callable[[str], str | None]) -> Step:
    """Return a step that looks at the text alone."""

    @wraps(read)
    def step(text: str, facts: Mapping[str, Any] = _NO_FACTS, /) -> str | None:
        return read(text)

    return step


def _of_options(read: Callable[[str, Sequence[str]], str | None]) -> Step:
    """Return a step that looks at the options of the question as well."""

    @wraps(read)
    def step(text: str, facts: Mapping[str, Any] = _NO_FACTS, /) -> str | None:
        return read(text, facts.get("choices") or ())

    return step


_STEPS: Final[Mapping[str, Step]] = {
    "boxes@2": _of_text(boxes),
    "choice_letter@2": _of_options(choice_letter),
    "clean@1": _of_text(clean),
    "code_fence@2": _of_text(code_fence),
    "final_answer@2": _of_text(final_answer),
    "first_line@1": _of_text(first_line),
    "json_in_prose@2": _of_text(json_in_prose),
    "strip_thinking@2": _of_text(strip_thinking),
    "temporal_answer@2": _of_text(temporal_answer),
    "yes_no@2": _of_options(yes_no),
    **{name: _of_text(read) for name, read in _steps_v1.STEPS.items()},
}


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps, one after the other; None, unparsed, as soon as one finds nothing."""

    names: tuple[str, ...]
    """With their versions."""

    def __call__(self, text: str, facts: Mapping[str, Any] = _NO_FACTS, /) -> str | None:
        """Return the answer that the steps take out of a text about a sample with these facts."""
        return self._run(self.names, text, facts)

    def cleaned(self, text: str) -> str | None:
        """Return what a metric that wants the whole answer sees: all of it, but for what cleaning takes away.

        Under steps of a record that was made before ``clean`` was one, that is the text as it stands.
        """
        return self._run([name for name in self.names[:1] if name.startswith(f"{CLEAN}@")], text, _NO_FACTS)

    def both(self, text: str, facts: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """Return what :meth:`cleaned` and the chain itself make of a text, the first step taken once."""
        cleaned = self.cleaned(text)
        if not self.names or not self.names[0].startswith(f"{CLEAN}@"):
            return cleaned, self(text, facts)
        return cleaned, None if cleaned is None else self._run(self.names[1:], cleaned, facts)

    def trace(self, text: str, facts: Mapping[str, Any] = _NO_FACTS, /) -> Iterator[tuple[str, str | None]]:
        """Yield each step with what it leaves of the text; the last is the first that finds nothing.

        >>> list(chain(["clean", "yes_no", "first_line"]).trace("<think>hm</think>perhaps"))
        [('clean@1', 'perhaps'), ('yes_no@2', None)]
        """
        return self._walk(self.names, text, facts)

    @staticmethod
    def _walk(names: Sequence[str], text: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
        answer: str | None = text
        for name in names:
            if answer is None:
                return
            answer = _STEPS[name](answer, facts)
            yield name, answer

    @staticmethod
    def _run(names: Sequence[str], text: str, facts: Mapping[str, Any]) -> str | None:
        answer: str | None = text
        for name in names:
            if answer is None:
                break
            answer = _STEPS[name](answer, facts)
        return answer


def steps() -> list[str]:
    """Return the names of all steps, with their versions."""
    return sorted(_STEPS)


def summary(name: str) -> str:
    """Return what a step does, in a sentence.

    >>> summary("first_line"), summary("yes_no@1")
    ('Return the first line that is not blank.', 'As yes_no was before yes_no@2, for records that name it.')
    """
    known, newest = resolve(name), resolve(name.partition("@")[0])
    if known != newest:
        return f"As {newest.partition('@')[0]} was before {newest}, for records that name it."
    return _ROLE.sub(r"\1", (_STEPS[known].__doc__ or "").strip().partition("\n")[0])


def chain(names: Sequence[str]) -> Chain:
    """Compose steps by name; one without a version means the newest.

    The result is None (unparsed) as soon as one step finds nothing.

    Raises:
        UsageError: if a step is unknown, with the nearest name.

    >>> chain(["strip_thinking", "final_answer"])("<think>hm</think>Final answer: 42")
    '42'
    >>> chain(["choice_letter"])("red", {"choices": ["blue", "red"]})
    'B'
    """
    return Chain(tuple(map(resolve, names)))


def reading(names: Sequence[str]) -> Chain:
    """Compose the steps of a suite as a task applies them: behind ``clean``.

    >>> reading(["choice_letter@1"]).names
    ('clean@1', 'choice_letter@1')
    """
    return chain(resolved(names))


def resolved(names: Sequence[str]) -> list[str]:
    """Return the steps of a suite with their versions, ``clean`` in front: what a record says.

    >>> resolved(["clean", "yes_no"])
    ['clean@1', 'yes_no@2']
    """
    found = [resolve(name) for name in names]
    return found if found[:1] == [resolve(CLEAN)] else [resolve(CLEAN), *found]


def resolve(name: str) -> str:
    """Return the name of a step with its version.

    Raises:
        UsageError: if there is no such step, or this version of it is no longer here.

    >>> resolve("yes_no"), resolve("yes_no@1")
    ('yes_no@2', 'yes_no@1')
    """
    if name in _STEPS:
        return name
    if name in _steps_v1.GONE:
        newest = resolve(name.partition("@")[0])
        raise UsageError(
            f"the extraction step {name} is no longer here; {newest} {_steps_v1.GONE[name]}. Score them with it by "
            f"--extract {newest}, or score the record with the version of harness that wrote it"
        )
    versions = [known for known in _STEPS if known.split("@")[0] == name]
    if not versions:
        bare = {known.split("@")[0] for known in _STEPS}
        raise UsageError(f"unknown extraction step {name!r}; {did_you_mean(name, bare)}")
    return max(versions, key=lambda known: int(known.split("@")[1]))
