"""Hypothesis strategies that write a known value as models write it: what a reader must give back.

Each yields a row as in the table of forms: the text, and what it says. A form is a core ("(B)", "1,200 kg"), set in
a sentence or a mark of some language, and wrapped in what comes with an answer: thinking, special tokens, fences,
bold type, invisible characters.
"""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st

from harness.testing.strategies import json_values
from tests.reading.forms.table import Row

Texts = st.SearchStrategy[str]

_STATED: Final = {
    "en": ("The answer is {}.", "Answer: {}", "**Final answer:** {}", "So the correct answer is:\n\n{}"),
    "de": ("Die Antwort ist {}.", "Antwort: {}", "Die richtige Antwort lautet {}."),
    "fr": ("La réponse est {}.", "Réponse : {}", "La bonne réponse est {}."),
    "es": ("La respuesta es {}.", "Respuesta: {}", "Respuesta final: {}"),
    "pt": ("A resposta é {}.", "Resposta: {}", "Resposta final: {}"),
    "it": ("La risposta è {}.", "Risposta: {}", "Risposta finale: {}"),
    "zh": ("答案是{}。", "答案：{}", "最终答案：{}"),
    "ja": ("答えは{}です。", "答え：{}", "正解は{}です。"),
}
"""Sentences that state an answer."""
_SHOWN: Final = ("{}", "**{}**", "<answer>{}</answer>", "{}\n", " {}")
"""How an answer is shown that stands alone."""
_THOUGHT: Final = (
    "<think>{}</think>\n\n",
    "<thinking>{}</thinking>",
    "[THINK]{}[/THINK]",
    "◁think▷{}◁/think▷",
    "{}</think>",
)
_MARKS: Final = ("", "", "<|im_end|>", "</s>", "<|eot_id|>")
_BEFORE: Final = ("", "", "\ufeff", "\u200b", "\u200e", "\u2060")
_BEHIND: Final = ("", "", "\u200b", "\u200f", "\ufe0f")


def wrapped(core: Texts, draft: Texts) -> Texts:
    """Wrap an answer in what a reader must look through: invisible characters, special tokens, thinking of a draft."""
    thought = st.just("") | st.builds(str.format, st.sampled_from(_THOUGHT), draft)
    return st.builds(
        lambda *parts: "".join(parts),
        thought,
        st.sampled_from(_BEFORE),
        core,
        st.sampled_from(_BEHIND),
        st.sampled_from(_MARKS),
    )


def stated(core: Texts) -> st.SearchStrategy[tuple[str, str]]:
    """State an answer in a sentence of one of eight languages, or show it alone; yield the language and the text."""
    sentence = st.sampled_from([(language, form) for language, forms in _STATED.items() for form in forms])
    alone = st.sampled_from([("en", form) for form in _SHOWN])
    return st.builds(lambda said, text: (said[0], said[1].replace("{}", text)), sentence | alone, core)


def _written(
    kind: str,
    values: st.SearchStrategy[Any],
    forms: Sequence[Callable[[Any], str]],
    right: Callable[[Any], Any] = lambda value: value,
) -> st.SearchStrategy[Row]:
    form = st.sampled_from(forms)

    def of(value: Any) -> st.SearchStrategy[Row]:
        draft = st.builds(lambda write, other: write(other), form, values)
        said = stated(form.map(lambda write: write(value)))
        return said.flatmap(
            lambda pair: wrapped(st.just(pair[1]), draft).map(
                lambda text: Row(kind, 0, text, pair[0] if kind != "number" else "en", "composed", False, right(value))
            )
        )

    return values.flatmap(of)


def undecided(kind: str, values: st.SearchStrategy[Any], write: Callable[[Any], str]) -> st.SearchStrategy[Row]:
    """Two different values with nothing that decides between them: what must be unparsed."""
    joint = st.sampled_from(
        ["{} or {}", "Either {} or {}.", "The answer is {} or {}", "{} oder {}", "{}或{}", "{} ou {}"]
    )
    return st.builds(
        lambda form, pair: Row(kind, 0, form.format(*map(write, pair)), "en", "composed", True, pair),
        joint,
        st.lists(values, min_size=2, max_size=2, unique_by=str),
    )


_LETTERS: Final = st.sampled_from("ABCDEFGH")


def choices() -> st.SearchStrategy[Row]:
    """A letter: alone, in brackets, in a box, with a full stop, in small letters."""
    forms = (
        str,
        "({})".format,
        "**{}**".format,
        "\\boxed{{{}}}".format,
        "option {}".format,
        "[{}]".format,
    )
    return _written("choice", _LETTERS, forms)


def open_choices() -> st.SearchStrategy[Row]:
    """Two letters, undecided."""
    return undecided("choice", _LETTERS, "({})".format)


def _plain(value: Decimal) -> str:
    return f"{value:f}"


def numbers() -> st.SearchStrategy[Row]:
    """A number: with thousands commas, a currency, a unit, a typographic minus, full-width digits, an exponent."""
    values = st.builds(
        lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-(10**7), 10**7), st.integers(0, 3)
    )
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    forms = (
        _plain,
        lambda value: f"{value:,f}",
        lambda value: f"${value:,f}".replace("$-", "-$"),
        lambda value: f"{value:f} kg",
        lambda value: f"{value:,f} €",
        lambda value: f"{value:f}".replace("-", "−"),
        lambda value: f"{value:f}".translate(wide),
        lambda value: f"\\boxed{{{value:f}}}",
        lambda value: f"{value.scaleb(-6):f} million",
    )
    return _written("number", values, forms, str)


def open_numbers() -> st.SearchStrategy[Row]:
    """Two numbers, undecided."""
    return undecided("number", st.integers(0, 10**6), str)


