"""MME's official scores: accuracy and acc+ of each category, in points, summed up."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from harness.errors import did_you_mean
from harness.estimate import Node, count, equals, grouped, linear, mean, only, ratio, total
from harness.metrics._base import NAN
from harness.metrics._summed import code_of
from harness.metrics.yes_no import MmePlus
from harness.types import MetricValue, Score, Status

ENTRIES: Final = {"mme_cognition": "MmeCognition", "mme_perception": "MmePerception", "mme_score": "MmeScore"}

PERCEPTION: Final = (
    "existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR",
)  # fmt: skip
COGNITION: Final = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")


class _MmeSum(MmePlus):
    sums: ClassVar[tuple[str, ...]] = ("right", "group", "category")
    unit = "points"
    computed = "Σ over categories of 100 · accuracy + 100 · acc+"
    categories: ClassVar[tuple[str, ...]]

    def __init__(self, variant: str = "default", by: str = "group", failures: Any = "wrong") -> None:
        super().__init__(variant, by, failures)
        self.needs = (*self.needs, "category")

    def form(self, label: str, at: Sequence[str]) -> Node:
        right, category = self.sum(label, "right", at), self.sum(label, "category", at)
        image = self.sum(label, "group", at) if self.by == "group" else None
        points: list[tuple[float, Node]] = []
        for name in self.categories:
            here = equals(category, code_of(name))
            answers = only(right, here)
            pairs = grouped(answers, "min", None if image is None else only(image, here), least=2)
            # A category that was not asked adds nothing.
            points += [(100.0, ratio(total(rows), count(rows), 0.0)) for rows in (answers, pairs)]
        # Times nothing: without any row there is no score.
        return linear([*points, (0.0, mean(right))])

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        category = context["category"]
        if category not in (*PERCEPTION, *COGNITION):
            near = did_you_mean(str(category), [*PERCEPTION, *COGNITION])
            raise ValueError(f"category must be one of MME's, got {category!r}; {near}")
        if category not in self.categories:
            return Score(NAN, Status.UNDEFINED)
        score = super().judge(prediction, references, context)
        return replace(score, sums={**score.sums, "category": code_of(category)})

    def compute(  # type: ignore[override]
        self,
        predictions: Sequence[str | None],
        labels: Sequence[str],
        *,
        images: Sequence[str],
        categories: Sequence[str],
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the score.

        Args:
            predictions: one answer a row, None where it is missing.
            labels: "yes" or "no" for each row.
            images: which image each row is about.
            categories: which of MME's categories each row belongs to.
            confidence: two-sided coverage of the interval.
        """
        wanted = [(label,) for label in labels]
        return self.over(predictions, wanted, images, confidence, group=images, category=categories)


class MmePerception(_MmeSum):
    """MME's perception score: 100 · accuracy + 100 · acc+ of each of its ten categories, summed up.

    The categories are existence, count, position, color, posters, celebrity, scene, landmark, artwork and OCR: the fact
    ``category`` of each sample. Range 0 to 2000 points, higher is better. Jackknife interval.

    Args:
        by: what says which questions are about one image: the fact ``group``, or the samples' ``cluster``.

    Edge cases:
        A category without questions adds nothing; a question of a category that is none of these is ``undefined``.
        Otherwise as ``mme_plus``.

    Source:
        Fu et al. 2023, "MME" (arXiv:2306.13394), its calculation.py; variants as ``mme``.

    >>> columns = {"images": ["a", "a", "b", "b"], "categories": ["count", "count", "OCR", "OCR"]}
    >>> MmePerception().compute(["yes", "no", "yes", "yes"], ["yes", "no", "yes", "no"], **columns).value
    250.0
    """

    name = "mme_perception"
    bounds = (0.0, 2000.0)
    categories = PERCEPTION


class MmeCognition(_MmeSum):
    """MME's cognition score: 100 · accuracy + 100 · acc+ of each of its four categories, summed up.

    The categories are commonsense_reasoning, numerical_calculation, text_translation and code_reasoning: the fact
    ``category`` of each sample. Range 0 to 800 points, higher is better. Jackknife interval.

    Args:
        by: what says which questions are about one image: the fact ``group``, or the samples' ``cluster``.

    Edge cases:
        As ``mme_perception``.

    Source:
        As ``mme_perception``.

    >>> columns = {"images": ["a", "a"], "categories": ["code_reasoning"] * 2}
    >>> MmeCognition().compute(["yes", "no"], ["yes", "no"], **columns).value
    200.0
    """

    name = "mme_cognition"
    bounds = (0.0, 800.0)
    categories = COGNITION


class MmeScore(_MmeSum):
    """MME's total: 100 · accuracy + 100 · acc+ of each of its fourteen categories, summed up.

    ``mme_perception`` and ``mme_cognition`` together. Range 0 to 2800 points, higher is better. Jackknife interval.

    Args:
        by: what says which questions are about one image: the fact ``group``, or the samples' ``cluster``.

    Edge cases:
        As ``mme_perception``.

    Source:
        As ``mme_perception``.

    >>> columns = {"images": ["a", "a", "b", "b"], "categories": ["count", "count", "code_reasoning", "code_reasoning"]}
    >>> MmeScore().compute(["yes", "no", "no", "no"], ["yes", "no", "yes", "yes"], **columns).value
    200.0
    """

    name = "mme_score"
    bounds = (0.0, 2800.0)
    categories = (*PERCEPTION, *COGNITION)
