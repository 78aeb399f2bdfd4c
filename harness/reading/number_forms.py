"""The forms of a number, alone and in running text, as regular expressions."""

import re
from typing import Final

from harness.reading.number_words import (
    AMOUNT,
    CURRENCY,
    CURRENCY_AFTER,
    CURRENCY_BEFORE,
    FRACTION,
    HEDGE,
    MINUS,
    PERCENT,
    RAISED,
    SCALE,
    SPACE,
    UNIT,
)

# Letters that run into digits make a label ("Q1"); Chinese, Japanese and Korean put no space between words.
_LETTER: Final = r"[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
_END: Final = r"(?![0-9]|[.,][0-9])"
_TIMES: Final = r"\s?(?:[×x*·⋅]|\\times|\\cdot)\s?"
_TEN: Final = rf"10(?:\^\s?[{{(]?[-+]?[0-9]{{1,3}}[}})]?|[{RAISED}]{{1,4}})"
_POWER: Final = {False: r"(?:[eE][-+]?[0-9]{1,3})?", True: rf"(?:[eE][-+]?[0-9]{{1,3}}|{_TIMES}{_TEN})?"}
POWER_OF_TEN: Final = re.compile(rf"(?:\A|{_TIMES})10(?:\^\s?[{{(]?([-+]?[0-9]{{1,3}})[}})]?|([{RAISED}]{{1,4}}))\Z")
"""At the end of a body: an exponent in figures, or a raised one."""
_WRITTEN_OUT: Final = ("minus", "negative", "moins", "meno", "负", "負", "マイナス", "10^", "10 ^")
# "at least 3" and "more or less 3" are no negative numbers, and "10 minus 3" is a difference.
_MINUS_IN_TEXT: Final = rf"(?<![0-9] )(?<!\b(?:al|lo|au|du|or|ou) )(?<!\bo )(?<!\bpelo ){MINUS}"
_NAMING: Final = re.compile(r"([^\W\d_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{1,30})-\Z")
_NOT_NAMING: Final = "mid pre post early late sub under over top bottom non size age year minus plus"
"""Words that a hyphen ties to a number which still is one: "mid-2019"."""


def written_out(text: str) -> bool:
    """Say whether a text may have forms in it that are rare, and slow to look for: signs in words, "3 × 10^5".

    >>> written_out("Minus 5"), written_out("10³"), written_out("-5")
    (True, True, False)
    """
    small = text.lower()
    return any(sign in small for sign in _WRITTEN_OUT) or (
        not text.isascii() and any(f"10{sign}" in text for sign in RAISED)
    )


def ends_a_name(text: str, start: int) -> bool:
    """Say whether digits behind a hyphen are the end of a name.

    >>> ends_a_name("COVID-19", 6), ends_a_name("mid-2019", 4), ends_a_name("5-10", 2)
    (True, False, False)
    """
    word = _NAMING.search(text, max(0, start - 32), start)
    return word is not None and word[1].lower() not in _NOT_NAMING.split()


def _alone(rich: bool) -> re.Pattern[str]:
    sign, ten = (rf"[-+]|{MINUS}|", f"{_TEN}|") if rich else ("[-+]?", "")
    return re.compile(
        rf"(?:{HEDGE}\s?)?(?P<sign>{sign})\s?(?P<money>{CURRENCY_BEFORE})?\s?(?P<late>(?<![0-9])[-+]?)"
        rf"(?P<body>{ten}(?:[0-9]+(?:[.,' {SPACE}][0-9]+)*|[0-9]+\.|\.[0-9]+){_POWER[rich]}"
        rf"(?: ?{FRACTION})?|{FRACTION})"
        rf"{SCALE}?\s?(?P<percent>{PERCENT})?(?:\s?(?:(?P<after>{CURRENCY_AFTER})|(?P<unit>{UNIT})))?\.{{0,2}}"
    )


def _point_style(power: str) -> tuple[str, ...]:
    return (
        # 1'240.50, and with the spaces of typesetters.
        rf"[0-9]{{1,3}}(?:['{SPACE}][0-9]{{3}}){{1,8}}(?:[.,][0-9]{{1,20}})?{_END}",
        # 1.240,50 and 1.240.500
        rf"[0-9]{{1,3}}(?:\.[0-9]{{3}}){{1,8}},[0-9]{{1,20}}{_END}",
        rf"[0-9]{{1,3}}(?:\.[0-9]{{3}}){{2,8}}{_END}",
        # 1 000 and 1 240,50: no number of its own begins with 0, and none but one of groups ends so.
        rf"[1-9][0-9]{{0,2}}(?: [0-9]{{3}}){{0,6}} 0[0-9]{{2}}(?: [0-9]{{3}}){{0,6}}(?:,[0-9]{{1,2}})?{_END}",
        rf"[1-9][0-9]{{0,2}}(?: [0-9]{{3}}){{1,8}},[0-9]{{1,2}}{_END}",
        # 0,25 and €3,50 and 3,5 kg
        rf"(?<![\[({{,])0,[0-9]{{2,20}}{_END}",
        rf"(?<=[$€£¥₹])[0-9]{{1,15}},[0-9]{{1,2}}{_END}",
        rf"(?<![0-9],)[0-9]{{1,15}},(?:[0-9]{{1,2}}|[0-9]{{4,15}})(?={AMOUNT})",
        # ₹12,34,567
        rf"(?<=₹)[0-9]{{1,2}}(?:,[0-9]{{2}}){{1,8}},[0-9]{{3}}(?:\.[0-9]{{1,20}})?{_END}",
        rf"(?:[0-9]{{1,15}} ?)?{FRACTION}",
        rf"[0-9]{{1,3}}(?:,[0-9]{{3}})+(?:\.[0-9]+)?{power}",
        rf"[0-9]+(?:\.[0-9]+)?{power}",
        rf"\.[0-9]+{power}",
    )


_COMMA_STYLE: Final = (
    rf"[0-9]{{1,3}}(?:[ .][0-9]{{3}}){{1,8}}(?:,[0-9]{{1,20}})?{_END}",
    rf"[0-9]{{1,20}},[0-9]{{1,20}}{_END}",
)


def _mention(comma: bool, rich: bool) -> re.Pattern[str]:
    # A sign counts only where no value can end before it, so that "2020-2021" is two years. Digits that
    # belong to a word ("Q1"), a version ("1.2.3") or a Python literal ("1_000") are not numbers.
    sign = rf"(?<!{_LETTER})(?<![.)\]%])[-+]" + (f"|{_MINUS_IN_TEXT}" if rich else "")
    bodies = (*((_TEN,) if rich else ()), *(_COMMA_STYLE if comma else ()), *_point_style(_POWER[rich]))
    return re.compile(
        rf"(?P<sign>{sign})?(?P<money>{CURRENCY})?(?P<body>(?<!{_LETTER})(?<![0-9]\.)(?:{'|'.join(bodies)}))"
        rf"(?![0-9_]|\.[0-9]){SCALE}?(?P<percent>\s?{PERCENT})?"
    )


ALONE: Final = {rich: _alone(rich) for rich in (False, True)}
"""A text that is one number, by whether it is :func:`written_out`."""
MENTIONS: Final = {(comma, rich): _mention(comma, rich) for comma in (False, True) for rich in (False, True)}
"""A number in running text, by whether its writer has decimal commas, and whether the text is :func:`written_out`."""
BRACKETED: Final = re.compile(rf"(?P<before>{CURRENCY_BEFORE}?)\s?\((?P<inside>[^+()]+)\)(?P<behind>[^()]*)")
"""A negative number as bookkeepers write it."""
