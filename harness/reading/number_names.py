"""Whole numbers in words, up to 999 and in eight languages: "twelve", "fünfundzwanzig", "vingt et un", "十二"."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from harness.reading.lazily import lazily


def _words(words: str) -> list[str]:
    return words.split()


_MOST: Final = 999
_LONGEST: Final = 60
"""Characters; no name is longer, nor what may stand beside it."""
_EN: Final = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_EN_TENS: Final = _words("twenty thirty forty fifty sixty seventy eighty ninety")
_DE: Final = _words(
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn"
)
_DE_TENS: Final = _words("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
_FR: Final = _words(
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dixsept dixhuit "
    "dixneuf"
)
_FR_TENS: Final = _words("vingt trente quarante cinquante soixante septante huitante nonante")
_ES: Final = _words(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
    "dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete "
    "veintiocho veintinueve"
)
_ES_TENS: Final = _words("veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa")
_ES_HUNDREDS: Final = _words(
    "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
)
_PT: Final = _words(
    "zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezessete dezoito "
    "dezenove"
)
_PT_OTHER: Final = {"quatorze": 14, "dezasseis": 16, "dezassete": 17, "dezanove": 19}
_PT_TENS: Final = _words("vinte trinta quarenta cinquenta sessenta setenta oitenta noventa")
_PT_HUNDREDS: Final = _words(
    "cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos"
)
_IT: Final = _words(
    "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici "
    "diciassette diciotto diciannove"
)
_IT_TENS: Final = _words("venti trenta quaranta cinquanta sessanta settanta ottanta novanta")
_OF_SEVERAL_TONGUES: Final = frozenset(_words("once elf due null sei dos cent un une um uno una ein neuf sept"))
"""Names that are another word in English or another of the languages, or an article: they need the locale."""


def _english(number: int) -> Iterator[str]:
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    tail = _EN[rest] if rest < 20 else _EN_TENS[tens - 2] + (_EN[ones] if ones else "")
    if not hundreds:
        yield tail
        return
    for head in (_EN[hundreds], "a") if hundreds == 1 else (_EN[hundreds],):
        yield from (f"{head}hundred{joint}{tail}" for joint in ("", "and")) if rest else (f"{head}hundred",)


def _german(number: int) -> Iterator[str]:
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    one = "ein" if ones == 1 else _DE[ones]
    tail = _DE[rest] if rest < 20 else (f"{one}und" if ones else "") + _DE_TENS[tens - 2]
    heads = ("",) if not hundreds else ("hundert", "einhundert") if hundreds == 1 else (f"{_DE[hundreds]}hundert",)
    yield from (head + (tail if rest or not hundreds else "") for head in heads)


def _french(number: int) -> Iterator[str]:
    hundreds, rest = divmod(number, 100)
    head = "" if not hundreds else ("" if hundreds == 1 else _FR[hundreds]) + "cent"
    if hundreds and not rest:
        yield head + ("s" if hundreds > 1 else "")
        return
    yield from (head + tail for tail in _french_tail(rest))


def _french_tail(rest: int) -> Iterator[str]:
    tens, ones = divmod(rest, 10)
    if rest < 20:
        yield _FR[rest]
        return
    joint = "et" if ones == 1 else ""
    yield _FR_TENS[tens - 2] + (joint + _FR[ones] if ones else "")
    if 70 <= rest < 80:
        yield "soixante" + ("et" if rest == 71 else "") + _FR[rest - 60]
    elif rest >= 80:
        yield "quatrevingt" + (_FR[rest - 80] if rest > 80 else "s")


def _spanish(number: int) -> Iterator[str]:
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    tail = _ES[rest] if rest < 30 else _ES_TENS[tens - 2] + (f"y{_ES[ones]}" if ones else "")
    if number == 100:
        yield "cien"
    yield (_ES_HUNDREDS[hundreds - 1] if hundreds else "") + (tail if rest or not hundreds else "")


def _portuguese(number: int) -> Iterator[str]:
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    tail = _PT[rest] if rest < 20 else _PT_TENS[tens - 2] + (f"e{_PT[ones]}" if ones else "")
    if number == 100:
        yield "cem"
    yield from (name for name, value in _PT_OTHER.items() if value == number)
    yield (_PT_HUNDREDS[hundreds - 1] + ("e" if rest else "") if hundreds else "") + (
        tail if rest or not hundreds else ""
    )


def _italian(number: int) -> Iterator[str]:
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    ten = _IT_TENS[tens - 2]
    ten = ten[:-1] if ones in (1, 8) else ten
    tails = [_IT[rest] if rest < 20 else ten + (_IT[ones] if ones else "")]
    tails += [f"{tails[0][:-1]}é"] if ones == 3 and rest > 20 else []
    head = ("" if hundreds == 1 else _IT[hundreds]) + "cento" if hundreds else ""
    yield from (head + (tail if rest or not hundreds else "") for tail in tails)


_LANGUAGES: Final[Mapping[str, Callable[[int], Iterator[str]]]] = {
    "en": _english,
    "de": _german,
    "fr": _french,
    "es": _spanish,
    "pt": _portuguese,
    "it": _italian,
}


@lru_cache(maxsize=8)
def _names(language: str) -> Mapping[str, int]:
    """Return the numbers of a language by their names, without spaces and hyphens, in small letters."""
    return {
        _key(written): number
        for number in range(_MOST + 1)
        for name in _LANGUAGES[language](number)
        for written in (name, name.translate(_PLAIN_VOWELS), name.replace("ü", "ue").replace("ö", "oe"))
    }


@lru_cache(maxsize=1)
def _names_of_all() -> Mapping[str, int]:
    """Return the names that mean one number whatever the language is."""
    found: dict[str, int] = {}
    differing = set(_OF_SEVERAL_TONGUES)
    for language in _LANGUAGES:
        for name, number in _names(language).items():
            if found.setdefault(name, number) != number:
                differing.add(name)
    return {name: number for name, number in found.items() if name not in differing}


_PLAIN_VOWELS: Final = str.maketrans("áéíóúêü", "aeioueu")
_BETWEEN: Final = lazily(r"[\s-]+")


def _key(name: str) -> str:
    return _BETWEEN.sub("", name).casefold()


_FIGURES: Final = {
    sign: value for value, signs in enumerate(_words("零〇 一 二两兩 三 四 五 六 七 八 九")) for sign in signs
}
_PLACES: Final = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "億": 10**8, "亿": 10**8}
_SIGNS: Final = "".join([*_FIGURES, *_PLACES])
_HAN: Final = lazily(
    rf"(?P<share>百分之)?(?P<number>[{_SIGNS}]{{1,20}})(?:つ|[个個名人台辆輛只隻本枚匹頭头件次回元円])?(?:です)?[。.]?"
)


def in_figures(text: str, locale: str | None = None) -> str | None:
    """Return a text that begins with a number in words with that number in figures; None where it doesn't.

    What stands behind the words stays: it is a percent sign, a scale word or a unit, or the text is no number. A name
    that is another word in English or in another of the languages, as the Spanish eleven is, needs its locale.

    >>> in_figures("Twenty-five percent"), in_figures("zweihundertzwölf"), in_figures("百分之十二"), in_figures("none")
    ('25 percent', '212', '12%', None)
    >>> in_figures("once"), in_figures("once", "es"), in_figures("two million dollars")
    (None, '11', '2 million dollars')
    """
    if len(text) > _LONGEST:
        return None
    han = _HAN.fullmatch(text.strip())
    if han:
        value = _of_han(han["number"])
        return None if value is None else f"{value}{'%' if han['share'] else ''}"
    words = text.rstrip(" .!").split()
    for count in range(len(words), 0, -1):
        number = _named(" ".join(words[:count]), locale)
        if number is not None:
            return " ".join([str(number), *words[count:]])
    return None


_COUNTING: Final = lazily(
    r"(?:\A|\b(?:are|see|count|counted|shows?|has|have|contains?|sind|sehe|zähle|hat|gibt(?: es)?|zeigt|y a|vois|"
    r"compte|hay|veo|tiene|há|vejo|tem|sono|vedo|ha)\s{1,2}(?:(?:exactly|only|about|genau|exactement|exactamente)\s{1,2})?)"
    r"(?=[^\W\d])",
    re.IGNORECASE,
)
"""What stands before a number that counts something."""
_NAME: Final = lazily(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_HAN_COUNTED: Final = lazily(rf"(?:\A|有|は|が)([{_SIGNS}]{{1,8}})[つ個个名人台辆輛只隻本枚匹頭头件]")
_OF_PARTS: Final = lazily(
    r"\s{1,2}(?:and\s{1,2}a\s)?(?:half|halves|thirds?|quarters?|fourths?|fifths?|drittel|viertel|tiers|quarts?|tercios?|"
    r"cuartos?|terços?|quartos?|terzi|quarti|or|to|oder|bis|ou|à|o|a)\b",
    re.IGNORECASE,
)


def named_in(text: str, locale: str | None = None) -> int | None:
    """Return the only number in words of a sentence that counts something with it; None where it is not the only one.

    One is none: it is a pronoun or an article more often than not.

    >>> named_in("There are twelve dogs."), named_in("图中有七辆车。"), named_in("ten to twelve")
    (12, 7, None)
    """
    counted = [_of_han(found[1]) for found in _HAN_COUNTED.finditer(text)]
    names = [
        (name.start(), number) for name in _NAME.finditer(text) if (number := _named(name[0], locale)) not in (None, 1)
    ]
    if counted or len(names) != 1:
        return counted[0] if len(counted) == 1 and not names else None
    start, number = names[0]
    end = _NAME.match(text, start)
    begins = any(lead.end() == start for lead in _COUNTING.finditer(text))
    return number if begins and end and not _OF_PARTS.match(text, end.end()) else None


def _named(name: str, locale: str | None) -> int | None:
    """Return the number of one word, or of words with hyphens."""
    language = locale.replace("_", "-").partition("-")[0].lower() if locale else ""
    number = _names(language).get(_key(name)) if language in _LANGUAGES else None
    return _names_of_all().get(_key(name)) if number is None else number


def _of_han(signs: str) -> int | None:
    """Return the number of Chinese or Japanese signs; None where their places do not descend.

    >>> _of_han("三百零五"), _of_han("十二"), _of_han("二万"), _of_han("二〇二四"), _of_han("十百")
    (305, 12, 20000, 2024, None)
    """
    if all(sign in _FIGURES for sign in signs):
        return int("".join(str(_FIGURES[sign]) for sign in signs)) if len(signs) in (1, 4) else None
    total = section = 0
    figure: int | None = None
    lowest, lowest_myriad = 10**4, 10**12
    for sign in signs:
        if sign in _FIGURES:
            if figure:
                return None
            figure = _FIGURES[sign]
            continue
        place = _PLACES[sign]
        if place < 10**4:
            if place >= lowest:
                return None
            section, lowest = section + (1 if figure is None else figure) * place, place
        else:
            if place >= lowest_myriad or not (section or figure):
                return None
            total += (section + (figure or 0)) * place
            section, lowest, lowest_myriad = 0, 10**4, place
        figure = None
    return total + section + (figure or 0)
