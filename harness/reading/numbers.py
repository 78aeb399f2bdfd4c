"""Numbers as people write them, read exactly: ``$1,200``, ``3,5 Mio.``, ``(1,234)``; not what only looks like one."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Final

from harness.reading.found import Found, Reading, agreed, nothing
from harness.reading.number_forms import ALONE, BRACKETED, MENTIONS, POWER_OF_TEN, ends_a_name, written_out
from harness.reading.number_names import in_figures, named_in
from harness.reading.number_words import (
    FRACTION,
    MINUS,
    SPACE,
    exponent,
    fraction,
    has_decimal_comma,
    has_long_scale,
    language_of,
    myriads,
    one_script,
    plainly,
    raised,
    without_latex,
)

MAX_LENGTH: Final = 400
"""Nobody writes a longer number; reading one exactly would cost more than linear time."""

_NONZERO: Final = re.compile(r"[0.]*[1-9]")
SIMPLE: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
"""The commonest form, which ``float`` and :func:`number_alone` read alike; for loops that have no time for a call."""
EVERYDAY: Final = re.compile(r"-?(?:[1-9][0-9]{0,2}(?:,[0-9]{3}){1,4}|[0-9]{1,15})(?:\.[0-9]{1,15})?%?")
"""The next common forms, "1,200" and "62%": without commas and percent sign they are of the commonest."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text."""

    literal: str
    """Sign, digits, point and exponent, scale words applied, no separators; or a ratio such as ``1/3``."""
    percent: bool = False
    """True where a percent sign follows."""
    unit: str = ""
    """The unit that follows, as it is written; a currency is none."""

    @property
    def value(self) -> Fraction:
        """The exact value as written: 2 for ``2%``."""
        return Fraction(self.literal) if "/" in self.literal else Fraction(Decimal(self.literal))

    @property
    def approx(self) -> float:
        """The nearest double."""
        return float(self.value) if "/" in self.literal else float(self.literal)


def number_alone(text: str, locale: str | None = None) -> Reading[Number]:
    r"""Read a text all of which is one number, with the words and signs that people put beside it.

    Read: digits of any one script; a sign (hyphen, minus or en dash) or brackets as bookkeepers have them; groups of
    three with commas, points, spaces or apostrophes, and Indian groups; a decimal point or comma; an exponent; "½";
    scale words and letters ("3.5 million", "3,5 Mio.", "$5M", "3万"); a percent sign or word; a currency, a unit,
    "about" or "~"; a full stop at the end; a sign in words ("minus 5", "负5"); powers of ten ("3 × 10^5"); signs of
    LaTeX around and within it ("12\%"). Not read: ``nan``, ``inf``, ``1_000``, numbers beyond the range of a double
    (``1e400``) or of more than 400 characters.

    Some forms can be two numbers, and a rule decides: a comma before three digits parts thousands ("1,234" is 1234),
    and a single point is a decimal point ("1.234"), unless ``locale`` is one of decimal commas. "billion" is a thousand
    millions, unless the locale says otherwise. No rule decides "5m" without a currency: five metres or five million.

    Args:
        text: the whole answer.
        locale: whose habits it keeps, such as ``de`` or ``pt-BR``; None for nobody's.

    Raises:
        UsageError: if the locale is unknown.

    >>> [str(number_alone(text).value.value) for text in ("$1,200.50", "1.240,50", "(1,234)", "3,5 Mio.", "–5", "½")]
    ['2401/2', '2481/2', '-1234', '3500000', '-5', '1/2']
    >>> number_alone("62 %").value
    Number(literal='62', percent=True, unit='')
    >>> number_alone("1.234").value.literal, number_alone("1.234", locale="de").value.literal
    ('1.234', '1234')
    >>> [number_alone(text).value for text in ("nan", "1_000", "1.2.3", "1e400", "")]
    [None, None, None, None, None]
    """
    stripped = text.strip()
    if locale is None and SIMPLE.fullmatch(stripped):
        number = Number(stripped)
        return Reading(number, "a number alone", (Found(number, stripped, text.index(stripped), "a number alone"),))
    if not stripped or len(stripped) > MAX_LENGTH:
        return nothing("no number alone")
    readings = _alone(stripped, locale)
    if not readings:
        return nothing("no number alone")
    start = len(text) - len(text.lstrip())
    found = tuple(Found(number, stripped, start, why) for number, why in readings)
    if len(found) > 1:
        return Reading(
            None, f"{stripped!r} can be read in {len(found)} ways: " + ", ".join(one.why for one in found), found
        )
    return Reading(found[0].value, found[0].why, found)


