r"""What an answer states, as against what it mentions: after "the answer is", in a box, between ``<answer>`` tags.

Statements have ranks. What a text calls final (a tag, ``\boxed{}``, "final answer", "####") stands above "the answer
is", and that above a last line in bold; of one rank the last one counts. "Wait" and its like between two statements
take the earlier back, whatever its rank. "The answer is 5 or the answer is 6" states nothing: the two compete.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.reading.clean import narrow, visible
from harness.reading.found import Found, Reading, nothing
from harness.reading.lazily import lazily

# Every repetition is bounded or cannot overlap its neighbours: a megabyte of anything stays linear.
_IS: Final = (
    r"\s{1,3}(?:is|are|was|(?:should|would|must|will)\s{1,2}be|(?:seems|appears)\s{1,2}to\s{1,2}be)\b"
    r"(?:\s{1,3}(?:therefore|thus|hence|then|most\s{1,2}likely|probably|likely|clearly|simply)\b,?)?"
    r"(?:\s{1,3}as\s{1,3}follows\b)?(?![ ]{1,3}(?:not|given|found|shown|provided|derived|visible|based|correct|"
    r"incorrect|wrong|in\s{1,2}(?:the|this)\s{1,2}(?:chart|image|picture|table|figure|graph|plot|text|document|photo))\b)"
)
_MARK: Final = r"[*_]{0,3}\s{0,3}[:=]"
_ENGLISH: Final = (
    r"(?:(?P<{0}>\bfinal\s{{1,2}})answers?|\banswers?|\bans|\b(?:correct|right|best)\s{{1,2}}(?:option|choice)|"
    r"\bmy\s{{1,2}}(?:final\s{{1,2}})?(?:choice|pick|guess))\b"
    r"(?:\s{{1,2}}(?:option|choice|letter)\b)?(?:\s{{1,2}}to\s{{1,2}}(?:the|this|your)\s{{1,2}}question\b)?"
    r"(?:\s?\([^()\n]{{0,30}}\))?"
)
_LANGUAGES: Final = (
    # final answer, answer, is
    ("en", "", "", ""),
    ("de", r"(?:endgültige|finale|abschließende)\s{1,2}antwort|endergebnis", r"antwort|lösung", "ist|lautet|wäre|sind"),
    ("fr", r"r[ée]ponse\s{1,2}(?:finale|définitive)", r"r[ée]ponse(?:\s{1,2}(?:correcte|exacte|juste))?", "est|serait"),
    ("es", r"respuesta\s{1,2}(?:final|definitiva)", r"respuesta(?:\s{1,2}(?:correcta|adecuada))?", "es|sería"),
    ("pt", r"resposta\s{1,2}(?:final|definitiva)", r"resposta(?:\s{1,2}(?:correta|certa))?|gabarito", "é|seria"),
    ("it", r"risposta\s{1,2}(?:finale|definitiva)", r"risposta(?:\s{1,2}(?:corretta|giusta|esatta))?", "è|e'|sarebbe"),
)  # fmt: skip


def _western(language: str, final: str, answer: str, is_: str) -> str:
    if language == "en":
        return _ENGLISH.format("en") + f"(?:{_MARK}|[*_]{{0,3}}{_IS})"
    link = rf"{_MARK}|[*_]{{0,3}}\s{{1,3}}(?:{is_})(?!\w)(?!\s{{1,3}}nicht\b)"
    return rf"\b(?:(?P<{language}>{final})|{answer})\b(?:{link})"


_CHINESE: Final = (
    r"(?:(?P<zh>最[终終后後]的?(?:答案|结果|結果))|(?:(?:正确|正確|标准)的?)?答案|正[确確](?:选项|選項))"
    r"(?:应该|應該|应|應|就)?(?:[是为為选選]\s{0,2}:?|\s{0,2}[:=])"
)
_JAPANESE: Final = (
    r"(?:(?P<ja>最終(?:的な)?(?:答え|回答|解答))|(?:正しい)?(?:答え|回答|解答|正解))(?:は\s{0,2}、?:?|\s{0,2}[:=])"
)
_BRACKETED: Final = r"[【［]\s?(?:正[確确]|[參参]考|最[終终])?(?:答案|解答|回答|正解)\s?[】］]\s?:?"
_DIALOGUE: Final = r"^(?:Q|Question)\s?:[^\n]{0,500}\n{1,3}A\s?:"
_FINALLY: Final = r"(?:^|(?<=[.!?]\s))[*_]{0,3}Final[*_]{0,3}\s?:"
_MARKS_ALONE: Final = (_BRACKETED, _DIALOGUE, _FINALLY)
_HEADING: Final = r"^[#*_ ]{1,8}(?P<head>final\s)?answer[*_ ]{0,4}$"
_HASHES: Final = r"(?<!#)(?P<hashes>####)(?!#)(?!\s{0,3}(?:the\s)?(?:final\s)?answer)(?=[^\n]{0,200}\s*\Z)"
"""Of GSM8K's last line; elsewhere they are a heading."""
_MARKER: Final = lazily(
    "|".join(
        (
            *(_western(*words) for words in _LANGUAGES),
            _HEADING,
            _HASHES,
            _CHINESE,
            _JAPANESE,
            _BRACKETED,
            _DIALOGUE,
            _FINALLY,
        )
    ),
    re.IGNORECASE | re.MULTILINE,
)
_FINAL: Final = ("en", "de", "fr", "es", "pt", "it", "head", "hashes", "zh", "ja")
_TAG: Final = lazily(
    r"<(?P<close>/?)(?:answer|final(?:[_ -]answer)?|conclusion|response|solution)>|"
    r"\[(?P<shut>/?)(?-i:(?:FINAL )?ANSWER|RESPONSE)\]|"
    r"<\|(?:begin|(?P<end>end))_of_(?:box|solution)\|>",
    re.IGNORECASE,
)
_BOX: Final = lazily(r"\\f?boxed\s?\{")
_BOXES: Final = 50
"""Boxes, and statements of any kind, that are looked at from the end of a text."""
_CORRECTION: Final = lazily(
    r"\b(?:wait|actually|correction|sorry|hold on|on second thoughts?|let me re\w{0,12}|scratch that|my mistake)\b",
    re.IGNORECASE,
)
_OR: Final = lazily(r"(?:\b(?:or|oder|ou)\s{1,3}(?:(?:the|die|la)\s{1,3})?|或者?|または)\Z", re.IGNORECASE)
_LEAD: Final = lazily(r"[\s:=：＝*_]*")
_KEPT_WHOLE: Final = lazily(r"[{\[]|```|[-•]\s|[^\n|]{0,200}\|")
_SENTENCE: Final = lazily(r"[.!?](?=[\"'’”)\]*]{0,3}\s{1,3}[^\Wa-z_]|[\"'’”)\]*]{0,3}\s{1,3}[\"'(*])|[。！？]")
_LAST_WORD: Final = lazily(r"[\w.]{1,30}\Z")
_REASON: Final = lazily(
    r"[,;，、]?\s{0,2}(?:\b(?:because|weil|parce\s{1,2}que|porque|perch[ée])\b|因[为為]|なぜなら)", re.IGNORECASE
)
_SHORT: Final = "mr mrs ms dr prof st vs no fig approx ca al etc jr sr inc mt nr bzw sra dott"
_ABBREVIATED: Final = frozenset(_SHORT.split())
_EMPHASIS: Final = lazily(r"\*\*([^*\n]{1,500})\*\*|(?<!\w)\*\*|\*\*(?!\w)")
_PAIRS: Final = (('"', '"'), ("“", "”"), ("«", "»"), ("„", "“"), ("「", "」"), ("`", "`"), ("$", "$"), (r"\(", r"\)"))
_TEXT_COMMAND: Final = lazily(r"\\(?:text|textbf|mathrm|mathbf|textit)\{([^{}]{0,500})\}")
_COPULA: Final = lazily(r"\s{0,2}(?:です|である|となります|になります|だ)\Z")
_BOLD_LINE: Final = lazily(r"\*\*([^*\n]{1,300})\*\*[.。]?\Z")


