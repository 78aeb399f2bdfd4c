"""What stands beside the digits of a number: signs of other scripts, scale words, currencies, units, and locales."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from harness.errors import UsageError, did_you_mean
from harness.reading.folded import folded

SPACE: Final = "\u00a0"
"""What the spaces that typesetters put between groups of digits become."""

_EXPONENTS: Final[Mapping[int, str]] = {
    2: "hundred hundert",
    3: "thousand thousands tausend tsd mille millier milliers mil mila k",
    5: "lakh lakhs",
    6: "million millions mn mln mio millionen millón millon millones milhão milhao milhões milhoes milione milioni",
    7: "crore crores",
    9: (
        "billion billions bn milliarde milliarden mrd milliard milliards mds millardo millardos bilhão bilhao bilhões "
        "bilhoes miliardo miliardi mld"
    ),
    12: (
        "trillion trillions tn trn billionen billón billones bilião biliões bilione bilioni trilhão trilhões "
        "trilhao trilhoes"
    ),
    15: "quadrillion quadrillions billiarde billiarden",
    18: "trillionen trillón trillones",
}
_LONG: Final[Mapping[str, int]] = {"billion": 12, "billions": 12, "trillion": 18, "trillions": 18}
"""Words of the long scale, where the locale says that the language is one of it."""
_TWO_WORDS: Final[dict[str, int]] = {"mil millones": 9, "mil milhões": 9, "mil milhoes": 9}
_SCALES: Final = {word: size for size, words in _EXPONENTS.items() for word in words.split()} | _TWO_WORDS
_LETTERS: Final[Mapping[str, int]] = {"k": 3, "K": 3, "M": 6, "m": 6, "B": 9, "b": 9, "T": 12, "t": 12}
_MYRIADS: Final[Mapping[str, int]] = {
    "十": 1, "百": 2, "千": 3, "万": 4, "萬": 4, "亿": 8, "億": 8, "兆": 12,
}  # fmt: skip


def any_of(words: Iterable[str]) -> str:
    """Return a pattern for the longest of some words.

    >>> any_of(["k", "kg"])
    'kg|k'
    """
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


_MYRIAD: Final = "(?:[十百千万萬亿億兆]{1,2}(?![克米瓦卡赫升帕字]))"
SCALE: Final = (
    rf"(?:(?P<scale>[ {SPACE}]?(?i:{any_of(w for w in _SCALES if w != 'k')})(?!\w)\.?)"
    r"|(?P<letter>[ ]?[kKMmBbTt](?![^\W\d_]))"
    rf"|(?P<myriad>[ ]?{_MYRIAD}(?:[0-9]{{1,4}}(?:\.[0-9]{{1,4}})?{_MYRIAD}){{0,3}}(?:[0-9]{{3,4}}(?![0-9.,]))?))"
)
"""Behind the digits: ``scale`` is a word, ``letter`` one letter, ``myriad`` what Chinese and Japanese write."""

PERCENT: Final = (
    r"(?:%|(?i:percent|per cent|pct|prozent|pour cent|por ciento|por cento|per cento)(?!\w)\.?|パーセント|百分号)"
)
SIGNS: Final = "$€£¥₹₩₽₺₫₴₦₱฿₪"
CURRENCY: Final = rf"(?:[A-Z]{{1,3}}(?=[$]))?[{SIGNS}]"
_CODES: Final = ("USD", "EUR", "GBP", "JPY", "CNY", "RMB", "INR", "CHF", "BRL", "CAD", "AUD", "Rs")
CURRENCY_BEFORE: Final = rf"(?:{CURRENCY}|(?:{any_of(_CODES)})\.?(?![^\W\d_]))"
_MONEY: Final = """
    dollar dollars euro euros pound pounds yen yuan rupee rupees franc francs dólar dólares dollaro dollari real reais
"""
CURRENCY_AFTER: Final = rf"(?:[{SIGNS}]|(?:{any_of(_CODES)}|(?i:{any_of(_MONEY.split())}))(?!\w)|[元円圓块])"
_UNITS: Final = """
    mm cm m km mg g kg t lb lbs oz ml cl l L s ms min h hr hrs °C °F ° Hz kHz MHz GHz W kW MW GW TW Wh kWh MWh GWh TWh
    V kV A KB MB GB TB px mph km/h m² km² m³ ha ft yd mi kcal cal J kJ dB pp bp
"""
UNIT: Final = rf"(?:(?:{any_of(_UNITS.split())})(?!\w))"
AMOUNT: Final = (
    rf"[ {SPACE}]?(?:{PERCENT}|{CURRENCY_AFTER}|{UNIT}|(?i:{any_of(w for w in _SCALES if w != 'k')})(?!\w)"
    rf"|[kKMB](?![^\W\d_])|{_MYRIAD})"
)
"""What shows that the digits before it are one amount, and no list: "3,5 kg"."""
_HEDGES: Final = """
    about, approximately, approx, around, roughly, circa, ca, etwa, ungefähr, rund, environ, aproximadamente,
    alrededor de, cerca de