def _alone(text: str, locale: str | None) -> list[tuple[Number, str]]:
    """Return all that the whole of ``text`` can mean, with why."""
    plain = plainly(without_latex(text))
    inside = BRACKETED.fullmatch(plain)
    if inside:
        plain = f"{inside['before']}{inside['inside']}{inside['behind']}"
    seen = ALONE[False].fullmatch(plain)
    if seen is None and not plain.isalpha() and written_out(plain):
        seen = ALONE[True].fullmatch(plain)
    if seen is None or (seen["sign"] and seen["late"]) or not (text.isascii() or one_script(text)):
        return []
    negative = _negative(seen["sign"] or seen["late"]) or inside is not None
    literal = _literal(negative, _numeral(seen["body"], locale), _scales(seen, locale))
    if literal is None:
        return []
    number = Number(literal, bool(seen["percent"]), seen["unit"] or "")
    letter = (seen["letter"] or "").strip()
    if letter in ("m", "t") and not (seen["money"] or seen["after"]):
        bare = _literal(negative, _numeral(seen["body"], locale)) or literal
        if POWER_OF_TEN.search(seen["body"]) or not _has_scale_letters(locale):
            return [(Number(bare, number.percent, letter), "a number alone")]
        return [(number, f"{letter!r} as a scale"), (Number(bare, number.percent, letter), f"{letter!r} as a unit")]
    return [(number, "a number alone")]


def read_number(text: str, locale: str | None = None) -> Reading[Number]:
    """Read the one number that ``text`` is or holds; where it holds several that differ, they compete.

    Beyond the forms of :func:`number_alone` the whole text may be a number in words (see
    :func:`~harness.reading.number_names.in_figures`) or a ratio ("1 1/2"), of a sum the result is read, and of a short
    sentence without figures the only number that it counts with ("There are twelve dogs.").

    Args:
        text: an answer.
        locale: as for :func:`number_alone`.

    Raises:
        UsageError: if the locale is unknown.

    >>> read_number("about 3.5 million").value.literal, read_number("It is 41, exactly 41.0.").value.literal
    ('3.5e6', '41')
    >>> read_number("twelve percent").value, read_number("12 + 30 = 42").value.literal
    (Number(literal='12', percent=True, unit=''), '42')
    >>> read_number("between 5 and 6").why, read_number("42, not 43").value.literal
    ("2 readings compete: '5', '6'", '42')
    """
    alone = number_alone(text, locale)
    if alone.value is not None or alone.competing:
        return alone
    written = text.strip()
    spelled = _spelled(written, locale) if len(written) <= _LONGEST_SPELLED else None
    if spelled is not None:
        start = text.index(written)
        return Reading(spelled[0], spelled[1], (Found(spelled[0], written, start, spelled[1]),))
    found = find_numbers(text, locale)
    if len(found) > 1:
        found = [one for one in found if not _DENIED.search(text, max(0, one.start - 24), one.start)] or found
    if not found and len(written) <= _LONGEST_SPELLED and (named := named_in(plainly(written), locale)) is not None:
        number = Number(str(named))
        why = "the only number in words"
        return Reading(number, why, (Found(number, written, text.index(written), why),))
    return agreed(_result(text, found) or found, "no number", key=lambda number: (number.value, number.percent))


_LONGEST_SPELLED: Final = 100
_DENIED: Final = re.compile(
    r"\b(?:not|rather\s{1,2}than|instead\s{1,2}of|nicht|pas|statt)\s{1,2}\W{0,3}\Z", re.IGNORECASE
)
"""What stands before a number that another one is meant for: "42, not 43"."""
_RATIO: Final = re.compile(
    r"(?P<sign>-?)\s?(?:(?P<whole>[0-9]{1,3})(?: |(?=\\)))?(?:(?P<a>0|[1-9][0-9]{0,2})\s?/\s?(?P<b>[1-9][0-9]{0,2})|"
    r"\\[dt]?frac\s?\{(?P<c>[0-9]{1,9})\}\s?\{(?P<d>[1-9][0-9]{0,8})\})[.。]?"
)
"""Numbers above 999 beside a slash are years; a denominator that begins with 0 is a month."""


