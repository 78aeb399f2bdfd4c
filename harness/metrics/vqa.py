"""VQA accuracy: agreement with ten annotators, each left out in turn."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from harness.metrics._base import NAN, AnswerMetric
from harness.metrics._columns import Pairs, Rows, ScoreColumns
from harness.metrics._text import fold
from harness.metrics._variants import LMMS_EVAL, VLMEVALKIT, VQA, Variants
from harness.types import Score, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENTRIES: Final = {"vqa_accuracy": "VqaAccuracy"}

MIN_ANNOTATORS: Final = 4
"""With fewer, nobody can reach 1: three others must agree with the answer."""

_DIGITS: Final = "zero one two three four five six seven eight nine ten"
_NUMBER_WORDS: Final = {word: str(number) for number, word in enumerate(_DIGITS.split())} | {"none": "0"}
_ARTICLES: Final = frozenset({"a", "an", "the"})

_CONTRACTED: Final = """
    ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've
    he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've
    o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll
    somebody's someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd
    there'd've there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll
    what're what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't
    would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've
"""


def _contractions() -> dict[str, str]:
    """Map each spelling that lacks one apostrophe to the full one; the official table has one entry the wrong way."""
    table = {"somebody'd": "somebodyd"}
    for word in _CONTRACTED.split():
        for at in (i for i, letter in enumerate(word) if letter == "'"):
            table[word[:at] + word[at + 1 :]] = word
    return table


_RESTORED: Final = _contractions()
_PUNCTUATION: Final = tuple(';/[]"{}()=+\\_-><@`,?!')
_DIGIT_COMMA: Final = re.compile(r"\d,\d")
_DIGIT_COMMAS: Final = re.compile(r"(?<=\d),+(?=\d)")
_STOP: Final = re.compile(r"\.(?!\d)")
_LONE_STOP: Final = re.compile(r"(?<!\d)\.(?!\d)")
_STOP_LIMIT: Final = 32
"""The official code passes a flag of this value where ``re.sub`` takes a count."""


def official_punctuation(text: str) -> str:
    """Return ``text`` without punctuation, as the official evaluation removes it.

    A mark that touches a space anywhere, or any mark where a comma stands between two digits, is
    deleted; other marks become spaces. At most 32 full stops go, those before a digit stay.

    >>> official_punctuation("well-done, 1,000 (ok)."), official_punctuation("red/blue 3.5")
    ('welldone 1000 ok', 'red blue 3.5')
    """
    return _punctuation(text, _DIGIT_COMMA, _STOP)


def vlmevalkit_punctuation(text: str) -> str:
    """As :func:`official_punctuation`; but a full stop after a digit stays too.

    >>> vlmevalkit_punctuation("no. 5."), official_punctuation("no. 5.")
    ('no 5.', 'no 5')
    """
    return _punctuation(text, _DIGIT_COMMA, _LONE_STOP)


def _lmms_eval_punctuation(text: str) -> str:
    # As the official one; several commas between two digits count as one.
    return _punctuation(text, _DIGIT_COMMAS, _STOP)


def _punctuation(text: str, digit_comma: re.Pattern[str], stop: re.Pattern[str]) -> str:
    glued = digit_comma.search(text) is not None
    out = text
    for mark in _PUNCTUATION:
        drop = glued or f"{mark} " in text or f" {mark}" in text
        out = out.replace(mark, "" if drop else " ")
    return stop.sub("", out, count=_STOP_LIMIT)


def official_words(text: str) -> str:
    """Return ``text`` in lower case, number words as digits, no articles, apostrophes restored.

    >>> official_words("The dont  two")
    "don't 2"
    """
    words = (_NUMBER_WORDS.get(word, word) for word in text.lower().split())
    return " ".join(_RESTORED.get(word, word) for word in words if word not in _ARTICLES)


@lru_cache(maxsize=65536)
def _official(text: str) -> str:
    return official_words(official_punctuation(text))


def _flat(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_MARKS: Final = re.compile(r"[^\w\s.'’-]|_|\.(?!\d)|(?<=\S)-|-(?!\d)")
_INITIALS: Final = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){1,31}[^\W\d_]?(?![^\W_])")
"""Single letters with a full stop after each but perhaps the last: "U.S.A.", "p.m"."""
_APOSTROPHES: Final = re.compile(r"['’]")


@lru_cache(maxsize=65536)
def normalize(text: str) -> str:
    """Return ``text`` as the default variant compares it.

    Case folded; thousands commas removed, full stops of initials too, so that "U.S.A." equals "usa" (in all published
    implementations it does); other punctuation to spaces, decimal points and minus signs kept;
    apostrophes dropped, so that every contraction equals its careless spelling; number words as
    digits; articles dropped unless nothing else is left.

    >>> normalize("The Dog's 1,000 red-ish, ones."), normalize("-3.5"), normalize("A"), normalize("U.S.A.")
    ('dogs 1000 red ish ones', '-3.5', 'a', 'usa')
    """
    whole = _THOUSANDS.sub("", fold(text))
    if "." in whole:
        whole = _INITIALS.sub(_joined_letters, whole)
    plain = _APOSTROPHES.sub("", _MARKS.sub(" ", whole))
    words = [_NUMBER_WORDS.get(word, word) for word in plain.split()]
    return " ".join([word for word in words if word not in _ARTICLES] or words)


def _joined_letters(found: re.Match[str]) -> str:
    return found[0].replace(".", "")


def leave_one_out_columns(matches: "NDArray[np.int64]", annotators: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """As :func:`leave_one_out`, elementwise; at least one annotator."""
    import numpy as np

    ours, theirs = np.clip(matches - 1, 0, 3), np.minimum(matches, 3)
    shares: NDArray[np.float64] = (matches * ours + (annotators - matches) * theirs) / (3 * annotators)
    return shares


def leave_one_out(matches: int, annotators: int) -> float:
    """Return the mean over annotators of min(1, matches among the others / 3).

    >>> round(leave_one_out(3, 10), 4), leave_one_out(4, 10)
    (0.9, 1.0)
    """
    ours = min(3, max(matches - 1, 0))
    theirs = min(3, matches)
    return (matches * ours + (annotators - matches) * theirs) / (3 * annotators)


def _official_answer(text: str) -> str:
    return _official(_flat(text))


@lru_cache(maxsize=65536)
def _lmms_eval_answer(text: str) -> str:
    return official_words(_lmms_eval_punctuation(_flat(text)))


@lru_cache(maxsize=65536)
def _vlmevalkit_answer(text: str) -> str:
    return official_words(vlmevalkit_punctuation(_flat(text)))


Cleaner = Callable[[str], str]


class _Cleaners(NamedTuple):
    """What is done to answers, the model's and the annotators', before they are compared."""

    agreed: Cleaner
    """Where the annotators, line breaks and tabs aside, all wrote the same."""
    split: Cleaner
    """Where they did not."""


_CLEANERS: Final[Mapping[str, _Cleaners]] = {
    "default": _Cleaners(normalize, normalize),
    "official": _Cleaners(_flat, _official_answer),
    "lmms-eval": _Cleaners(_lmms_eval_answer, _lmms_eval_answer),
    "vlmevalkit": _Cleaners(_vlmevalkit_answer, _vlmevalkit_answer),
}


def _matches(prediction: str, references: Sequence[str], cleaners: _Cleaners) -> int:
    """Return how many annotators gave this answer."""
    agree = cleaners.agreed is cleaners.split or len({_flat(text) for text in references}) == 1
    clean = cleaners.agreed if agree else cleaners.split
    answer = clean(prediction)
    return sum(clean(text) == answer for text in references)


class _Distinct:
    """Texts of which many are equal, so that each is cleaned once."""

    def __init__(self, texts: Sequence[str]) -> None:
        import numpy as np

        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        self._texts = tuple(places)
        self._places = np.fromiter(map(places.__getitem__, texts), np.int64, len(texts))
        self._forms: dict[str, int] = {}
        self._coded: dict[Cleaner, NDArray[np.int64]] = {}

    def cleaned(self, clean: Cleaner) -> "NDArray[np.int64]":
        """Return a number for each text, [n]: the same for what is equal once cleaned, by whichever cleaner."""
        import numpy as np

        if clean not in self._coded:
            forms = self._forms
            codes = (forms.setdefault(clean(text), len(forms)) for text in self._texts)
            self._coded[clean] = np.fromiter(codes, np.int64, len(self._texts))[self._places]
        return self._coded[clean]


def _match_columns(predictions: Sequence[str], pairs: Pairs, cleaners: _Cleaners) -> "NDArray[np.int64]":
    """As :func:`_matches`, for each row."""
    import numpy as np

    n, m = len(predictions), len(pairs.references)
    texts = _Distinct([*pairs.references, *predictions])

    def same(clean: Cleaner) -> "NDArray[np.bool_]":
        codes = texts.cleaned(clean)
        equal: NDArray[np.bool_] = codes[:m] == codes[m:][pairs.rows]
        return equal

    hits = same(cleaners.agreed)
    if cleaners.agreed is not cleaners.split:
        flat = texts.cleaned(_flat)[:m]
        first = flat[np.cumsum(pairs.sizes) - pairs.sizes]
        split = np.bincount(pairs.rows[flat != first[pairs.rows]], minlength=n) > 0
        hits = np.where(split[pairs.rows], same(cleaners.split), hits)
    return np.bincount(pairs.rows[hits], minlength=n)


class VqaAccuracy(AnswerMetric):
    """Mean over annotators of min(1, others who gave this answer / 3), after normalisation.

    The references are the annotators' answers, one each, repeats included (ten in VQA v2). With 4 others
    in agreement the score is 1. Range 0 to 1, higher is better.

    Edge cases:
        Fewer than 4 annotators: ``undefined``, since even a perfect answer could not reach 1 (use
        ``exact_match``); the published variants score it as they do. An empty answer: as ``anls``.

    Source:
        Antol et al. 2015 (arXiv:1505.00468), Goyal et al. 2017 (arXiv:1612.00837).

    >>> VqaAccuracy().score("2 dogs", ["two dogs"] * 3 + ["dogs"] * 7).value
    0.9
    """

    name = "vqa_accuracy"
    compares_text = True
    variants: ClassVar[Variants] = {
        "default": "both sides always normalised, see harness.metrics.vqa.normalize",
        "official": VQA.variant(
            "PythonEvaluationTools/vqaEvaluation/vqaEval.py",
            "normalises only where the annotators disagree; its rules of punctuation",
        ),
        "lmms-eval": LMMS_EVAL.variant("lmms_eval/tasks/vqav2/utils.py", "the official normalisation, always"),
        "vlmevalkit": VLMEVALKIT.variant(
            "vlmeval/dataset/utils/vqa_eval.py",
            "the official normalisation, always; a full stop after a digit stays",
        ),
    }

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        if self.variant == "default" and len(references) < MIN_ANNOTATORS:
            return Score(NAN, Status.UNDEFINED, {"annotators": len(references)})
        return Score(leave_one_out(_matches(prediction, references, _CLEANERS[self.variant]), len(references)))

    def judge_batch(self, rows: Rows) -> ScoreColumns | None:
        pairs = rows.pairs()
        matches = _match_columns(rows.predictions, pairs, _CLEANERS[self.variant])
        columns = ScoreColumns.ok(leave_one_out_columns(matches, pairs.sizes))
        return columns.but(pairs.sizes < MIN_ANNOTATORS, Status.UNDEFINED) if self.variant == "default" else columns
