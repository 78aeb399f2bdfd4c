"""The task: labelled answers judged one by one, and what the guard's tiers are worth."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue, SampleError, did_you_mean
from harness.facts import context
from harness.metrics import SampleMetric
from harness.metrics.guard import TIERS, GuardPrecision, GuardRecall, guard_confusion
from harness.metrics.ranking import Auroc
from harness.seeds import Stream
from harness.spec.models import Model
from harness.tasks._base import (
    BuildContext,
    Cell,
    CellResult,
    Chart,
    Finding,
    Line,
    Mark,
    Summary,
    Table,
)
from harness.tasks._lookup import find_dataset
from harness.tasks._named import Ref, plain_ref
from harness.tasks._needs import unmet
from harness.tasks.guard.corruptions import CORRUPTIONS, Facts, content_words
from harness.tasks.guard.judged import Judged, defined, plain, squared_error
from harness.tasks.scoring import build_metrics, no_mean
from harness.types import Dataset, MetricValue, Request, Response, Sample, Score, Status

SOUND: Final = Cell("sound", {"label": "sound"})
_VOCABULARY: Final = 500
"""Samples whose evidence gives the words for absent objects."""
_UNMADE: Final = "\0"
"""Stands for an answer that could not be made."""
_NAN: Final = float("nan")


class CostSpec(Model):
    """What a decision costs, in any unit."""

    missed: float = Field(default=10.0, ge=0)
    """A hallucination that passes."""
    false_rejection: float = Field(default=2.0, ge=0)
    """A sound answer that is replaced by the fallback message."""
    review: float = Field(default=1.0, ge=0)
    """An answer that is flagged: somebody looks at it."""


class GuardConfig(Model):
    """Keys of a task of ``kind: guard``."""

    dataset: str
    """A dataset of this suite whose samples have evidence."""
    score: Ref = "grounding_score"
    """The metric that the guard decides by. The reference is not shown to it: the evidence stands in its place."""
    answers: Literal["references", "evidence_lines"] = "references"
    """What sound answers are made of: the references, or lines of the evidence (statements with more to get wrong)."""
    corruptions: tuple[str, ...] = Field(default=tuple(CORRUPTIONS), min_length=1)
    """How answers are made wrong."""
    flag_below: float = Field(default=1.0, ge=0, le=1)
    """A score below this is flagged."""
    reject_below: float = Field(default=0.6, ge=0, le=1)
    """A score below this is rejected: the user sees the fallback message."""
    undefined: Literal["pass", "flag", "reject"] = "flag"
    """What becomes of an answer that the metric has no score for."""
    fallback: str = "I cannot tell this from the picture."
    """The safe message."""
    prevalence: float = Field(default=0.1, gt=0, lt=1)
    """The share of hallucinations in use, for costs: the labelled set holds more of them."""
    costs: CostSpec = CostSpec()
    """What each kind of mistake costs."""


class _Verdict(SampleMetric):
    """A column of the guard's own; the task judges."""

    name = "verdict"
    failure_value = None

    def score(self, prediction: str, references: Sequence[str], **context: Any) -> Score:
        raise NotImplementedError("the task judges")