"""
HEDGE: Final = (
    rf"(?:[~≈]|(?i:{any_of(word.strip() for word in _HEDGES.split(','))})\.?(?=[\s{SIGNS}])|大约|约|約|およそ)"
)

MINUS: Final = r"(?:(?i:\b(?:minus|negative|moins|menos|meno))\s(?=\W{0,2}[0-9a-z])|(?<![\w])[负負]|マイナス)"
"""A sign in words."""
_RAISED: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
RAISED: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺"


def raised(exponent_: str) -> str:
    """Return raised digits as plain ones.

    >>> raised("⁻²³")
    '-23'
    """
    return exponent_.translate(_RAISED)


_TEXT: Final = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathit|boxed)\s?\{([^{}]{0,200})\}")
_ESCAPED: Final = re.compile(r"\\(?=[$%&#])|\\[,;:! ](?=.)|(?<=[0-9])\{(?=[,.]\})|(?<=[,.])\}(?=[0-9])")
_MATHS: Final = re.compile(r"\s*(?:\$\$?([^$]{1,200})\$\$?|\\\(([^()]{1,200})\\\)|\\\[([^\[\]]{1,200})\\\])\s*")


def without_latex(text: str) -> str:
    r"""Return a short text without LaTeX's signs for mathematics and text, "\%" and "{,}" as they are printed.

    >>> without_latex(r"$1{,}234$"), without_latex(r"12\%"), without_latex(r"\text{42 cm}"), without_latex("$5")
    ('1,234', '12%', '42 cm', '$5')
    """
    if "\\" not in text and "{" not in text and text.count("$") < 2:
        return text
    maths = _MATHS.fullmatch(text)
    inner = next(filter(None, maths.groups()), text) if maths else text
    return _ESCAPED.sub("", _TEXT.sub(r"\1", inner))


_COMMA: Final = "de fr es pt it nl da nb no sv fi pl cs sk ru uk tr el id vi ro hu bg hr sr sl ca"
_POINT: Final = "en zh ja ko th he hi bn ta te mr gu ur ms"
_COMMA_LANGUAGES: Final = frozenset(_COMMA.split())
_LANGUAGES: Final = _COMMA_LANGUAGES | frozenset(_POINT.split())
_POINT_REGIONS: Final = "de-CH de-LI it-CH es-MX es-US es-PR es-GT es-HN es-NI es-PA es-SV es-DO"
_COMMA_REGIONS: Final = "en-ZA"
_SHORT_SCALE: Final = "en pt zh ja ko hi ru tr el"


def language_of(locale: str) -> str:
    """Return the language of a locale such as ``de``, ``de-AT`` or ``pt_BR``.

    Raises:
        UsageError: if it is not known how the language writes numbers.

    >>> language_of("pt_BR")
    'pt'
    """
    language = locale.replace("_", "-").split("-")[0].lower()
    if language not in _LANGUAGES:
        raise UsageError(f"unknown locale {locale!r}; {did_you_mean(language, sorted(_LANGUAGES))}")
    return language


@lru_cache(maxsize=64)
def has_decimal_comma(locale: str) -> bool:
    """Say whether people of a locale write 1,5 for one and a half.

    Raises:
        UsageError: as :func:`language_of`.

    Source:
        Unicode CLDR 46, numbering symbols.

    >>> [has_decimal_comma(locale) for locale in ("de", "de-CH", "en", "es_MX", "pt-BR")]
    [True, False, False, False, True]
    """
    language, _, region = locale.replace("_", "-").partition("-")
    place = f"{language_of(locale)}-{region.upper()}"
    if place in _COMMA_REGIONS.split():
        return True
    return language.lower() in _COMMA_LANGUAGES and place not in _POINT_REGIONS.split()


def has_long_scale(locale: str | None) -> bool:
    """Say whether "billion" is a million millions in a locale; where there is none it is a thousand millions."""
    return locale is not None and language_of(locale) not in _SHORT_SCALE.split()


def exponent(word: str, *, long: bool = False) -> int:
    """Return the power of ten that a scale word or letter stands for.

    >>> exponent("Mio."), exponent("billion"), exponent("billion", long=True), exponent("k")
    (6, 9, 12, 3)
    """
    bare = word.strip().rstrip(".")
    if len(bare) == 1:
        return _LETTERS[bare]
    plain = folded(bare)
    return _LONG[plain] if long and plain in _LONG else _SCALES[plain]


def myriads(text: str) -> list[tuple[str, int]]:
    """Return the digits and the power of ten of each part behind the first digits; the first part has none.

    >>> myriads("億5000万"), myriads("万2345"), myriads("百万")
    ([('', 8), ('5000', 4)], [('', 4), ('2345', 0)], [('', 6)])
    """
    found = re.findall(r"([0-9.]*)([十百千万萬亿億兆]*)", text.strip())
    return [(digits, sum(_MYRIADS[sign] for sign in signs)) for digits, signs in found if digits or signs]


@lru_cache(maxsize=4096)
def _plain(sign: str) -> str:
    if sign in "−–‒﹣－":
        return "-"
    if sign in "\u202f\u2009\u2007\u2008":
        return SPACE
    special = {"．": ".", "，": ",", "＋": "+", "％": "%", "﹪": "%", "٪": "%", "٫": ".", "٬": ",", "’": "'", "ʼ": "'",
               "＄": "$", "￥": "¥", "（": "(", "）": ")", "～": "~", "\u3000": " "}  # fmt: skip
    if sign in special:
        return special[sign]
    return sign if (digit := unicodedata.decimal(sign, None)) is None else str(digit)


def plainly(text: str) -> str:
    """Return ``text`` with ASCII digits, signs and separators, at the same places.

    >>> plainly("１２．５％"), plainly("–٣"), plainly("½")
    ('12.5%', '-3', '½')
    """
    return text if text.isascii() else "".join(map(_plain, text))


def one_script(digits: str) -> bool:
    """Say whether all digits of ``digits`` are of one script: "1２" is a slip, and no number.

    >>> one_script("１２"), one_script("1２")
    (True, False)
    """
    return len({ord(sign) - value for sign in digits if (value := unicodedata.decimal(sign, None)) is not None}) < 2


_FRACTIONS: Final = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
FRACTION: Final = f"[{_FRACTIONS}]"


def fraction(sign: str) -> str:
    """Return what a sign such as "½" stands for, as "1/2"."""
    return unicodedata.normalize("NFKC", sign).replace("⁄", "/")
