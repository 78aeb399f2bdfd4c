"""The task: labelled answers judged one by one, and what the guard's tiers are worth."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel

from harness.errors import ConfigError, Issue, SampleError, did_you_mean
from harness.estimate import (
    POSITIVE,
    ColumnSpec,
    Node,
    Number,
    Statistic,
    at_least,
    auroc,
    column,
    equals,
    filled,
    glossary_of,
    linear,
    looked_up,
    mean,
    only,
    ratio_of_sums,
    scaled,
)
from harness.facts import context
from harness.metrics import SampleMetric
from harness.metrics.guard import TIERS
from harness.seeds import Stream
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._lookup import find_dataset
from harness.tasks._named import plain_ref
from harness.tasks._needs import unmet
from harness.tasks._pictured import Figures, Finding, Illustration
from harness.tasks.guard.config import GuardConfig
from harness.tasks.guard.corruptions import CORRUPTIONS, Facts, content_words
from harness.tasks.guard.pictures import confusion, threshold_charts
from harness.tasks.scoring import build_metrics, column_specs, no_mean
from harness.types import Dataset, Request, Response, Sample, Score, Status

SOUND: Final = Cell("sound", {"label": "sound"})
_VOCABULARY: Final = 500
"""Samples whose evidence gives the words for absent objects."""
_UNMADE: Final = "\0"
"""Stands for an answer that could not be made."""
_NO_BETTER: Final = 0.1
"""Catching so much more of the wrong answers than of the sound ones is hardly catching them."""
_NAN: Final = float("nan")

NUMBERS: Final = glossary_of(
    Number(
        "guard_precision",
        "Share of the answers that were flagged or rejected which are wrong; undefined where none was.",
    ),
    Number("guard_precision_reject", "Share of the rejected answers which are wrong; undefined where none was."),
    Number(
        "guard_recall",
        "Share of the wrong answers that were flagged or rejected; `[number_changed]`: of one kind of corruption.",
    ),
    Number("guard_recall_reject", "Share of the wrong answers that were rejected."),
    Number("auroc", "The chance that a wrong answer has a lower guard score than a sound one; ties count ½."),
    Number(
        "fallback_rate",
        "Share of answers that users see the fallback message for, because they were rejected; better is less for "
        "`[sound]`, more for `[hallucinated]`.",
    ),
    Number(
        "cost",
        "Expected cost of an answer: the declared costs of review, of a false rejection and of a missed hallucination, "
        "at the declared prevalence.",
        "lower",
        "cost",
        POSITIVE,
    ),
    *(
        Number(f"{tier}_rate", f"Share of a cell's answers in the tier `{tier}`; the cell says which way is better.")
        for tier in TIERS
    ),
)
"""The numbers of a guard."""


class _Verdict(SampleMetric):
    """A column of the guard's own; the task judges."""

    name = "verdict"
    failure_value = None

    def score(self, prediction: str, references: Sequence[str], **context: Any) -> Score:
        raise NotImplementedError("the task judges")