@dataclass(frozen=True, slots=True)
class _Mark:
    rank: int
    start: int
    after: int
    """Where what is stated begins."""
    end: int | None
    """Where it ends, where the mark says so."""
    why: str


def read_stated(text: str) -> Reading[str]:
    r"""Return what the answer states; nothing where it states nothing, and where two statements compete.

    >>> read_stated("41 + 1, so the answer is 42.").value, read_stated("La réponse est : **B**").value
    ('42', 'B')
    >>> read_stated("The answer is 5. Final answer: 6. That is the answer: easy.").value
    '6'
    >>> read_stated("blue").why
    'no answer is marked as such'
    """
    found = statements(text)
    if not found:
        return nothing("no answer is marked as such")
    if len(found) > 1 and _compete(text, found):
        return Reading(None, f"2 statements compete: {found[-2].value!r:.40}, {found[-1].value!r:.40}", found[-2:])
    if not found[-1].value:
        return nothing(f"nothing stands {found[-1].why}")
    return Reading(found[-1].value, found[-1].why, found)


def final_answer(text: str) -> str | None:
    r"""Return what the answer states, else all of it, without emphasis; None where statements compete or are empty.

    >>> final_answer("So the answer is:\n**42**"), final_answer("**blue**"), final_answer("The answer is:")
    ('42', 'blue', None)
    """
    found = read_stated(text)
    if found.value is not None:
        return found.value
    if found.found or found.why.startswith("nothing stands"):
        return None
    plain = visible(text).strip()
    return plain if "```" in plain else _LEAD.sub("", unmarked(plain), count=1).rstrip("* \t\n")


