"""Numbers as people write them: each form by example, from a known value, beside the reader before, and hostile."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.reading.number_names import _LANGUAGES, in_figures
from harness.reading.number_words import exponent
from harness.reading.numbers import Number, find_numbers, keeps_decimal_comma, number_alone, read_number


def alone(text: str, locale: str | None = None) -> Fraction | None:
    number = number_alone(text, locale).value
    return None if number is None else number.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5€", 5),
        ("€ 5", 5),
        ("US$5", 5),
        ("-US$5.50", "-5.5"),
        ("CHF 1'240.50", "1240.5"),
        ("R$ 1.240,50", "1240.5"),
        ("5 dollars", 5),
        ("500円", 500),
        ("1 000", 1000),
        ("1\u00a0000", 1000),
        ("1\u202f240,5", "1240.5"),
        ("1 240,50", "1240.5"),
        ("1.240,50", "1240.5"),
        ("1.234.567", 1234567),
        ("1,234.56", "1234.56"),
        ("1’240.5", "1240.5"),
        ("12,34,567", 1234567),
        ("₹12,34,567.5", "1234567.5"),
        ("0,123", "0.123"),
        ("12,5", "12.5"),
        ("1234,567", "1234.567"),
        ("(1,234)", -1234),
        ("($5.50)", "-5.5"),
        ("$(5)", -5),
        ("(-5)", -5),
        ("–5", -5),
        ("−5", -5),
        ("- 5", -5),
        ("$5M", 5_000_000),
        ("$5m", 5_000_000),
        ("£2.5bn", 2_500_000_000),
        ("12k", 12_000),
        ("12 K", 12_000),
        ("3.5 million", 3_500_000),
        ("3,5 Mio.", 3_500_000),
        ("3.5 Millionen", 3_500_000),
        ("2 Mrd. €", 2_000_000_000),
        ("2 Billionen", 2 * 10**12),
        ("2 billion", 2 * 10**9),
        ("40 Tsd.", 40_000),
        ("5 milliers", 5000),
        ("1,5 milliard", 1_500_000_000),
        ("3 mil millones", 3 * 10**9),
        ("3 millones", 3_000_000),
        ("2 billones", 2 * 10**12),
        ("3,5 milhões", 3_500_000),
        ("2 bilhões", 2 * 10**9),
        ("2 miliardi", 2 * 10**9),
        ("5 mila", 5000),
        ("3.5万", 35_000),
        ("1.2亿", 120_000_000),
        ("5百万", 5_000_000),
        ("3億5000万", 350_000_000),
        ("1万2345", 12_345),
        ("2 lakh", 200_000),
        ("3 crore", 30_000_000),
        ("１２", 12),
        ("１，２３４．５", "1234.5"),
        ("٣", 3),
        ("१२", 12),
        ("½", "1/2"),
        ("2½", "5/2"),
        ("2 ⅓", "7/3"),
        ("½ million", 500_000),
        ("1,234.5kg", "1234.5"),
        ("5 km/h", 5),
        ("5 MW", 5),
        ("~5", 5),
        ("≈ 5", 5),
        ("about 5", 5),
        ("ca. 5 €", 5),
        ("etwa 1.000.000", 1_000_000),
        ("environ 3 millions", 3_000_000),
        ("约5", 5),
        ("1e3", 1000),
        (".5", "0.5"),
        ("14.", 14),
        ("1.234", "1.234"),
        ("1,234", 1234),
        ("minus 5", -5),
        ("Moins 3,5 kg", "-3.5"),
        ("负5", -5),
        ("3 × 10^5", 300_000),
        ("6.02 × 10²³", 602 * 10**21),
        ("$3 \\times 10^{4}$", 30_000),
        ("5 · 10⁻³ m", "0.005"),
        ("1{,}234", 1234),
        ("\\text{42 cm}", 42),
        ("\\$5", 5),
    ],
)
def test_a_number_alone_is_read_as_it_is_meant(text: str, value: Any) -> None:
    assert alone(text) == Fraction(value)
    assert alone(f" {text}\n") == Fraction(value)


@pytest.mark.parametrize(
    "text",
    [
        "", "nan", "inf", "1_000", "1２", "1e400", "1e-400", "9" * 401, "Q1", "v1.2.3", "1.2.3", "2020-2021", "5 or 6",
        "1,234,56", "192.168.100.200", "--5", "-$-5", "((5))", "(5", "5 apples", "1 2", "one", "%", "$", "½½", "1½2",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    reading = number_alone(text)
    assert reading.value is None
    assert not reading.competing


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12 percent", Number("12", percent=True)),
        ("12 %", Number("12", percent=True)),
        ("12 Prozent", Number("12", percent=True)),
        ("12,5 por ciento", Number("12.5", percent=True)),
        ("１２％", Number("12", percent=True)),
        ("12\\%", Number("12", percent=True)),
        ("5 kg", Number("5", unit="kg")),
        ("5 €", Number("5")),
    ],
)
def test_percent_signs_and_units_are_kept_and_currencies_are_not(text: str, number: Number) -> None:
    assert number_alone(text).value == number


def test_a_locale_decides_what_a_rule_decides_without_one() -> None:
    assert [alone("1.234"), alone("1.234", "de")] == [Fraction("1.234"), Fraction(1234)]
    assert [alone("1,234"), alone("1,234", "pt-BR")] == [Fraction(1234), Fraction("1.234")]
    assert [alone("1,234", "de-CH"), alone("1,234", "en_US")] == [Fraction(1234)] * 2
    assert [alone("2 billion"), alone("2 billion", "fr")] == [Fraction(2 * 10**9), Fraction(2 * 10**12)]
    assert [str(found.value.value) for found in find_numbers("5,3 und 5 300", "de")] == ["53/10", "5300"]
    assert [str(found.value.value) for found in find_numbers("5,3 und 5 300")] == ["5", "3", "5", "300"]
    with pytest.raises(UsageError, match="unknown locale 'xx'"):
        number_alone("1.5", "xx")


def test_what_no_rule_decides_competes_with_its_readings_as_evidence() -> None:
    reading = number_alone("5m")
    assert reading.competing
    assert [(found.value.literal, found.value.unit) for found in reading.found] == [("5e6", ""), ("5", "m")]
    assert read_number("5 or 6").why == "2 readings compete: '5', '6'"
    assert read_number("5, yes, 5.0").value == Number("5")
    assert read_number("nothing").found == ()


def test_what_was_found_says_where_it_stands() -> None:
    text = "共１２个, –3,5 %"
    assert [(found.text, found.start) for found in find_numbers(text)] == [("１２", 1), ("–3,5 %", 6)]
    assert all(text[found.start :].startswith(found.text) for found in find_numbers(text))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("答案是5", [5]),
        ("grew by 3,5 % to 2,5 Mio.", ["3.5", 2_500_000]),
        ("it cost 1 240,50 € or 1.240,50 €", ["1240.5", "1240.5"]),
        ("0 100 200 300", [0, 100, 200, 300]),
        ("1 000 2 000 3 000", [1000, 2000, 3000]),
        ("(5) and [0,1]", [5, 0, 1]),
        ("1,2,3%", [1, 2, 3]),
        ("4k of 12B, 1.2B and $5b", [4000, 12, "1.2e9", 5_000_000_000]),
        ("–5 to 2020–2021", [-5, 2020, 2021]),
        ("5 m, 5 million", [5, 5_000_000]),
        ("192.168.100.200", []),
        ("3½ inches", ["7/2"]),
        ("3月12日", [3, 12]),
        ("€3,50", ["3.5"]),
        ("₹12,34,567", [1234567]),
    ],
)
def test_numbers_in_running_text(text: str, values: list[Any]) -> None:
    assert [found.value.value for found in find_numbers(text)] == [Fraction(value) for value in values]


@pytest.mark.parametrize(
    ("text", "locale", "value"),
    [
        ("twelve", None, 12),
        ("Twenty-five.", None, 25),
        ("one hundred and seven", None, 107),
        ("two million dollars", None, 2_000_000),
        ("minus three", None, -3),
        ("zwölf", None, 12),
        ("Zweihundertfünfzehn", None, 215),
        ("quatre-vingt-dix-sept", None, 97),
        ("once", None, None),
        ("once", "es", 11),
        ("treinta y cinco", None, 35),
        ("cento e vinte", None, 120),
        ("ventuno", None, 21),
        ("三百二十", None, 320),
        ("二〇二四", None, 2024),
        ("五つです。", None, 5),
        ("someone", None, None),
        ("ten to twelve", None, None),
        ("one two", None, None),
        ("1/2", None, "1/2"),
        ("1 1/2", None, "3/2"),
        ("-\\frac{3}{4}", None, "-3/4"),
        ("2019/20", None, None),
        ("12/05", None, None),
        ("12 + 30 = 42", None, 42),
        ("The total is $12 + $30 = $42.", None, 42),
        ("3 × 4 = 12 apples", None, 12),
        ("2\\frac{1}{2}", None, "5/2"),
        ("10^6", None, 10**6),
        ("There are twelve dogs.", None, 12),
        ("Hay siete coches en la imagen.", None, 7),
        ("图中有七辆车。", None, 7),
        ("twelve dogs", None, 12),
        ("two thirds", None, None),
        ("two dogs and three cats", None, None),
        ("One of them is red", None, None),
        ("a two-story house", None, None),
        ("12 in 2019, 30 = 42", None, None),
        ("a = 1, b = 2", None, None),
    ],
)
def test_words_ratios_and_sums_are_read_where_they_are_the_answer(text: str, locale: str | None, value: Any) -> None:
    number = read_number(text, locale).value
    assert (None if number is None else number.value) == (None if value is None else Fraction(value))


@pytest.mark.parametrize("locale", ["en", "de", "fr", "es", "pt", "it"])
def test_each_number_has_a_name_in_each_language_and_no_name_is_of_two(locale: str) -> None:
    names = [name for number in range(1000) for name in set(_LANGUAGES[locale](number))]
    assert len(names) == len(set(names))
    assert [in_figures(name, locale) for name in names] == [
        str(number) for number in range(1000) for _ in set(_LANGUAGES[locale](number))
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("It was minus 5 degrees", [-5]),
        ("at least: al menos 3, au moins 4, pelo menos 5", [3, 4, 5]),
        ("10 minus 3", [10, 3]),
        ("COVID-19 or F-16", []),
        ("mid-2019, top-5", [2019, 5]),
    ],
)
def test_a_sign_in_words_counts_and_digits_of_a_name_do_not(text: str, values: list[int]) -> None:
    assert [found.value.value for found in find_numbers(text)] == values


def grouped(digits: str, sign: str) -> str:
    return f"{int(digits):,}".replace(",", sign)


def in_point(value: Decimal, sign: str, point: str) -> str:
    whole, _, rest = f"{abs(value):f}".partition(".")
    return ("-" if value < 0 else "") + grouped(whole, sign) + (point + rest if rest else "")


def in_lakhs(value: Decimal) -> str:
    whole, _, rest = f"{abs(value):f}".partition(".")
    head, tail = whole[:-3], whole[-3:]
    pairs = re.sub(r"(?<=\d)(?=(?:\d\d)+$)", ",", head)
    return ("-" if value < 0 else "") + (f"{pairs},{tail}" if pairs else tail) + (f".{rest}" if rest else "")


def in_brackets(value: Decimal) -> str:
    return f"({abs(value):,f})" if value < 0 else f"{value:,f}"


WIDE = str.maketrans("0123456789.,-", "０１２３４５６７８９．，－")
ARABIC = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
NOTATIONS: dict[str, Callable[[Decimal], str]] = {
    "plain": lambda value: f"{value:f}",
    "English": lambda value: in_point(value, ",", "."),
    "Swiss": lambda value: in_point(value, "'", "."),
    "narrow spaces": lambda value: in_point(value, "\u202f", ","),
    "spaces": lambda value: in_point(value, " ", ","),
    "Indian": in_lakhs,
    "bookkeeping": in_brackets,
    "full width": lambda value: in_point(value, ",", ".").translate(WIDE),
    "Arabic": lambda value: f"{value:f}".translate(ARABIC),
    "minus": lambda value: f"{value:f}".replace("-", "−"),
    "en dash": lambda value: f"{value:f}".replace("-", "–"),
    "dollars": lambda value: f"${value:,f}",
    "euros": lambda value: f"{value:f} €",
    "percent": lambda value: f"{value:f} percent",
    "about": lambda value: f"about {value:f}",
    "kilograms": lambda value: f"{value:f}kg",
    "exponent": lambda value: f"{value:E}",
}
LOCAL: dict[str, Callable[[Decimal], str]] = {
    "points": lambda value: in_point(value, ".", ","),
    "spaces": lambda value: in_point(value, " ", ","),
    "comma": lambda value: f"{value:f}".replace(".", ","),
}
WORDS = [
    ("thousand", 3), ("million", 6), ("billion", 9), ("trillion", 12), ("lakh", 5), ("crore", 7), ("k", 3), ("M", 6),
    ("Tsd.", 3), ("Mio.", 6), ("Mrd.", 9), ("Millionen", 6), ("millions", 6), ("milliards", 9), ("mil", 3),
    ("millones", 6), ("mil millones", 9), ("milhões", 6), ("bilhões", 9), ("mila", 3), ("milioni", 6), ("miliardi", 9),
    ("万", 4), ("亿", 8), ("億", 8),
]  # fmt: skip
DECIMALS = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-(10**9), 10**9), st.integers(0, 2)
)


@given(DECIMALS)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_what_is_written_in_a_notation_is_read(notation: str, value: Decimal) -> None:
    assert alone(NOTATIONS[notation](value)) == Fraction(value)


@given(value=DECIMALS, locale=st.sampled_from(["de", "fr", "es", "pt", "it"]))
@pytest.mark.parametrize("notation", LOCAL)
def test_what_is_written_in_a_locale_of_decimal_commas_is_read(notation: str, locale: str, value: Decimal) -> None:
    text = LOCAL[notation](value)
    assert alone(text, locale) == Fraction(value)
    if keeps_decimal_comma(text):
        assert alone(text) == Fraction(value)


@given(DECIMALS, st.sampled_from(WORDS), st.booleans())
def test_a_scale_word_multiplies(value: Decimal, scale: tuple[str, int], comma: bool) -> None:
    word, power = scale
    digits = f"{value:f}".replace(".", ",") if comma else f"{value:f}"
    expected = Fraction(value) * 10**power
    assert alone(f"{digits} {word}") == expected
    said = f"it was {value:f}{' ' if len(word) > 1 else ''}{word} then"
    assert [found.value.value for found in find_numbers(said)] == [expected]


@pytest.mark.parametrize(("word", "power"), [scale for scale in WORDS if scale[0].isascii()])
def test_a_scale_word_stands_for_a_power_of_ten(word: str, power: int) -> None:
    assert exponent(f" {word}") == power


BEFORE_WHOLE = re.compile(
    r"(?P<sign>[-+−]?)\s?[$€£¥₹]?\s?(?P<late>(?<!\d)[-+−]?)(?P<body>(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?"
    r"|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?|[0-9]+\.)\s?(?P<percent>%?)\.?"
)
"""The forms that were read before other notations were: English ones in ASCII."""


@given(st.from_regex(BEFORE_WHOLE, fullmatch=True).filter(lambda text: text.isascii() and len(text) < 100))
def test_what_was_read_before_is_read_as_before(text: str) -> None:
    seen = BEFORE_WHOLE.fullmatch(text.strip())
    if seen is None or (seen["sign"] and seen["late"]) or re.match(r"0,", seen["body"]):
        return
    plain = seen["body"].replace(",", "")
    if float(plain) in (0.0, float("inf")):
        return
    expected = Fraction(Decimal(plain)) * (-1 if "-" in (seen["sign"], seen["late"]) else 1)
    number = number_alone(text).value
    assert number is not None
    assert (number.value, number.percent) == (expected, bool(seen["percent"]))


ENGLISH: dict[str, list[Any]] = {
    "7": [7], "-3": [-3], "2019": [2019], "4.5": [Fraction("4.5")], "1,200": [1200], "1e3": [1000], "62%": [62],
    "2020-2021": [2020, 2021], "5kg": [5], "Q1": [], "v1.2.3": [], "1_000": [], "red": [],
}  # fmt: skip


@given(st.lists(st.sampled_from(sorted(ENGLISH))))
def test_numbers_in_english_sentences_are_found_as_before(words: list[str]) -> None:
    expected = [value for word in words for value in ENGLISH[word]]
    assert [found.value.value for found in find_numbers(" and ".join(words))] == expected


@given(st.text(st.sampled_from("0159.,'- \u00a0$€%()kMm½万億５–eE_")))
def test_no_text_breaks_the_readers_and_every_piece_of_evidence_stands_in_it(text: str) -> None:
    for found in (*find_numbers(text), *find_numbers(text, "de"), *read_number(text).found):
        assert text[found.start : found.start + len(found.text)] == found.text
        assert found.value.value == Fraction(found.value.value)


@pytest.mark.parametrize(
    "piece",
    [
        "1 000 ",
        "1.000.",
        "1,000,",
        "1'000'",
        "12,34,",
        "1 ",
        "½",
        "5万",
        "3億5000",
        "$",
        "-",
        "(",
        "5 mil ",
        "1,5 ",
        "５",
        "~",
        "US$",
        "minus ",
        "1 + ",
        "1=",
        "\\text{",
        "5 × 10",
        "三",
        "twenty ",
        "A-1",
    ],
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece)) + "_"
        start = time.process_time()
        find_numbers(text)
        find_numbers(text, "de")
        read_number(text)
        return time.process_time() - start

    seconds(1000)
    assert seconds(200_000) < 10