class GuardTask:
    """Sound answers of a dataset and seeded corruptions of them, judged by the guard; no model is asked.

    The answer that is judged stands in place of a sample's question.
    """

    Config: ClassVar[type[BaseModel]] = GuardConfig
    kind = "guard"
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

    def summarise(self, results: Sequence[CellResult], seed: int) -> Summary:
        judged = {result.cell.id: Judged.of(result) for result in results}
        sound = judged[SOUND.id]
        wrong = {kind: judged[kind] for kind in self._config.corruptions}
        metrics = self._values(sound, wrong)
        cells = {
            kind: {f"{tier}_rate": self._rate(found, tier, kind == SOUND.id) for tier in TIERS}
            for kind, found in judged.items()
        }
        blind = [kind for kind in wrong if metrics[f"guard_recall[{kind}]"].high < self._blind(sound)]
        findings = [
            Finding("note", f"the guard is as good as blind to {kind}: it catches no more than of sound answers")
            for kind in blind
        ]
        charts = tuple(self._charts(sound, Judged.join(list(wrong.values()))))
        return Summary(metrics, cells, findings=tuple(findings), charts=charts, tables=(self._table(judged),))

    def _blind(self, sound: Judged) -> float:
        return float((sound.tiers >= 1).mean()) + 0.1 if len(sound.tiers) else _NAN

    def _values(self, sound: Judged, wrong: Mapping[str, Judged]) -> dict[str, MetricValue]:
        every = Judged.join([sound, *wrong.values()])
        bad = [False] * len(sound.tiers) + [True] * (len(every.tiers) - len(sound.tiers))
        clusters = [str(cluster) for cluster in every.clusters]
        values = {}
        for caught, suffix in (("flag", ""), ("reject", "_reject")):
            for metric in (GuardPrecision(caught=caught), GuardRecall(caught=caught)):
                values[f"{metric.name}{suffix}"] = metric.compute(every.decisions, bad, clusters=clusters)
        for kind, found in wrong.items():
            recall = GuardRecall().compute(found.decisions, [True] * len(found.tiers), clusters=found.names)
            values[f"guard_recall[{kind}]"] = recall
        values["auroc"] = Auroc().compute(-defined(every.scores), bad)
        values["fallback_rate[sound]"] = self._rate(sound, "reject", sound=True)
        values["fallback_rate[hallucinated]"] = self._rate(Judged.join(list(wrong.values())), "reject", sound=False)
        values["cost"] = self._cost(sound, Judged.join(list(wrong.values())))
        return values

    def _rate(self, found: Judged, tier: str, sound: bool) -> MetricValue:
        """Return the share in a tier; better is less, but for hallucinations that are not let pass."""
        wanted = (tier == "pass") == sound
        metric = GuardRecall(caught="flag" if tier != "reject" else "reject")
        inside = ["reject" if decision == tier else "pass" for decision in found.decisions]
        value = metric.compute(inside, [True] * len(inside), clusters=found.names)
        return MetricValue(
            value.value, value.low, value.high, value.n, value.total, "higher" if wanted else "lower",
            statuses=value.statuses, method=value.method,
        )  # fmt: skip

    def _cost(self, sound: Judged, wrong: Judged) -> MetricValue:
        """Return the expected cost of an answer at the declared prevalence."""
        costs, p = self._config.costs, self._config.prevalence
        if not len(sound.tiers) or not len(wrong.tiers):
            return MetricValue(_NAN, _NAN, _NAN, 0, 0, "lower", "cost")
        of_sound = np.array([0.0, costs.review, costs.false_rejection])[sound.tiers.astype(int)]
        of_wrong = np.array([costs.missed, costs.review, 0.0])[wrong.tiers.astype(int)]
        value = (1 - p) * of_sound.mean() + p * of_wrong.mean()
        # Each sample brings its sound answer and the wrong ones made of it: they stand or fall together.
        error = math.sqrt(
            (1 - p) ** 2 * squared_error(of_sound, sound.clusters) + p**2 * squared_error(of_wrong, wrong.clusters)
        )
        n = len(of_sound) + len(of_wrong)
        low, high = max(0.0, value - 1.96 * error), value + 1.96 * error
        return MetricValue(float(value), low, high, n, n, "lower", "cost", {"ok": n}, "normal, clustered by class")

    def _charts(self, sound: Judged, wrong: Judged) -> Iterator[Chart]:
        if not len(sound.scores) or not len(wrong.scores):
            return
        good, bad = defined(sound.scores), defined(wrong.scores)
        limits = np.unique(np.concatenate([good, bad, [0.0, 1.0 + 1e-9]]))
        recall = np.array([(bad < limit).mean() for limit in limits])
        false = np.array([(good < limit).mean() for limit in limits])
        p, costs = self._config.prevalence, self._config.costs
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = p * recall / (p * recall + (1 - p) * false)
        x = tuple(min(1.0, float(limit)) for limit in limits)
        marks = (Mark("flag below", x=self._config.flag_below), Mark("reject below", x=self._config.reject_below))
        yield Chart(
            "precision and recall by threshold", "caught below this score", "share",
            (
                Line("recall", x, plain(recall), style="step"),
                Line("precision in use", x, plain(precision), style="step"),
                Line("sound answers caught", x, plain(false), style="step"),
            ),
            marks, note=f"Positive: hallucinated. Precision at a prevalence of {p:g}; no score counts as 0.",
        )  # fmt: skip
        cost = (1 - p) * costs.false_rejection * false + p * costs.missed * (1 - recall)
        best = int(cost.argmin())
        yield Chart(
            "cost by threshold", "rejected below this score", "expected cost of an answer",
            (Line("cost", x, plain(cost), style="step"),),
            (*marks, Mark("least cost", x=x[best], y=float(cost[best]))),
            note=f"One threshold, nothing flagged; a miss costs {costs.missed:g}, a false rejection "
            f"{costs.false_rejection:g}, at a prevalence of {p:g}.",
        )  # fmt: skip

    def _table(self, judged: Mapping[str, Judged]) -> Table:
        rows: list[tuple[str | int | float | None, ...]] = []
        for kind, found in judged.items():
            label = "sound" if kind == SOUND.id else "hallucinated"
            counts = guard_confusion(found.decisions, [kind != SOUND.id] * len(found.tiers))
            rows.append((kind, *(counts[tier][label] for tier in TIERS), found.skipped))
        return Table(
            "confusion by tier", ("answers", *TIERS, "could not be made"), tuple(rows),
            f"Rejected answers are replaced by: {self._config.fallback!r}",
        )  # fmt: skip

    def metric_names(self) -> Sequence[str]:
        return [
            "guard_precision", "guard_recall", "guard_precision_reject", "guard_recall_reject",
            *(f"guard_recall[{kind}]" for kind in self._config.corruptions),
            "auroc", "fallback_rate[sound]", "fallback_rate[hallucinated]", "cost",
        ]  # fmt: skip

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            **self._config.model_dump(mode="json", exclude={"dataset", "score"}),
            "dataset": self._dataset.content_hash(),
            "score": [plain_ref(self._config.score)],
        }