def boxes() -> st.SearchStrategy[Row]:
    """A box x1, y1, x2, y2 in the forms of several models, behind a number that belongs to something else or not."""
    # Of thousandths, [0, 0, 1, 1] is a dot, which no model means.
    side = st.lists(st.integers(0, 999), min_size=2, max_size=2, unique=True).map(sorted).filter(lambda to: to[1] > 1)
    values = st.builds(lambda across, down: [across[0], down[0], across[1], down[1]], side, side)
    forms = (
        str,
        lambda box: f"({box[0]},{box[1]}),({box[2]},{box[3]})",
        lambda box: f"<box>({box[0]},{box[1]}),({box[2]},{box[3]})</box>",
        lambda box: f"<|ref|>dog<|/ref|><|det|>[{box}]<|/det|>",
        lambda box: json.dumps({"bbox_2d": box, "label": "dog 1"}),
        lambda box: json.dumps([{"box_2d": [box[1], box[0], box[3], box[2]]}]),
        lambda box: f"```json\n{json.dumps({'bbox': box})}\n```",
        lambda box: f"dog 2: {box}",
    )
    return _written("box", values, forms, lambda box: [box])


def _span_values() -> st.SearchStrategy[tuple[int, int]]:
    return st.lists(st.integers(0, 3599), min_size=2, max_size=2, unique=True).map(lambda ends: (min(ends), max(ends)))


def _clock(seconds: int) -> str:
    return f"{seconds // 60:02}:{seconds % 60:02}"


_SPANS: Final[Sequence[Callable[[tuple[int, int]], str]]] = (
    lambda span: f"{span[0]} to {span[1]} seconds",
    lambda span: f"[{span[0]}, {span[1]}]",
    lambda span: f"{span[0]}.0s – {span[1]}.0s",
    lambda span: f"{_clock(span[0])} - {_clock(span[1])}",
    lambda span: f"00:{_clock(span[0])} --> 00:{_clock(span[1])}",
    lambda span: json.dumps({"start": span[0], "end": span[1]}),
    lambda span: json.dumps({"start_time": _clock(span[0]), "end_time": _clock(span[1])}),
    lambda span: f"2-3 people walk in from {span[0]} s to {span[1]} s",
    lambda span: f"von {span[0]} bis {span[1]} Sekunden",
    lambda span: f"从{span[0]}秒到{span[1]}秒",
    lambda span: f"de {span[0]} à {span[1]} secondes",
)


def spans() -> st.SearchStrategy[Row]:
    """A window in seconds: in words, on a clock, in JSON, beside numbers that are no times."""
    return _written("span", _span_values(), _SPANS, lambda span: [list(span)])


_YES_NO: Final = {
    "yes": {
        "en": ("yes", "Yes"),
        "de": ("ja", "Ja"),
        "fr": ("oui",),
        "es": ("sí",),
        "pt": ("sim",),
        "it": ("sì",),
        "zh": ("是",),
        "ja": ("はい",),
    },
    "no": {
        "en": ("no", "No"),
        "de": ("nein",),
        "fr": ("non",),
        "es": ("no",),
        "pt": ("não",),
        "it": ("no",),
        "zh": ("否",),
        "ja": ("いいえ",),
    },
}


def yes_nos() -> st.SearchStrategy[Row]:
    """Yes or no in eight languages, stated in the same language or alone."""

    def of(pair: tuple[str, str]) -> st.SearchStrategy[Row]:
        value, language = pair
        other = {"yes": "no", "no": "yes"}[value]
        core = st.builds(
            lambda form, word: form.replace("{}", word),
            st.sampled_from([*_STATED[language], *_SHOWN]),
            st.sampled_from(_YES_NO[value][language]),
        )
        text = wrapped(core, st.sampled_from(_YES_NO[other][language]))
        return text.map(lambda text: Row("yes_no", 0, text, language, "composed", False, value))

    return st.tuples(st.sampled_from(["yes", "no"]), st.sampled_from([*_STATED])).flatmap(of)


_WESTERN: Final = ("en", "de", "fr", "es", "pt", "it")


def open_yes_nos() -> st.SearchStrategy[Row]:
    """Both in one breath."""
    both = [
        (language, yes, no)
        for language in _WESTERN
        for yes in _YES_NO["yes"][language]
        for no in _YES_NO["no"][language]
    ]
    return st.builds(
        lambda said, form: Row("yes_no", 0, form.format(*said[1:]), said[0], "composed", True, ["yes", "no"]),
        st.sampled_from(both),
        st.sampled_from(["{}/{}", "{} / {}", "{} or {}"]),
    )


def jsons() -> st.SearchStrategy[Row]:
    """An object or a list of objects: in fences, in prose, in tags, with slips of the pen."""
    record = st.dictionaries(st.sampled_from(["total", "date", "name"]), json_values(), min_size=1, max_size=3)
    forms = (
        json.dumps,
        lambda value: json.dumps(value, indent=2, ensure_ascii=False),
        lambda value: f"```json\n{json.dumps(value)}\n```",
        lambda value: f"```\n{json.dumps(value, indent=1)}\n```\nThat is all.",
        lambda value: f"Here it is, as asked: {json.dumps(value)}",
        lambda value: f"{json.dumps(value)[:-1]},}}" if isinstance(value, dict) else json.dumps(value),
        repr,
    )
    values = record | st.lists(record, min_size=1, max_size=2)
    return values.flatmap(
        lambda value: wrapped(st.sampled_from(forms).map(lambda write: write(value)), record.map(json.dumps)).map(
            lambda text: Row("json", 0, text, "en", "composed", False, value)
        )
    )
