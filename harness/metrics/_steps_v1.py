"""Extraction steps as their first version was, for records that name them: nothing here is ever changed.

A run's answers can be scored again for years, and must then give the number that the run had.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from harness.metrics._text import words

_TAG: Final = re.compile(r"<(/?)(?:think|thinking|reasoning)>", re.IGNORECASE)
_MARKER: Final = re.compile(
    r"\banswer(?:\s{1,3}is)?\s{0,3}(?:\*\*)?\s{0,3}[:=]\s{0,3}(?:\*\*)?|"
    r"\bthe\s{1,3}(?:final\s{1,3})?answer\s{1,3}is\b\s{0,3}(?:\*\*)?|####",
    re.IGNORECASE,
)
_BOXED: Final = "\\boxed{"
_FENCE: Final = re.compile(r"```(.*?)```", re.DOTALL)
_LANGUAGE: Final = re.compile(r"[ \t]*[\w+-]*[ \t]*")
_MAX_ATTEMPTS: Final = 1000
"""Brackets that are tried as the start of JSON: a hostile text must not take quadratic time."""
_LETTER_MARKED: Final = re.compile(r"\(([A-Za-z])\)|\b(?i:option|choice)\s+([A-Za-z])\b")


def _strip_thinking(text: str) -> str | None:
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
            kept.clear()
        start = tag.end()
    if depth:
        return None
    return "".join([*kept, text[start:]]).strip() or None


def _final_answer(text: str) -> str | None:
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


def _code_fence(text: str) -> str | None:
    blocks = _FENCE.findall(text)
    if not blocks:
        return text.strip() or None
    first, newline, rest = blocks[-1].partition("\n")
    body = rest if newline and _LANGUAGE.fullmatch(first) else blocks[-1]
    return body.strip() or None


def _json_in_prose(text: str) -> str | None:
    decoder = json.JSONDecoder()
    for attempt, found in enumerate(re.finditer(r"[{\[]", text)):
        if attempt >= _MAX_ATTEMPTS:
            return None
        try:
            _, end = decoder.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            continue
        return text[found.start() : end]
    return None


def _choice_letter(text: str) -> str | None:
    stripped = text.strip()
    if re.fullmatch(r"[(\[]?[a-zA-Z][)\].:]?", stripped):
        return re.sub(r"[^a-zA-Z]", "", stripped).upper()
    marked = {(a or b).upper() for a, b in _LETTER_MARKED.findall(text)}
    if marked:
        return marked.pop() if len(marked) == 1 else None
    start = re.match(r"([A-Za-z])[).:](?:\s|$)", stripped)
    return start[1].upper() if start else None


def _yes_no(text: str) -> str | None:
    said = words(text)
    if said in (["y"], ["n"]):
        return {"y": "yes", "n": "no"}[said[0]]
    if said and said[0] in ("yes", "no"):
        return said[0]
    found = {word for word in said if word in ("yes", "no")}
    return found.pop() if len(found) == 1 else None


STEPS: Final[Mapping[str, Callable[[str], str | None]]] = {
    "choice_letter@1": _choice_letter,
    "code_fence@1": _code_fence,
    "final_answer@1": _final_answer,
    "json_in_prose@1": _json_in_prose,
    "strip_thinking@1": _strip_thinking,
    "yes_no@1": _yes_no,
}
GONE: Final[Mapping[str, str]] = {
    "boxes@1": "reads the order and frame that a text states, and no number beside a bracket as a side",
    "temporal_answer@1": "reads more keys of JSON, and JSON in prose",
}
"""Versions that stood on readers that are no longer here, and what the next one does."""
