"""Whether an answer says yes or no, in the languages that models answer in."""

import re
from collections.abc import Sequence
from typing import Final

from harness.reading.clean import narrow, visible
from harness.reading.found import Found, Reading, agreed, nothing
from harness.reading.stated import statements

_ENGLISH: Final = {"yes": "yes", "no": "no"}
"""Count wherever they stand."""
_FIRST: Final = {
    "yeah": "yes", "yep": "yes", "yup": "yes", "ja": "yes", "jawohl": "yes", "oui": "yes", "sí": "yes", "sì": "yes",
    "nope": "no", "nein": "no",
}  # fmt: skip
"""Count as the first word."""
_ALONE: Final = {"y": "yes", "n": "no", "si": "yes", "sim": "yes", "non": "no", "não": "no", "nao": "no"}
"""Count as the first word where a mark follows or nothing: "sim card", "non lo so" and "não sei" say neither."""
_INITIALS: Final = frozenset("yn")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_MARK: Final = re.compile(r"\s{0,3}(?:[.,;:!)\]*\"”»–—\n]|-\s|\Z)")
_UNSURE: Final = re.compile(
    r"no\s{1,2}(?:idea|clue|s[ée]\b|lo\s{1,2}s[ée]\b|answer\b|information\b|estoy\s{1,2}segur|way\s{1,2}(?:to\s|of\s))",
    re.IGNORECASE,
)
_BOTH: Final = re.compile(
    r"\W{0,4}(yes|no|ja|nein|oui|non|sí|sì|si|sim|não)\s{0,2}(?:/|,?\s{0,2}\b(?:or|oder|ou|o|and|und|et|y|e)\b)\s{0,2}"
    r"(yes|no|ja|nein|oui|non|sí|sì|si|sim|não)\b",
    re.IGNORECASE,
)
_ASKED: Final = re.compile(r"\s?[:?？]\s{0,9}(?=\w)")
"""Behind "yes or no": a question, which the answer repeats."""
_IDIOM: Final = re.compile(
    r"\W{0,4}no(?:\s{1,2}(?:problema?|doubt|wonder|worries|matter|need\s{1,2}to|longer|more\s{1,2}than|less\s{1,2}than|"
    r"fewer\s{1,2}than|sooner|pasa\s{1,2}nada|hay\s{1,2}de\s{1,2}qu[ée]|hay\s{1,2}duda)\b|[.°º]?\s{0,2}\d)|"
    r"\W{0,4}(?:没|沒)(?:问题|問題|关系|關係|事)|\W{0,4}不(?:客气|客氣|用谢)",
    re.IGNORECASE,
)
"""A "no" that denies nothing where more follows: "no problem", "no doubt", "No. 5"."""
_CJK_BOTH: Final = re.compile(
    r"\W{0,4}(?:(?:是|有|对|對|はい)(?:或者?|还是|還是|/|か、?)(?:否|不是|没有|沒有|不对|不對|いいえ)|"
    r"(?:否|不是|没有|沒有|いいえ)(?:或者?|还是|還是|/|か、?)(?:是|有|对|對|はい))"
)
_ALONE_IN: Final = re.compile(r"[\n.!?,;。！？、]+")
_CJK_UNSURE: Final = re.compile(
    r"不(?:确定|確定|知道|清楚|明|一定|好说)|是否|是不是|有没有|有沒有|对不起|對不起|有可能|没法|無法"
)
_CJK: Final = re.compile(
    r"(?P<no>不是|不存在|不在|不对|不對|否|没有|沒有|没|沒|不(?=\W|\Z)|いいえ|いえ|いや(?=\W|\Z))|"
    r"(?P<yes>是的?|对的?|對的?|有|存在|はい|ええ|うん(?=\W|\Z))"
)
_MOST: Final = 5000
"""Characters in which a second word is looked for."""
_EDGES: Final = " \t\r\n\"'“”‘’«»*_`([{<$.。"