def statements(text: str) -> tuple[Found[str], ...]:
    """Return the statements of the highest rank that is there and was not taken back, in the order of the text.

    ``start`` is where what is stated begins in ``visible(text)``.
    """
    text = visible(text)
    marks = sorted(_marks(text), key=lambda mark: mark.start)
    marks = _not_taken_back(text, marks)
    top = max((mark.rank for mark in marks), default=0)
    marks = [mark for mark in marks if mark.rank == top][-_BOXES:]
    ends = [*(mark.start for mark in marks[1:]), len(text)]
    found = [_found(text, mark, end) for mark, end in zip(marks, ends, strict=False)]
    return tuple([one for one in found if one.value] or found[-1:])


def unmarked(text: str) -> str:
    """Return a text without Markdown's bold.

    >>> unmarked("**42** bars, 2**3")
    '42 bars, 2**3'
    """
    return _EMPHASIS.sub(lambda bold: bold[1] or "", text) if "**" in text else text


def _marks(text: str) -> Iterator[_Mark]:
    yield from _tagged(text)
    yield from _boxed(text)
    for match in _MARKER.finditer(narrow(text)):
        final = any(match[name] for name in _FINAL)
        yield _Mark(1 + final, match.start(), match.end(), None, f"after {match[0].strip()!r}")
    last = text.rstrip()[-400:]
    line = last.rpartition("\n")[2].strip()
    bold = _BOLD_LINE.match(line)
    if bold:
        start = len(text.rstrip()) - len(line) + bold.start(1)
        yield _Mark(0, start, start, start + len(bold[1]), "a last line in bold")


def _tagged(text: str) -> Iterator[_Mark]:
    """Yield what stands between tags; a tag that is never closed takes all that follows."""
    open_: re.Match[str] | None = None
    for tag in _TAG.finditer(text):
        if not (tag["close"] or tag["shut"] or tag["end"]):
            open_ = tag
        elif open_ is not None:
            yield _Mark(2, open_.start(), open_.end(), tag.start(), f"in {open_[0]}")
            open_ = None
    if open_ is not None:
        yield _Mark(2, open_.start(), open_.end(), len(text), f"after {open_[0]}")