class GuardTask:
    """How well a guard tells sound answers from ones that were made wrong on purpose; no model is asked.

    The answer that is judged stands in place of a sample's question.
    """

    Config: ClassVar[type[BaseModel]] = GuardConfig
    kind = "guard"
    glossary: ClassVar[Mapping[str, Number]] = NUMBERS
    requires: frozenset[str] = frozenset()
    metrics: ClassVar[Mapping[str, SampleMetric]] = {"guard_score": _Verdict(), "tier": _Verdict()}
    """The tier is 0 (pass), 1 (flag) or 2 (reject)."""
    primary = "guard_recall"

    def __init__(self, name: str, config: GuardConfig, dataset: Dataset, score: SampleMetric, seed: int) -> None:
        self.name = name
        self._config = config
        self._dataset = dataset
        self._metric = score
        self._seed = seed

    @classmethod
    def build(cls, name: str, config: GuardConfig, context: BuildContext) -> Self:
        built, issues = build_metrics([config.score])
        issues = [Issue(("score",), issue.message, issue.hint) for issue in issues]
        issues += [Issue(("score",), said) for metric in built.values() if (said := no_mean(metric))]
        dataset = find_dataset(config.dataset, context.datasets, ("dataset",), issues)
        if dataset is not None and all(not sample.evidence for sample in islice(dataset, _VOCABULARY)):
            issues.append(Issue(("dataset",), f"the samples of {config.dataset!r} have no evidence to check against"))
        issues += unmet(config.dataset, dataset, None, {("score",): config.score}, built)
        issues += [
            Issue(("corruptions", i), f"unknown corruption {kind!r}", did_you_mean(kind, CORRUPTIONS))
            for i, kind in enumerate(config.corruptions)
            if kind not in CORRUPTIONS
        ]
        if config.reject_below > config.flag_below:
            issues.append(Issue(("reject_below",), "what is rejected must score below what is flagged"))
        if issues or dataset is None:
            raise ConfigError(*issues)
        return cls(name, config, dataset, next(iter(built.values())), context.seed)

    def cells(self) -> Sequence[Cell]:
        wrong = [Cell(kind, {"label": "hallucinated", "corruption": kind}) for kind in self._config.corruptions]
        return (SOUND, *wrong)

    def count(self, cell: Cell) -> int:
        return len(self._dataset)

    def samples(self, cell: Cell) -> Iterator[Sample]:
        """Yield one answer a sample: the sound one, or the cell's corruption of it."""
        for sample in self._dataset:
            yield sample if sample.problem is not None else replace(sample, question=self._answer(cell, sample))

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        if sample.problem is not None:
            raise SampleError(sample.problem)
        return ()

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        if responses:
            return {}  # of a sample that failed
        if sample.question == _UNMADE:
            return dict.fromkeys(self.metrics, Score(_NAN, Status.UNDEFINED))
        judged = self._metric.score(sample.question, (sample.evidence or "",), **context(sample))
        score = judged.value if judged.status == Status.OK else _NAN
        found = Score(_NAN, Status.UNDEFINED) if math.isnan(score) else Score(score)
        return {"guard_score": found, "tier": Score(float(TIERS.index(self.decide(score))))}

    def joined(self, sample: Sample, responses: Sequence[Response]) -> str:
        """Return the answer that is judged; nothing where there was nothing to make wrong."""
        return "" if sample.question == _UNMADE else sample.question

    @cached_property
    def _vocabulary(self) -> Sequence[str]:
        return sorted({
            word for sample in islice(self._dataset, _VOCABULARY) for word in content_words(sample.evidence or "")
        })  # fmt: skip

    def _answer(self, cell: Cell, sample: Sample) -> str:
        answer = self._sound(sample, Stream("guard", self._seed, self.name, sample.id))
        if answer is not None and cell.id != SOUND.id:
            facts = Facts(sample.evidence or "", self._vocabulary)
            answer = CORRUPTIONS[cell.id](answer, facts, Stream("guard", self._seed, self.name, cell.id, sample.id))
        return _UNMADE if answer is None else answer

    def _sound(self, sample: Sample, stream: Stream) -> str | None:
        if not sample.evidence:
            return None
        if self._config.answers == "references":
            return sample.references[0] if sample.references else None
        lines = [line for line in sample.evidence.splitlines() if line.strip()]
        return stream.choice(lines) if lines else None

    def decide(self, score: float) -> str:
        """Return the tier of a score; NaN is an answer that has none."""
        if math.isnan(score):
            return self._config.undefined
        if score < self._config.reject_below:
            return "reject"
        return "flag" if score < self._config.flag_below else "pass"

    def statistics(self) -> Sequence[Statistic]:
        wrong = self._config.corruptions
        return [
            self._precision("", "flag"),
            NUMBERS["guard_recall"].over(self._caught(*wrong)),
            self._precision("_reject", "reject"),
            NUMBERS["guard_recall_reject"].over(self._caught(*wrong, tier="reject")),
            *(NUMBERS["guard_recall"].over(self._caught(kind), f"[{kind}]") for kind in wrong),
            NUMBERS["auroc"].over(auroc(_suspicion(*wrong), _suspicion(SOUND.id))),
            _rate("fallback_rate", "[sound]", "reject", SOUND.id),
            _rate("fallback_rate", "[hallucinated]", "reject", *wrong),
            self._cost(),
        ]

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        return [_rate(f"{tier}_rate", "", tier, cell.id) for tier in TIERS]

    def columns(self) -> Mapping[str, ColumnSpec]:
        score = column_specs({"guard_score": self._metric})["guard_score"]
        tier = ColumnSpec("none", "tier", (0.0, len(TIERS) - 1.0))
        return {"guard_score": replace(score, worth=None), "tier": tier}

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show what other thresholds would do, and say what the guard is blind to."""
        by_id = {result.cell.id: result for result in results}
        wrong = [by_id[kind] for kind in self._config.corruptions]
        blind = 1 - figures.cells[SOUND.id]["pass_rate"].value + _NO_BETTER
        findings = [
            Finding("note", f"the guard is as good as blind to {kind}: it catches no more than of sound answers")
            for kind in self._config.corruptions
            if figures.metrics[f"guard_recall[{kind}]"].high < blind
        ]
        return Illustration(
            findings=tuple(findings),
            charts=tuple(threshold_charts(self._config, by_id[SOUND.id], wrong)),
            tables=(confusion(results, self._config.fallback),),
        )

    def _caught(self, *cells: str, tier: str = "flag") -> Node:
        return mean(_at_least(tier, *cells))

    def _precision(self, suffix: str, tier: str) -> Statistic:
        """Return the share of what was caught that is wrong; undefined where nothing was."""
        wrong = self._config.corruptions
        caught = ratio_of_sums([(1.0, _at_least(tier, *wrong))], [(1.0, _at_least(tier, SOUND.id, *wrong))])
        return NUMBERS[f"guard_precision{suffix}"].over(caught)

    def _cost(self) -> Statistic:
        """Return the expected cost of an answer at the declared prevalence."""
        costs, p = self._config.costs, self._config.prevalence
        of_sound, of_wrong = (0.0, costs.review, costs.false_rejection), (costs.missed, costs.review, 0.0)
        parts = [
            (1 - p, mean(looked_up(column("tier", SOUND.id), of_sound))),
            (p, mean(looked_up(column("tier", *self._config.corruptions), of_wrong))),
        ]
        most = (1 - p) * max(of_sound) + p * max(of_wrong)
        return NUMBERS["cost"].over(linear(parts), bounds=(0.0, most))

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            **self._config.model_dump(mode="json", exclude={"dataset", "score"}),
            "dataset": self._dataset.content_hash(),
            "score": [plain_ref(self._config.score)],
        }


def _at_least(tier: str, *cells: str) -> Node:
    """Return 1 where an answer ended in a tier or a stricter one."""
    return at_least(column("tier", *cells), TIERS.index(tier))


def _rate(name: str, tail: str, tier: str, *cells: str) -> Statistic:
    """Return the share in a tier; better is less, but for sound answers that pass and wrong ones that do not."""
    wanted = (tier == "pass") == (cells == (SOUND.id,))
    share = mean(equals(column("tier", *cells), TIERS.index(tier)))
    return NUMBERS[name].over(share, tail, direction="higher" if wanted else "lower")


def _suspicion(*cells: str) -> Node:
    """Return how unlikely answers are to be sound; one without a score is the unlikeliest, one never made is none."""
    score = filled(column("guard_score", *cells), 0.0)
    return scaled(only(score, _at_least("pass", *cells)), -1.0)
