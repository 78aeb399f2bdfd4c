"""Captions, beside what people wrote, what a second model sees, and what is said of other pictures."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, Field

from harness import facts
from harness.errors import ConfigError, HarnessError, Issue
from harness.estimate import ANY, POSITIVE, Number, Statistic, column, difference, glossary_of, mean, ratio_of_sums
from harness.metrics import SampleMetric, sample_metric
from harness.metrics.captions import ngrams, tokens
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._derived import mismatched
from harness.tasks._named import Ref
from harness.tasks._pictured import Figures, Finding, Illustration
from harness.tasks._said import with_interval
from harness.tasks.base import CLEAN, TaskBase, TaskConfig
from harness.types import AdapterHandle, Request, Response, Sample, Score, Status

ENTRIES: Final = {"caption": "CaptionTask"}

Control = Literal["mismatched", "constant"]

_SHAPE: Final = "caption_words"
_SCORER: Final = "scorer"
_SEEN: Final = ("clip_score", "ref_clip_score")
_ORDER: Final = 4


class CaptionConfig(TaskConfig):
    """Keys of a task of ``kind: caption``, beside those of every task."""

    prompt: str = "Describe the image in one sentence."
    """As of every task."""
    metrics: tuple[Ref, ...] = Field(default=("cider_d", "bleu4", "rouge_l"), min_length=1)
    """As of every task. The first is what the controls are compared by."""
    scorer: str | None = None
    """An adapter, by name or file, that places images and texts in one space (`type: contrastive`): with it come
    `clip_score` and `ref_clip_score`."""
    controls: tuple[Control, ...] = ("mismatched", "constant")
    """Captions that must be worse: what the model says of another picture, and one and the same for all."""
    constant: str | None = None
    """That one caption; by default the reference whose words stand in the most other pictures' references."""


class _Shape(SampleMetric):
    """How many words a caption has, and how many of its four-word runs it has said before."""

    name = _SHAPE
    unit = "words"
    bounds = (0.0, math.inf)
    direction = "none"
    sums: ClassVar[tuple[str, ...]] = ("repeated", "runs", "wanted")

    def score(self, prediction: str, references: Sequence[str], **context: Any) -> Score:
        words = tokens(prediction)
        runs = ngrams(words, _ORDER)
        wanted = [len(tokens(text)) for text in references]
        sums = {"repeated": float(runs.total() - len(runs)), "runs": float(runs.total())}
        return Score(float(len(words)), sums={**sums, "wanted": sum(wanted) / max(1, len(wanted))})


