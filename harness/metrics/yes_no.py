"""Yes/no probes: POPE (hallucinated objects) and MME (pairs of questions about one image)."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from harness.estimate import Node, f_beta, grouped, mean
from harness.metrics._base import NAN, AnswerMetric, Failures, check_references, same_length, truth
from harness.metrics._summed import SummedAnswerMetric, check_by, code_of
from harness.metrics._variants import LMMS_EVAL, MME, POPE, VLMEVALKIT, Variants
from harness.metrics.vqa import vlmevalkit_punctuation
from harness.reading.yes_no import read_yes_no
from harness.types import Direction, MetricValue, Score, Status

ENTRIES: Final = {
    "mme": "Mme",
    "mme_plus": "MmePlus",
    "pope": "Pope",
    "pope_f1": "PopeF1",
    "pope_precision": "PopePrecision",
    "pope_recall": "PopeRecall",
    "pope_yes_ratio": "PopeYesRatio",
}


def _default(text: str) -> str | None:
    return read_yes_no(text).value


def _pope_official(text: str) -> str | None:
    said = text.split(".", maxsplit=1)[0].replace(",", "").split(" ")
    return "no" if any(word in ("No", "not", "no") for word in said) else "yes"


def _whole(text: str) -> str | None:
    said = text.lower().strip()
    return said if said in ("yes", "no") else None


def _vlmevalkit(text: str) -> str | None:
    found = {"yes", "no"} & set(vlmevalkit_punctuation(text.lower()).split())
    return found.pop() if len(found) == 1 else None


def _prefix(text: str) -> str | None:
    start = text[:4]
    return "yes" if "yes" in start else "no" if "no" in start else None


def _mme_official(text: str) -> str | None:
    return _prefix(text.lower())


def _mme_lmms_eval(text: str) -> str | None:
    said = text.lower().strip().replace(".", "")
    return {"y": "yes", "n": "no"}.get(said) if len(said) == 1 else _prefix(said)


_POPE: Final[Mapping[str, Callable[[str], str | None]]] = {
    "default": _default,
    "official": _pope_official,
    "lmms-eval": _whole,
    "vlmevalkit": _vlmevalkit,
}
_VLMEVALKIT: Final = VLMEVALKIT.variant(
    "vlmeval/dataset/utils/yorn.py", "yes or no occurs as a word, not both; without a judge"
)
_POPE_VARIANTS: Final[Variants] = {
    "default": "reads one clear yes or no; anything else is unparsed",
    "official": POPE.variant(
        "evaluate.py", "first sentence; no, No or not make it no, everything else (refusals too) yes"
    ),
    "lmms-eval": LMMS_EVAL.variant("lmms_eval/tasks/pope/utils.py", "the whole answer is yes or no"),
    "vlmevalkit": _VLMEVALKIT,
}
_MME: Final[Mapping[str, Callable[[str], str | None]]] = {
    "default": _default,
    "official": _mme_official,
    "lmms-eval": _mme_lmms_eval,
    "vlmevalkit": _vlmevalkit,
}
_MME_VARIANTS: Final[Variants] = {
    "default": "reads one clear yes or no; anything else is unparsed",
    "official": MME.variant(
        "eval_tool/calculation.py",
        "yes or no within the first four characters, of 'know' too; MME's own archive, in a copy",
    ),
    "lmms-eval": LMMS_EVAL.variant(
        "lmms_eval/tasks/mme/utils.py",
        "trims and drops full stops; yes or no within the first four characters, of 'know' too; y and n count",
    ),
    "vlmevalkit": _VLMEVALKIT,
}


def _label(references: Sequence[str]) -> str:
    labels = {reference.strip().rstrip(".").lower() for reference in check_references(references)}
    if len(labels) != 1 or not labels <= {"yes", "no"}:
        raise ValueError(f"references must be 'yes' or 'no', got {sorted(labels)}")
    return labels.pop()


class _YesNo(AnswerMetric):
    binary = True
    readers: ClassVar[Mapping[str, Callable[[str], str | None]]]

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        wanted = _label(references)
        said = self.readers[self.variant](prediction)
        if said is None:
            return Score(NAN, Status.UNPARSED)
        return Score(truth(said == wanted).value, detail={"said": said})


class Pope(_YesNo):
    """Accuracy on yes/no probes for objects: 1 where the answer says what the reference says, else 0.

    Range 0 to 1, higher is better. See ``pope_f1``, ``pope_precision``, ``pope_recall`` and
    ``pope_yes_ratio`` over the same answers.

    Edge cases:
        An answer that is not one clear yes or no (refusal, both, empty): ``unparsed``, worth 0. The
        reference must be "yes" or "no".

    Source:
        Li et al. 2023, "Evaluating Object Hallucination" (arXiv:2305.10355).

    >>> Pope().score("No, there is none.", ["no"]).value, Pope("official").score("I cannot tell", ["yes"]).value
    (1.0, 1.0)
    """

    name = "pope"
    readers: ClassVar[Mapping[str, Callable[[str], str | None]]] = _POPE
    variants: ClassVar[Variants] = _POPE_VARIANTS


class Mme(_YesNo):
    """Accuracy on MME's yes/no questions, two about each image: 1 where the answer is right, else 0.

    Range 0 to 1 (MME's score of a category is 100 · ``mme`` + 100 · ``mme_plus``), higher is better.

    Edge cases:
        As ``pope``.

    Source:
        Fu et al. 2023, "MME" (arXiv:2306.13394).

    >>> Mme().score("I know that it is", ["no"]).status.value, Mme("lmms-eval").score("know it", ["no"]).value
    ('unparsed', 1.0)
    """

    name = "mme"
    readers: ClassVar[Mapping[str, Callable[[str], str | None]]] = _MME
    variants: ClassVar[Variants] = _MME_VARIANTS


class _PopeRate(SummedAnswerMetric, _YesNo):
    """A rate over all probes, of which each adds whether it is right, answered and labelled yes, and readable."""

    readers: ClassVar[Mapping[str, Callable[[str], str | None]]] = _POPE
    variants: ClassVar[Variants] = _POPE_VARIANTS
    sums: ClassVar[tuple[str, ...]] = ("hit", "said_yes", "labelled_yes", "readable")
    binary_sums = frozenset(sums)
    rate: ClassVar[tuple[str, str]]
    """The sums of which it is the ratio."""

    def form(self, label: str, at: Sequence[str]) -> Node:
        return self.ratio(label, at, *self.rate)

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        score = super().judge(prediction, references, context)
        said, wanted = score.detail.get("said"), _label(references)
        counts = wanted == "yes" and not (self.variant == "lmms-eval" and said is None)
        sums = {
            "hit": float(said == wanted == "yes"),
            "said_yes": float(said == "yes"),
            "labelled_yes": float(counts),
            "readable": float(said is not None),
        }
        return replace(score, sums=sums)

    def failed(self, empty: Score, status: Status) -> Score:
        # Not the sums of an empty answer as they are: to the official reader silence is a yes.
        score = super().failed(empty, status)
        label = {name: score.sums[name] for name in ("labelled_yes",) if name in score.sums}
        return replace(score, sums=dict.fromkeys(score.sums, 0.0) | label)

    def compute(
        self,
        predictions: Sequence[str | None],
        labels: Sequence[str],
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the rate over all probes.

        Args:
            predictions: one answer a row, None where it is missing.
            labels: "yes" or "no" for each row.
            clusters: rows with the same string share an image.
            confidence: two-sided coverage of the interval.
        """
        same_length(predictions=predictions, labels=labels)
        return self.over(predictions, [(label,) for label in labels], clusters, confidence)


class PopePrecision(_PopeRate):
    """Share of the answers "yes" that are right.

    Range 0 to 1, higher is better. Jackknife interval.

    Edge cases:
        No answer is "yes": NaN with n = 0. A failed, unparsed or missing answer is no "yes".

    Source:
        As ``pope``.

    >>> PopePrecision().compute(["yes", "yes", "no"], ["yes", "no", "yes"]).value
    0.5
    """

    name = "pope_precision"
    computed = "right yes / answered yes"
    rate = ("hit", "said_yes")


class PopeRecall(_PopeRate):
    """Share of the probes whose label is "yes" that are answered "yes".

    Range 0 to 1, higher is better. Jackknife interval.

    Edge cases:
        No label is "yes": NaN with n = 0. Unparsed, failed and missing answers count as missed; ``lmms-eval`` leaves
        the unparsed ones out.

    Source:
        As ``pope``.

    >>> PopeRecall().compute(["yes", "hm", "no"], ["yes", "yes", "no"]).value
    0.5
    """

    name = "pope_recall"
    computed = "right yes / labelled yes"
    rate = ("hit", "labelled_yes")


class PopeF1(_PopeRate):
    """Harmonic mean of ``pope_precision`` and ``pope_recall``: 2 · right yes / (answered yes + labelled yes).

    Range 0 to 1, higher is better. Jackknife interval.

    Edge cases:
        No "yes" among answers and labels: NaN with n = 0. Unparsed answers: as ``pope_recall``.

    Source:
        As ``pope``.

    >>> PopeF1().compute(["yes", "yes", "no"], ["yes", "no", "yes"]).value
    0.5
    """

    name = "pope_f1"
    computed = "2 · right yes / (answered yes + labelled yes)"

    def form(self, label: str, at: Sequence[str]) -> Node:
        hit, said, labelled = (self.sum(label, name, at) for name in ("hit", "said_yes", "labelled_yes"))
        return f_beta(hit, said, labelled)


class PopeYesRatio(_PopeRate):
    """Share of the answers that are "yes": far from the labels' own share, the model is biased.

    Of all readable answers. Range 0 to 1; neither direction is better. Jackknife interval.

    Edge cases:
        No readable answer: NaN with n = 0. ``lmms-eval`` looks at the labels instead of the answers.

    Source:
        As ``pope``.

    >>> PopeYesRatio().compute(["yes", "hm", "no"], ["yes", "yes", "yes"]).value
    0.5
    """

    name = "pope_yes_ratio"
    direction: ClassVar[Direction] = "none"
    computed = "answered yes / readable answers"

    def form(self, label: str, at: Sequence[str]) -> Node:
        if self.variant == "lmms-eval":
            return mean(self.sum(label, "labelled_yes", at))
        return self.ratio(label, at, "said_yes", "readable")

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        score = super().judge(prediction, references, context)
        return replace(score, sums={**score.sums, "labelled_yes": float(_label(references) == "yes")})


class MmePlus(SummedAnswerMetric, _YesNo):
    """MME's acc+: share of images all of whose questions are answered right.

    Range 0 to 1, higher is better. Wilson interval.

    Args:
        by: what says which questions are about one image: the fact ``group``, or the samples' ``cluster``.

    Edge cases:
        An image of which one question alone is there does not count (``compute`` refuses it). Unparsed, failed and
        missing answers are wrong; under ``exclude`` their questions are as if they were not asked. No rows: NaN.

    Source:
        As ``mme``.

    >>> MmePlus().compute(["yes", "no", "yes", "yes"], ["yes", "no", "yes", "no"], images=["a", "a", "b", "b"]).value
    0.5
    """

    name = "mme_plus"
    readers: ClassVar[Mapping[str, Callable[[str], str | None]]] = _MME
    variants: ClassVar[Variants] = _MME_VARIANTS
    sums: ClassVar[tuple[str, ...]] = ("right", "group")
    binary_sums = frozenset({"right"})
    computed = "share of images, all answers right"

    def __init__(self, variant: str = "default", by: str = "group", failures: Failures = "wrong") -> None:
        super().__init__(variant, failures)
        self.by, self.needs = by, check_by(self.name, by)

    def form(self, label: str, at: Sequence[str]) -> Node:
        image = self.sum(label, "group", at) if self.by == "group" else None
        return mean(grouped(self.sum(label, "right", at), "min", image, least=2))

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        score = super().judge(prediction, references, context)
        group = {"group": code_of(context["group"])} if self.by == "group" else {}
        return replace(score, sums={"right": float(score.value == 1.0), **group})

    def compute(
        self,
        predictions: Sequence[str | None],
        labels: Sequence[str],
        *,
        images: Sequence[str],
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the share of images without a wrong answer.

        Args:
            predictions: one answer a row, None where it is missing.
            labels: "yes" or "no" for each row.
            images: which image each row is about.
            confidence: two-sided coverage of the interval.
        """
        same_length(predictions=predictions, labels=labels, images=images)
        lonely = sorted(image for image, questions in Counter(images).items() if questions < 2)
        if lonely:
            raise ValueError(f"images must each have two questions or more; with one: {', '.join(lonely[:5])}")
        return self.over(predictions, [(label,) for label in labels], images, confidence, group=images)
