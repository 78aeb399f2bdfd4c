"""JSON with the slips that models make: Python's words and quotes, comments, a comma too many. Nothing is made up."""

import re
from typing import Any, Final

from harness.types import JSON

_SPACE: Final = re.compile(r"\s*+")
# Bounded: a comment that is never closed must not be looked for to the end of the text.
_COMMENT: Final = re.compile(r"//[^\n]{0,2000}|#[^\n]{0,2000}|/\*(?:[^*]|\*(?!/)){0,2000}\*/")
_NUMBER: Final = re.compile(r"[-+]?(?:(?:0|[1-9]\d*+)(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d{1,4})?(?![\w.])", re.ASCII)
_STANDARD_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][-+]?\d{1,4})?", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z_$][\w$]{0,200}", re.ASCII)
_QUOTES: Final = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019"}
_INSIDE: Final = {opening: re.compile(rf"(?:[^{closing}\\]|\\.)*+", re.DOTALL) for opening, closing in _QUOTES.items()}
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(\r?\n|.))", re.DOTALL)
_ESCAPED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "\n": "", "\r\n": ""}
_WORDS: Final = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_BRACKETS: Final = {"{": "}", "[": "]", "(": ")"}
_NOT_NUMBERS: Final = frozenset({"NaN", "nan", "Infinity", "inf"})


class BrokenJSONError(ValueError):
    """What begins as JSON can't be read to its end."""

    def __init__(self, said: str, at: int, *, within_object: bool = False, seen: int | None = None) -> None:
        super().__init__(said)
        self.at = at
        """The character at which it breaks."""
        self.within_object = within_object
        """Whether it broke inside an object that had a quoted key: prose doesn't look like that."""
        self.seen = at if seen is None else seen
        """How far the text was looked at."""


def read_loosely(text: str, at: int, deepest: int) -> tuple[JSON, int, tuple[str, ...]]:
    """Return the value that begins at a character, the character behind it, and what was mended, in words.

    Mended are single and curly quotes, keys without quotes, Python's ``True``, ``False``, ``None`` and tuples,
    comments, a comma before a closing bracket, line breaks inside a text, and numbers written "+5", ".5" or "5.". A
    bracket or quote that is missing is not: what it held is anybody's guess. Nor are ``NaN``, ``1e400`` and keys that
    occur twice.

    Raises:
        BrokenJSONError: if it can't be read.

    >>> read_loosely("{'a': True,} ...", 0, 9)
    ({'a': True}, 12, ('single quotes', "Python's words", 'a comma before a bracket'))
    """
    reader = _Reader(text, at)
    value = reader.value(deepest)
    return value, reader.at, tuple(reader.mended)


class _Reader:
    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.mended: dict[str, None] = {}
        self._objects = 0

    def value(self, deepest: int) -> JSON:
        sign = self.text[self.at : self.at + 1]
        if sign in _BRACKETS and sign:
            if not deepest:
                raise self._broken("too many levels")
            return self._object(deepest) if sign == "{" else self._list(deepest)
        if sign in _QUOTES and sign:
            return self._string()
        number = _NUMBER.match(self.text, self.at)
        return self._number(number) if number else self._word()

    def _list(self, deepest: int) -> JSON:
        closing = _BRACKETS[self.text[self.at]]
        if closing == ")":
            self._mend("Python's tuples")
        self._step()
        items: list[JSON] = []
        while self.text[self.at : self.at + 1] != closing:
            items.append(self.value(deepest - 1))
            self._next(closing)
        self.at += 1
        return items

    def _object(self, deepest: int) -> JSON:
        self._step()
        found: dict[str, JSON] = {}
        objects = self._objects
        while self.text[self.at : self.at + 1] != "}":
            quoted = self.text[self.at : self.at + 1] in _QUOTES
            key = self._string() if quoted else self._bare_key()
            self._skip()
            if self.text[self.at : self.at + 1] != ":":
                raise self._broken("a colon is missing")
            self._objects += quoted
            if key in found:
                raise self._broken(f"the key {key[:40]!r} occurs twice in one object")
            self._step()
            found[key] = self.value(deepest - 1)
            self._next("}")
        self.at += 1
        self._objects = objects
        return found

    def _next(self, closing: str) -> None:
        """Go to the next item, or to the bracket that closes."""
        self._skip()
        sign = self.text[self.at : self.at + 1]
        if sign == ",":
            self._step()
            if self.text[self.at : self.at + 1] == closing:
                self._mend("a comma before a bracket")
        elif sign != closing:
            raise self._broken("a comma or bracket is missing" if sign else "it ends before its brackets are closed")

    def _step(self) -> None:
        self.at += 1
        self._skip()

    def _skip(self) -> None:
        while True:
            space = _SPACE.match(self.text, self.at)
            self.at = space.end() if space else self.at
            comment = _COMMENT.match(self.text, self.at)
            if comment is None:
                if self.text.startswith("/*", self.at):
                    raise self._broken("a comment never ends", seen=self.at + 4000)
                return
            self._mend("comments")
            self.at = comment.end()

    def _bare_key(self) -> str:
        word = _WORD.match(self.text, self.at)
        if word is None:
            raise self._broken("a key is missing")
        self._mend("keys without quotes")
        self.at = word.end()
        return word[0]

    def _string(self) -> str:
        opening = self.text[self.at]
        inside = _INSIDE[opening].match(self.text, self.at + 1)
        end = inside.end() if inside else self.at + 1
        if end >= len(self.text):
            raise self._broken("a quote is missing", seen=len(self.text))
        raw = self.text[self.at + 1 : end]
        if opening != '"':
            self._mend("single quotes" if opening == "'" else "curly quotes")
        if "\n" in raw:
            self._mend("line breaks inside a text")
        self.at = end + 1
        try:
            # Halves of a pair that were escaped one by one become one character; a half alone is an error.
            return _ESCAPE.sub(_character, raw).encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeError:
            raise self._broken("half a surrogate pair") from None

    def _number(self, number: re.Match[str]) -> JSON:
        written = number[0]
        if not _STANDARD_NUMBER.fullmatch(written):
            self._mend(f"the number {written:.20}")
        value = float(written)
        if value in (float("inf"), float("-inf")):
            raise self._broken(f"{written:.40} is beyond the range of a double", seen=number.end())
        self.at = number.end()
        return int(written) if written.lstrip("+-").isdigit() else value

    def _word(self) -> Any:
        word = _WORD.match(self.text, self.at)
        if word is None or word[0] not in _WORDS:
            told = f"{word[0]} is not JSON" if word and word[0] in _NOT_NUMBERS else "a value is missing"
            raise self._broken(told)
        if word[0][0].isupper():
            self._mend("Python's words")
        self.at = word.end()
        return _WORDS[word[0]]

    def _mend(self, what: str) -> None:
        self.mended[what] = None

    def _broken(self, said: str, seen: int | None = None) -> BrokenJSONError:
        return BrokenJSONError(said, self.at, within_object=self._objects > 0, seen=seen)


def _character(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    return _ESCAPED.get(escape[2], escape[2])
