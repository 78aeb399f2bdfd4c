"""Image classification by the scores of all classes: which is first, how sure the model is, when to say nothing."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from harness.metrics import SampleMetric, extract
from harness.spec.models import Model
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._named import Ref
from harness.tasks._pictured import Chart, Figures, Illustration, Line, Table
from harness.tasks.base import TaskBase, TaskConfig
from harness.tasks.scoring import recorded, score_all
from harness.types import Request, Response, Sample, Score, Status

ENTRIES: Final = {"classify": "ClassifyTask"}

_FIRST: Final = "first_line"
_BINS: Final = 10
_NO_NAMES: Final = "cannot be judged: the adapter does not name its classes"


class ClassifyConfig(Model):
    """Keys of a task of ``kind: classify``."""

    dataset: str
    """A dataset of this suite: one image a sample, the right answers names of its class."""
    metrics: tuple[Ref, ...] = Field(
        default=(
            {"metric": "exact_match", "as": "top_1"},
            {"metric": "top_k_accuracy", "k": 5, "as": "top_5"},
            "macro_f1",
            "balanced_accuracy",
            "ece",
            "brier",
            "aurc",
            {"metric": "selective_risk", "coverage": 0.8},
        ),
        min_length=1,
    )
    """Those on words judge the likeliest class, those with a `k` the ten likeliest in order, those on confidences the
    likeliest with its softmax. The first says whether an answer is right."""
    slices: tuple[str, ...] = ()
    """Tags to cut the metrics by."""


class ClassifyTask(TaskBase):
    """How well images are classified: top-1 and top-5, per class, confusions, calibration, and risk by coverage.

    A class is right where its name is a reference. The confidence is the softmax of the scores at the likeliest class.
    """

    Config: ClassVar[type[BaseModel]] = ClassifyConfig
    kind = "classify"

    def __init__(self, *told: Any) -> None:
        super().__init__(*told)
        self.requires = frozenset({"classify"})

    @classmethod
    def build(cls, name: str, config: Any, context: BuildContext) -> Self:
        keys = {key: getattr(config, key) for key in ("dataset", "metrics", "slices")}
        return super().build(name, TaskConfig(**keys, extract=(_FIRST,)), context)

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return (self.ask(cell, sample, oracle=oracle, ask="classify", prompt=""),)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        (response,) = responses
        ranked = (response.text or "").splitlines()
        if response.status is not Status.OK or not ranked:
            unknown = Score(math.nan, Status.ERROR, complaint=_NO_NAMES)
            return {} if response.status is not Status.OK else dict.fromkeys(self.metrics, unknown)
        sure = json.dumps({"answer": ranked[0], "confidence": _confidence(response.value)})
        said = {True: response.text or "", False: sure}
        scores: dict[str, Score] = {}
        for label, metric in self.metrics.items():
            text = said[hasattr(metric, "k")] if metric.whole else ranked[0]
            scores |= score_all({label: metric}, sample, text, extract.chain([]))
        return scores

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "dataset": self.dataset.content_hash(),
            "metrics": [recorded(ref, self.metrics) for ref in self.config.metrics],
            "extract": extract.resolved(self.config.extract),
        }

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show how sure and how often right the model is, what it errs if it may decline, and recall by class."""
        (result,) = results
        sure = self._columns(result, "confidence", "correct")
        charts = (_reliability(*sure), _declining(*sure)) if sure is not None and len(sure[0]) else ()
        classes = self._columns(result, "said", "wanted")
        tables = (_confusions(self._names(), *classes),) if classes is not None and len(classes[0]) else ()
        return Illustration(charts=charts, tables=tables)

    def _columns(self, result: CellResult, *names: str) -> tuple[NDArray[np.float64], ...] | None:
        """Return sums of the first metric that has them, of the rows that count; None where none has."""
        wanted: Callable[[SampleMetric], bool] = lambda metric: set(names) <= set(metric.sums)  # noqa: E731
        label = next((label for label, metric in self.metrics.items() if wanted(metric)), None)
        if label is None:
            return None
        found = np.stack([result.columns[f"{label}.{name}"].worths for name in names])
        return tuple(found[:, ~np.isnan(found).any(axis=0)])

    def _names(self) -> Mapping[float, str]:
        """Return what the codes of the right classes stand for."""
        judge = next(metric for metric in self.metrics.values() if "wanted" in metric.sums)
        right = {sample.references[:1] for sample in self.dataset if sample.references}
        return {judge.score(names[0], names).sums["wanted"]: names[0] for names in sorted(right)}


def _confidence(logits: Any) -> float:
    values = np.exp(np.asarray(logits, np.float64) - float(np.max(logits)))
    return float(values.max() / values.sum())


def _reliability(confidence: NDArray[np.float64], correct: NDArray[np.float64]) -> Chart:
    places = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    filled = [place for place in range(_BINS) if (places == place).any()]
    means = [(float(confidence[places == i].mean()), float(correct[places == i].mean())) for i in filled]
    lines = (
        Line("calibrated", (0.0, 1.0), (0.0, 1.0)),
        Line("model", tuple(x for x, _ in means), tuple(y for _, y in means), style="points"),
    )
    note = f"{len(confidence)} answers in {_BINS} bins of equal width; below the line the model is too sure"
    return Chart("reliability", "confidence", "share right", lines, note=note)


def _declining(confidence: NDArray[np.float64], correct: NDArray[np.float64]) -> Chart:
    order = np.argsort(-confidence, kind="stable")
    kept = np.arange(1, len(order) + 1)
    risk = np.cumsum(1 - correct[order]) / kept
    ends = np.flatnonzero(np.r_[np.diff(confidence[order]) != 0, True])
    line = Line("risk", tuple((kept[ends] / len(order)).tolist()), tuple(risk[ends].tolist()), style="step")
    return Chart("risk by coverage", "share answered", "share wrong", (line,), note="the least sure are declined first")


def _confusions(names: Mapping[float, str], said: NDArray[np.float64], wanted: NDArray[np.float64]) -> Table:
    def rows() -> Iterator[tuple[str, int, float, str]]:
        for code, name in names.items():
            here = said[wanted == code]
            if not len(here):
                continue
            wrong, counts = np.unique(here[here != code], return_counts=True)
            most = names.get(float(wrong[counts.argmax()]), "another class") if len(wrong) else ""
            yield name, len(here), float((here == code).mean()), most

    note = "by what the first reference calls it"
    return Table("classes", ("class", "images", "recall", "most often taken for"), tuple(rows()), note)