def read_yes_no(text: str, options: Sequence[str] = ()) -> Reading[str]:
    """Return "yes" or "no" where the answer says one of them, nothing where it says neither, and where it says both.

    What is stated ("the answer is no") counts first, then the first word, in English, German, French, Spanish,
    Portuguese, Italian, Chinese or Japanese, then the only one of the English two that occurs. "y" and "n" count
    alone. A refusal, an empty answer and "not sure" say neither. "True" and "false" count where the options say so.

    >>> [read_yes_no(text).value for text in ("Yes, there is no doubt", "There is no dog", "I am not sure", "")]
    ['yes', 'no', None, None]
    >>> read_yes_no("Nein, kein Hund.").value, read_yes_no("没有。").value, read_yes_no("yes or no").value
    ('no', 'no', None)
    >>> read_yes_no("True").value, read_yes_no("True", ["True", "False"]).value
    (None, 'yes')
    """
    text = narrow(visible(text))
    truths = {word.casefold().strip(_EDGES) for word in options} == {"true", "false"}
    for one in reversed(statements(text)):
        said = _first(one.value, truths) if one.value else None
        if said is not None and (said.value or said.found):
            return Reading(said.value, f"{one.why}: {said.why}", said.found)
    idiom = _IDIOM.match(text)
    if idiom and (idiom[0][-1].isdigit() or _WORD.search(text, idiom.end())):
        text = " " * idiom.end() + text[idiom.end() :]
    return _not_taken_back(text, _first(text, truths) or _occurring(text))


def _not_taken_back(text: str, said: Reading[str]) -> Reading[str]:
    r"""Return a reading; where the other stands alone in a line or sentence, they compete: "Yes\n\nNo"."""
    at = 0
    for part in _ALONE_IN.split(text[:_MOST]) if said.value else ():
        words = _WORD.findall(part)
        value = _of_word(words[0]) if len(words) == 1 else None
        at = text.index(part, at) + len(part)
        if value is not None and value != said.value:
            return agreed([*said.found, Found(value, words[0], text.rindex(words[0], 0, at), "alone")], "")
    return said


def _first(text: str, truths: bool) -> Reading[str] | None:
    """Read what an answer begins with; None where that is neither, nothing where it says that it does not know."""
    both = _BOTH.match(text)
    if both and _ASKED.match(text, both.end()):
        return _first(text[both.end() :], truths)
    if both:
        found = [Found(_of_word(both[group]) or "", both[group], both.start(group), "one of two") for group in (1, 2)]
        return agreed(found, "neither yes nor no")
    start = len(text) - len(text.lstrip(_EDGES))
    if _CJK_BOTH.match(text):
        return nothing("it says both")
    if _CJK_UNSURE.match(text, start) or _UNSURE.match(text, start):
        return nothing("it says that it does not know")
    cjk = _CJK.match(text, start)
    if cjk:
        return agreed([Found(cjk.lastgroup or "", cjk[0], start, "the first word")], "")
    word = _WORD.search(text)
    if word is None:
        return None
    value = _said(
        word[0].casefold(), truths, bool(_MARK.match(text, word.end())), _WORD.search(text, word.end()) is None
    )
    return agreed([Found(value, word[0], word.start(), "the first word")], "") if value else None


def _said(word: str, truths: bool, marked: bool, only: bool) -> str | None:
    if word in _INITIALS:
        return _ALONE[word] if only else None
    if truths and word in ("true", "false"):
        return "yes" if word == "true" else "no"
    return _ENGLISH.get(word) or _FIRST.get(word) or (_ALONE.get(word) if marked else None)


def _of_word(word: str) -> str | None:
    word = word.casefold()
    return _ENGLISH.get(word) or _FIRST.get(word) or (None if word in _INITIALS else _ALONE.get(word))


def _occurring(text: str) -> Reading[str]:
    words = [(word, word[0].casefold()) for word in _WORD.finditer(text)]
    found = [Found(said, word[0], word.start(), "the only one") for word, said in words if said in _ENGLISH]
    return agreed(found, "neither yes nor no")