def _spelled(text: str, locale: str | None) -> tuple[Number, str] | None:
    """Return the number of a text that is a ratio or words, with why."""
    plain = plainly(without_latex(text)).strip()
    ratio = _RATIO.fullmatch(plain)
    if ratio:
        value = int(ratio["whole"] or 0) + Fraction(int(ratio["a"] or ratio["c"]), int(ratio["b"] or ratio["d"]))
        return Number(str(-value if ratio["sign"] else value)), "a ratio"
    sign = _SIGN_IN_FRONT.match(plain)
    figures = in_figures(plain[sign.end() :] if sign else plain, locale)
    if figures is None:
        return None
    number = number_alone(f"{'-' if sign else ''}{figures}", locale).value
    return None if number is None else (number, "a number in words")


_SIGN_IN_FRONT: Final = re.compile(rf"{MINUS}|-\s?")
_EQUATION: Final = re.compile(r"[^=\n]{0,3}[-+*/×÷x][^=\n]{0,3}")


def _result(text: str, found: Sequence[Found[Number]]) -> list[Found[Number]]:
    """Return the result of the sum that a text ends with, where its other numbers are that sum's: "12 + 30 = 42"."""
    if len(found) < 3 or "=" not in text or len(found) > _MOST_TERMS:
        return []
    *terms, result = found
    gaps = [text[a.start + len(a.text) : b.start] for a, b in pairwise(found)]
    sums = all(_EQUATION.fullmatch(gap) or gap.startswith(("-", "+")) or b.text[0] in "+-−–" for gap, b in
               zip(gaps[:-1], terms[1:], strict=True))  # fmt: skip
    return [result] if sums and _EQUALS.fullmatch(gaps[-1]) else []


_EQUALS: Final = re.compile(r"[^=\d\n]{0,12}=\s{0,3}[$€£¥]?\s?")
_MOST_TERMS: Final = 50


def find_numbers(text: str, locale: str | None = None) -> list[Found[Number]]:
    """Return the numbers in ``text``, in order.

    The forms are those of :func:`number_alone`, but for what is more likely a list or a remark in running text: "5,3"
    is two numbers unless an amount follows ("5,3 kg"), "5 300" is two unless a group begins with 0 ("5 030"), and a
    number in brackets is not negative. A hyphen between two numbers is not a sign, and digits inside a word, a version
    or a Python literal are not numbers. With a locale of decimal commas, "5,3" and "5 300" are one number.

    >>> text = "From 2020-2021 it fell by -3.5% to 1,200kg, not Q1 or v1.2.3"
    >>> [str(found.value.value) for found in find_numbers(text)]
    ['2020', '2021', '-7/2', '1200']
    >>> [found.value.literal for found in find_numbers("2,5 Mio. of 1.240,50 €; 5,3")]
    ['2.5e6', '1240.50', '5', '3']
    """
    return list(_mentioned(text, locale))


def _mentioned(text: str, locale: str | None) -> Iterator[Found[Number]]:
    plain = plainly(text)
    comma = locale is not None and has_decimal_comma(locale)
    for seen in MENTIONS[comma, written_out(plain)].finditer(plain):
        start = seen.start()
        if plain[start - 1 : start] == "-" and ends_a_name(plain, start):
            continue
        written = text[start : seen.end()]
        if not (written.isascii() or one_script(written)):
            continue
        scaled = not seen["letter"] or _is_scale(seen)
        scales = _scales(seen, locale) if scaled else ()
        literal = _literal(_negative(seen["sign"] or ""), _numeral(seen["body"], locale), scales)
        if literal is not None:
            number = Number(literal, scaled and seen["percent"] is not None)
            yield Found(number, written if scaled else text[start : seen.end("body")], start, "mentioned")


def _negative(sign: str) -> bool:
    return sign not in ("", "+")


def _is_scale(seen: re.Match[str]) -> bool:
    """Say whether one letter behind a number in running text is a scale: "4k", "5M", "$5b"; not "size 12B"."""
    return bool(seen["money"]) or seen["letter"] in ("k", "K", "M") or (seen["letter"] == "B" and "." in seen["body"])


def _has_scale_letters(locale: str | None) -> bool:
    """Say whether "m" and "t" may stand for a million and a trillion: in English."""
    return locale is None or language_of(locale) == "en"


@lru_cache(maxsize=1024)
def _by_locale(locale: str | None) -> tuple[bool, bool]:
    return (False, False) if locale is None else (has_decimal_comma(locale), has_long_scale(locale))