class CaptionTask(TaskBase):
    """How well pictures are described: agreement with references, fit to the image, length, repetition.

    `lead[…]` is how far the captions are ahead of what needs no look at this picture. A caption that never came is an
    empty one.
    """

    Config: ClassVar[type[BaseModel]] = CaptionConfig
    config: CaptionConfig
    kind = "caption"
    glossary: ClassVar[Mapping[str, Number]] = glossary_of(
        Number(
            "lead",
            "The task's first metric minus what it is of the caption that the model gives another picture "
            "(`[mismatched]`), or of one caption for all (`[constant]`); at 0 nothing was described.",
            unit="points",
            bounds=ANY,
        ),
        Number("caption_length", "Words of a caption, mean.", "none", "words", POSITIVE),
        Number("length_ratio", "Words of the captions over those of the references.", "none", "ratio", POSITIVE),
        Number(
            "repetition",
            "Share of the runs of four words that their caption has said before.",
            "lower",
            source="Welleck et al. 2020 (arXiv:1908.04319), seq-rep-4, pooled",
        ),
    )

    def __init__(self, *told: Any, scorer: AdapterHandle | None = None) -> None:
        super().__init__(*told)
        self._scorer = scorer
        seen = {name: sample_metric(name) for name in _SEEN} if scorer else {}
        self.metrics = {**self.metrics, **seen, _SHAPE: _Shape()}
        self.own = [name for name in self.metrics if name not in seen and name != _SHAPE]
        """Metrics that hold a caption against references, and need nobody else."""

    @classmethod
    def build(cls, name: str, config: Any, context: BuildContext) -> Self:
        try:
            scorer = context.adapters(config.scorer) if config.scorer else None
        except HarnessError as cause:
            raise ConfigError(Issue(("scorer",), str(cause))) from cause
        made = super().build(name, config, context)
        told = made.config, made.dataset, {one: made.metrics[one] for one in made.own}, made.seed
        return cls(name, *told, scorer=scorer) if scorer else made

    @property
    def roles(self) -> Mapping[str, AdapterHandle]:
        """The adapter that says how well captions fit."""
        return {_SCORER: self._scorer} if self._scorer else {}

    def cells(self) -> Sequence[Cell]:
        beside = (Cell(name, {"caption": name}, CLEAN.id, loose=True) for name in dict.fromkeys(self.config.controls))
        return (Cell(CLEAN.id, {"caption": "own"}), *beside)

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        if cell.id == "constant":
            return self._looks(cell, sample, self._constant)
        shown = self._others[sample.id] if cell.id == "mismatched" else sample
        return (self.ask(cell, shown, oracle=oracle),)

    def then(self, cell: Cell, sample: Sample, responses: Sequence[Response], *, oracle: bool) -> tuple[Request, ...]:
        done = cell.id == "constant" or len(responses) > 1
        return () if done else self._looks(cell, sample, self.taken(responses[0].text or "", sample))

    def _looks(self, cell: Cell, sample: Sample, caption: str) -> tuple[Request, ...]:
        """Return what the scorer is asked about a caption of the sample's own picture."""
        if self._scorer is None or not caption.strip() or len(sample.images) != 1 or sample.problem is not None:
            return ()
        texts = (caption, *sample.references)
        told: dict[str, Any] = {"oracle": False, "role": _SCORER, "prompt": ""}
        return (
            self.ask(cell, sample, part="image", ask="embed", **told),
            self.ask(cell, sample, part="texts", ask="embed_text", candidates=texts, **told),
        )

    def joined(self, sample: Sample, responses: Sequence[Response]) -> str:
        """Return the caption."""
        said = responses[0].text if responses else None
        return self._constant if said is None else self.taken(said, sample)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        if any(one.status is not Status.OK for one in responses):
            text, looked = "", []
        else:
            looked = [one.value for one in responses if one.value is not None]
            text = self.joined(sample, responses)
        scores = {name: score for name, score in self.judge(sample, text).items() if name not in _SEEN}
        return scores | {name: self._seen(self.metrics[name], sample, looked) for name in _SEEN if name in self.metrics}

    def _seen(self, metric: SampleMetric, sample: Sample, looked: Sequence[Any]) -> Score:
        if len(looked) != 2:
            several = len(sample.images) != 1
            return Score(math.nan, Status.UNDEFINED if several else Status.UNPARSED)
        image, (caption, *wanted) = looked[0].tolist(), looked[1].tolist()
        told = {**facts.context(sample), "embedding": image, "reference_embeddings": wanted}
        return metric.score(json.dumps(caption), sample.references or ("-",), **told)

    def statistics(self) -> Sequence[Statistic]:
        shown = {name: metric for name, metric in self.metrics.items() if name != _SHAPE}
        whole = [
            metric.statistic(name, [cell.id], name if cell.id == CLEAN.id else f"{name}[{cell.id}]")
            for cell in self.cells()
            for name, metric in shown.items()
        ]
        return [*whole, *self._slices.of(whole[: len(shown)]), *self._leads(), *self._shape()]

    def _leads(self) -> Iterator[Statistic]:
        first = self.metrics[self.primary]
        for cell in self.cells()[1:]:
            ahead = difference(first.form(self.primary, [CLEAN.id]), first.form(self.primary, [cell.id]))
            top = first.bounds[1]
            known = {"unit": first.unit, "bounds": (-top, top)} if math.isfinite(top) else {"unit": first.unit}
            yield self.glossary["lead"].over(ahead, f"[{cell.id}]", **known)

    def _shape(self) -> Iterator[Statistic]:
        told = self.glossary
        words, wanted = column(_SHAPE, CLEAN.id), column(f"{_SHAPE}.wanted", CLEAN.id)
        yield told["caption_length"].over(mean(words))
        yield told["length_ratio"].over(ratio_of_sums([(1.0, words)], [(1.0, wanted)]))
        repeated, runs = (column(f"{_SHAPE}.{name}", CLEAN.id) for name in ("repeated", "runs"))
        yield told["repetition"].over(ratio_of_sums([(1.0, repeated)], [(1.0, runs)]))

    @cached_property
    def _others(self) -> Mapping[str, Sample]:
        """By id: the sample with another one's picture."""
        return {one.id: one for one in mismatched(self.dataset, self.seed, self.name)}

    @cached_property
    def _constant(self) -> str:
        if self.config.constant is not None:
            return self.config.constant
        rows = [(one.references, {word for text in one.references for word in tokens(text)}) for one in self.dataset]
        seen = Counter(word for _, words in rows for word in words)

        def common(text: str) -> float:
            words = set(tokens(text))
            return sum(seen[word] for word in words) / max(1, len(words))

        return max(sorted({text for references, _ in rows for text in references}), key=common, default="")

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say where captions are no better than what needs no look, and where they run in circles."""
        said = []
        for cell in self.cells()[1:]:
            lead = figures.metrics[f"lead[{cell.id}]"]
            if lead.n and not lead.low > 0:
                what = "those of other pictures" if cell.id == "mismatched" else f"“{self._constant}” for all of them"
                text = f"captions are not shown to be better than {what}: {self.primary} is ahead by"
                said.append(Finding("warning", f"{text} {with_interval(lead)}"))
        if (again := figures.metrics["repetition"]).low > 0.1:
            said.append(Finding("warning", f"captions repeat themselves: {with_interval(again)} of their runs of four"))
        return Illustration(findings=tuple(said))

    def describe(self) -> Mapping[str, Any]:
        scorer = self._scorer.describe() if self._scorer else None
        return {**super().describe(), "scorer": scorer, "constant": self._constant}
