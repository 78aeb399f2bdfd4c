"""Taking the answer out of what a model wrote: named, versioned steps that compose, each with "unparsed" as an outcome.

A step maps text to text, or to None where it finds nothing it can stand for. ``chain`` composes steps by
name; names carry their version (``final_answer@1``), which goes into the run record, so that stored
responses can be scored again without the model.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from harness.errors import UsageError, did_you_mean
from harness.metrics.yes_no import read_yes_no
from harness.reading.boxes import read_places
from harness.reading.json import fences, read_json
from harness.reading.timed import read_answer

Step = Callable[[str], str | None]

# Every repetition below is bounded or cannot overlap its neighbours: a megabyte of spaces must stay linear.
_TAG: Final = re.compile(r"<(/?)(?:think|thinking|reasoning)>", re.IGNORECASE)
_MARKER: Final = re.compile(
    r"\banswer(?:\s{1,3}is)?\s{0,3}(?:\*\*)?\s{0,3}[:=]\s{0,3}(?:\*\*)?|"
    r"\bthe\s{1,3}(?:final\s{1,3})?answer\s{1,3}is\b\s{0,3}(?:\*\*)?|####",
    re.IGNORECASE,
)
_BOXED: Final = "\\boxed{"
_LETTER_MARKED: Final = re.compile(r"\(([A-Za-z])\)|\b(?i:option|choice)\s+([A-Za-z])\b")


def strip_thinking(text: str) -> str | None:
    """Drop thinking blocks; None where a block never ends, since the answer was never reached.

    >>> strip_thinking("<think>41? no</think> 42"), strip_thinking("<think>41? no")
    ('42', None)
    """
    kept: list[str] = []
    depth = start = 0
    for tag in _TAG.finditer(text):
        if not depth:
            kept.append(text[start : tag.start()])
        if not tag[1]:
            depth += 1
        elif depth:
            depth -= 1
        else:
            # Some chat templates open the block in the prompt, so that only its end is in the answer.
            kept.clear()
        start = tag.end()
    if depth:
        return None
    return "".join([*kept, text[start:]]).strip() or None


def final_answer(text: str) -> str | None:
    r"""Return what follows the last "Final answer:", "The answer is", "####" or stands in ``\boxed{}``, else the text.

    >>> final_answer("41 + 1, so the answer is 42."), final_answer("Answer: red\n"), final_answer("blue")
    ('42.', 'red', 'blue')
    """
    boxed = _boxed(text)
    if boxed is not None:
        return boxed or None
    marks = list(_MARKER.finditer(text))
    rest = text[marks[-1].end() :] if marks else text
    return rest.strip().strip("*").strip() or None


def _boxed(text: str) -> str | None:
    start = text.rfind(_BOXED)
    if start < 0:
        return None
    depth = 1
    for at in range(start + len(_BOXED), len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if not depth:
            return text[start + len(_BOXED) : at].strip()
    return None


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


def choice_letter(text: str) -> str | None:
    """Return the letter of a multiple-choice answer: alone at the start, in brackets, or after "option".

    None where two different letters are marked.

    >>> [choice_letter(text) for text in ("B", "(b) red", "B. red", "It is option C", "A bar", "(A) or (B)")]
    ['B', 'B', 'B', 'C', None, None]
    """
    stripped = text.strip()
    if re.fullmatch(r"[(\[]?[a-zA-Z][)\].:]?", stripped):
        return re.sub(r"[^a-zA-Z]", "", stripped).upper()
    marked = {(a or b).upper() for a, b in _LETTER_MARKED.findall(text)}
    if marked:
        return marked.pop() if len(marked) == 1 else None
    start = re.match(r"([A-Za-z])[).:](?:\s|$)", stripped)
    return start[1].upper() if start else None


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


_STEPS: Final[Mapping[str, Step]] = {
    "boxes@2": boxes,
    "choice_letter@1": choice_letter,
    "code_fence@2": code_fence,
    "final_answer@1": final_answer,
    "first_line@1": first_line,
    "json_in_prose@2": json_in_prose,
    "strip_thinking@1": strip_thinking,
    "temporal_answer@2": temporal_answer,
    "yes_no@1": read_yes_no,
}


def steps() -> list[str]:
    """Return the names of all steps, with their versions."""
    return sorted(_STEPS)


def chain(names: Sequence[str]) -> Step:
    """Compose steps by name; one without a version means the newest.

    The result is None (unparsed) as soon as one step finds nothing.

    Raises:
        UsageError: if a step is unknown, with the nearest name.

    >>> chain(["strip_thinking", "final_answer"])("<think>hm</think>Final answer: 42")
    '42'
    """
    found = [_STEPS[resolve(name)] for name in names]

    def run(text: str) -> str | None:
        answer: str | None = text
        for step in found:
            if answer is None:
                return None
            answer = step(answer)
        return answer

    return run


def resolve(name: str) -> str:
    """Return the name of a step with its version.

    >>> resolve("yes_no")
    'yes_no@1'
    """
    if name in _STEPS:
        return name
    versions = [known for known in _STEPS if known.split("@")[0] == name]
    if not versions:
        bare = {known.split("@")[0] for known in _STEPS}
        raise UsageError(f"unknown extraction step {name!r}; {did_you_mean(name, bare)}")
    return max(versions, key=lambda known: int(known.split("@")[1]))