_PLAIN: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_COMMAS: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_INDIAN: Final = re.compile(r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]+)?")
_POINTS: Final = re.compile(r"[0-9]{1,3}(?:(?:\.[0-9]{3})+,[0-9]+|(?:\.[0-9]{3}){2,})")
_GAPS: Final = re.compile(rf"[0-9]{{1,3}}(?P<gap>['{SPACE} ])[0-9]{{3}}(?:(?P=gap)[0-9]{{3}})*(?:[.,][0-9]+)?")
_ONE_COMMA: Final = re.compile(r"[0-9]+,[0-9]+")
_ONE_GROUP: Final = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
_ADDRESS: Final = re.compile(r"[0-9]{3}(?:\.[0-9]{3}){3}")


def _numeral(body: str, locale: str | None) -> str | None:
    """Return digits with a decimal point, or a ratio, for digits with separators; None where they are no number."""
    if body.isdecimal():
        return body
    ten = POWER_OF_TEN.search(body)
    if ten is None:
        return _separated(body, locale)
    mantissa = _separated(body[: ten.start()] or "1", locale)
    return None if mantissa is None else f"{mantissa}e{ten[1] or raised(ten[2])}"


def _separated(body: str, locale: str | None) -> str | None:
    if fraction_sign := re.search(FRACTION, body):
        whole = body[: fraction_sign.start()].strip()
        if whole and not whole.isdecimal():
            return None
        return str(Fraction(int(whole or 0)) + Fraction(fraction(fraction_sign[0])))
    digits, mark, power = body.replace("E", "e").partition("e")
    comma = _by_locale(locale)[0]
    if comma and _ONE_GROUP.fullmatch(digits):
        plain = digits.replace(".", "").replace(",", ".")
    elif _PLAIN.fullmatch(digits):
        plain = digits
    elif (_COMMAS.fullmatch(digits) and not digits.startswith("0,")) or _INDIAN.fullmatch(digits):
        plain = digits.replace(",", "")
    elif _POINTS.fullmatch(digits) and not _ADDRESS.fullmatch(digits):
        plain = digits.replace(".", "").replace(",", ".")
    elif _ONE_COMMA.fullmatch(digits):
        plain = digits.replace(",", ".")
    elif _GAPS.fullmatch(digits):
        plain = re.sub(rf"[' {SPACE}]", "", digits).replace(",", ".")
    else:
        return None
    return plain + mark + power


def _scales(seen: re.Match[str], locale: str | None) -> tuple[tuple[str, int], ...]:
    """Return the powers of ten behind the digits: of the digits themselves, then of further ones ("3億5000万")."""
    if word := seen["scale"] or seen["letter"]:
        return (("", exponent(word, long=_by_locale(locale)[1])),)
    return tuple(myriads(seen["myriad"])) if seen["myriad"] else ()


def _literal(negative: bool, plain: str | None, scales: tuple[tuple[str, int], ...] = ()) -> str | None:
    if plain is None or len(plain) > MAX_LENGTH:
        return None
    if "/" in plain or len(scales) > 1:
        parts = [(plain, scales[0][1] if scales else 0), *((digits or "1", size) for digits, size in scales[1:])]
        plain = str(sum(Fraction(digits) * 10**size for digits, size in parts))
    elif scales:
        digits, _, power = plain.lower().partition("e")
        plain = f"{digits}e{int(power or 0) + scales[0][1]}"
    size = float(Fraction(plain)) if "/" in plain else float(plain)
    vanished = size == 0 and _NONZERO.match(plain)
    if math.isinf(size) or vanished:
        return None
    return f"-{plain}" if negative else plain


def keeps_decimal_comma(text: str) -> bool:
    """Say whether a number alone shows that its writer has decimal commas: "1.234,5" and "2,5", not "1,234".

    >>> [keeps_decimal_comma(text) for text in ("1.234,5", "2,5 %", "1,234", "1,234.5", "1.5")]
    [True, True, False, False, False]
    """
    seen = ALONE[False].fullmatch(plainly(text.strip())) if "," in text and len(text) <= MAX_LENGTH else None
    if seen is None:
        return False
    body = seen["body"]
    grouped = _COMMAS.fullmatch(body) or _INDIAN.fullmatch(body)
    return body.count(",") == 1 and "." not in body.split(",")[1] and (not grouped or body.startswith("0,"))