def _boxed(text: str) -> Iterator[_Mark]:
    for box in list(_BOX.finditer(text))[-_BOXES:]:
        depth = 1
        for brace in re.finditer(r"[{}]", text[box.end() : box.end() + 5000]):
            depth += 1 if brace[0] == "{" else -1
            if not depth:
                yield _Mark(2, box.start(), box.end(), box.end() + brace.start(), "in a box")
                break


def _not_taken_back(text: str, marks: Sequence[_Mark]) -> list[_Mark]:
    """Return the statements after the last correction that stands between two of them."""
    for place in range(len(marks) - 1, max(0, len(marks) - _BOXES), -1):
        earlier, later = marks[place - 1], marks[place]
        if later.rank and _CORRECTION.search(text, earlier.after, later.start):
            return list(marks[place:])
    return list(marks)


def _compete(text: str, found: Sequence[Found[str]]) -> bool:
    """Say whether an "or" joins the last two of some statements."""
    one, other = found[-2:]
    if one.value == other.value:
        return False
    between = visible(text)[max(one.start, other.start - 60) : other.start]
    mark = _last_marker(between)
    return mark is not None and bool(_OR.search(between[: mark.start()]))


def _last_marker(text: str) -> re.Match[str] | None:
    found = None
    for found in _MARKER.finditer(narrow(text)):  # noqa: B007 - the last one is wanted
        pass
    return found


def _found(text: str, mark: _Mark, end: int) -> Found[str]:
    """Return a statement; ``end`` is where the next one begins."""
    if mark.end is not None:
        inner = text[mark.after : mark.end]
        marked = _last_marker(inner)
        value = _stated(inner, marked.end(), len(inner)) if marked else _tidy(inner)
        return Found(value, inner, mark.after, mark.why)
    value = _stated(text, mark.after, end)
    start = _LEAD.match(text, mark.after)
    begin = start.end() if start else mark.after
    return Found(value, text[begin : begin + 200].partition("\n")[0], begin, mark.why)


def _stated(text: str, start: int, end: int) -> str:
    """Return what is stated from ``start`` to ``end``: a sentence of its line; all that follows of a list or table."""
    lead = _LEAD.match(text, start)
    rest = _OR.sub("", text[lead.end() if lead else start : end]).rstrip()
    if _KEPT_WHOLE.match(rest):
        return unmarked(rest).strip() if not rest.startswith("```") else rest.strip()
    return _tidy(_first_sentence(rest.partition("\n")[0]))


def _first_sentence(line: str) -> str:
    reason = _REASON.search(line)
    if reason and line[: reason.start()].strip():
        line = line[: reason.start()]
    for stop in _SENTENCE.finditer(line):
        word = _LAST_WORD.search(line, max(0, stop.start() - 30), stop.start())
        shortened = word is not None and stop[0] == "." and _shortened(word[0])
        if not shortened:
            return line[: stop.end()]
    return line


def _shortened(word: str) -> bool:
    """Say whether a full stop after a word is part of it: an initial, an abbreviation."""
    return (len(word) == 1 and word.isalpha()) or word.lower() in _ABBREVIATED or bool(re.search(r"[^\W\d]\.", word))


def _tidy(value: str) -> str:
    """Return a stated value without what only dresses it: emphasis, quotes, dollar signs, its full stop."""
    value = unmarked(_LEAD.sub("", value, count=1)).strip().rstrip("*").rstrip()
    if value.endswith((".", "。")) and not re.search(r"[^\W\d]\.[^\W\d]\.\Z|\.\.\Z", value[-8:]):
        value = value[:-1].rstrip()
    value = _TEXT_COMMAND.sub(r"\1", _COPULA.sub("", value))
    for left, right in _PAIRS:
        inner = value[len(left) : -len(right)]
        if value.startswith(left) and value.endswith(right) and inner and left not in inner and right not in inner:
            value = inner.strip()
    return _LEAD.sub("", value, count=1)
