"""Does an answer survive what must not change it: other words, a question turned round, an image cropped or resized?"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Self

from PIL import Image
from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue
from harness.estimate import Node, Number, Statistic, average, column, differs, glossary_of, mean, scaled, times
from harness.metrics import SampleMetric
from harness.metrics.vqa import normalize
from harness.seeds import derive_seed
from harness.spec.models import Model
from harness.tasks._again import AskedAgain
from harness.tasks._asked import Joins
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._graded import find_asked
from harness.tasks._pictured import Figures, Finding, Illustration, Table
from harness.tasks._prompt import compile_template
from harness.tasks._said import with_interval
from harness.tasks._views import Edit, Edited
from harness.tasks.base import CLEAN, TaskBase
from harness.tasks.scoring import cell_statistics
from harness.types import Request, Response, Sample, Score, Status

ENTRIES: Final = {"consistent": "ConsistentTask"}

_NEGATED: Final = "negated"
_SAID: Final = "said"
_OPPOSITE: Final = {"yes": "no", "no": "yes"}


class Rewriting(Model):
    """A question turned round by a pattern."""

    find: str
    """A regular expression that the whole question fits; a question that does not is not turned round."""
    put: str
    """What stands in its place, with the pattern's groups by number."""


class ConsistentConfig(Model):
    """Keys of a task of ``kind: consistent``."""

    of: str
    """A task that stands before this one and asks about one dataset: `qa`, `choice`, …"""
    metric: str | None = None
    """The metric that says whether an answer is right; the first of that task by default."""
    paraphrases: tuple[str, ...] = ()
    """Jinja templates that say a `question` in other words: `Look at the chart. {{ question }}`."""
    own_paraphrases: int = Field(default=0, ge=0, le=20)
    """How many paraphrases of a row's own are asked, its fact `paraphrases`; rows without are left out there."""
    negation: Rewriting | None = None
    """How questions with the answer yes or no are turned round, so that the right answer is the other one; the fact
    `negation` of a row goes before."""
    crops: tuple[float, ...] = Field(default=(0.95,), strict=False)
    """Shares of each side that a crop at the middle keeps."""
    sizes: tuple[float, ...] = Field(default=(0.75, 1.5), strict=False)
    """Factors by which the sides of the image are resized."""


class _Said(SampleMetric):
    """Whether an answer says anything, with a code for what."""

    name = _SAID
    sums: ClassVar[tuple[str, ...]] = ("code",)

    def score(self, prediction: str, references: Sequence[str], **context: Any) -> Score:
        text = normalize(prediction)
        if not text:
            return Score(math.nan, Status.UNPARSED)
        return Score(1.0, sums={"code": float(derive_seed(text) >> 11)})


class ConsistentTask(AskedAgain):
    """How far answers stay when what must not change them does: other words, a negated question, a cropped image.

    Agreement says nothing of being right, so accuracy stands beside it in each cell, and `right_in_all` counts both.
    Answers are compared after the extraction of the task that they belong to, and after punctuation, articles and
    numerals are made alike as for VQA. A variant that failed is not the same answer.
    """

    Config: ClassVar[type[BaseModel]] = ConsistentConfig
    _config: ConsistentConfig
    kind = "consistent"
    glossary: ClassVar[Mapping[str, Number]] = glossary_of(
        Number(
            "agreement",
            "Share of the answers that are the same as to the question and image as they stand, right or wrong; mean "
            "over variants, or `[variant]`. The negation is none of them.",
        ),
        Number("right_in_all", "Share of the samples that are answered right as they stand and in every variant."),
        Number("both_right", "Share of yes/no questions that are answered right as they stand and turned round."),
        Number(
            "contradiction",
            "Share of yes/no questions that get the same answer as they stand and turned round: one of both is wrong.",
            "lower",
        ),
    )

    def __init__(self, name: str, config: ConsistentConfig, base: TaskBase) -> None:
        super().__init__(name, config, base)
        self.metrics = {**base.metrics, _SAID: _Said()}
        self._templates = [compile_template(text, ["question"]) for text in config.paraphrases]
        turned = any(_turned(sample, config.negation) for sample in self.dataset)
        self._variants = (
            *(f"paraphrase@{number}" for number in range(1, len(self._templates) + 1)),
            *(f"own@{number}" for number in range(1, config.own_paraphrases + 1)),
            *(f"crop@{share:g}" for share in config.crops),
            *(f"size@{factor:g}" for factor in config.sizes),
        )
        self._cells = (*self._variants, *([_NEGATED] if turned else []))

    @classmethod
    def build(cls, name: str, config: ConsistentConfig, context: BuildContext) -> Self:
        base, issues = find_asked(config.of, config.metric, context)
        for i, text in enumerate(config.paraphrases):
            try:
                compile_template(text, ["question"])
            except ValueError as cause:
                issues.append(Issue(("paraphrases", i), str(cause)))
        try:
            re.compile(config.negation.find if config.negation else "")
        except re.error as cause:
            issues.append(Issue(("negation", "find"), f"not a regular expression: {cause}"))
        issues += [
            Issue(("crops", i), f"{one} is not above 0 and below 1")
            for i, one in enumerate(config.crops)
            if not 0 < one < 1
        ]
        issues += [Issue(("sizes", i), f"{one} is not above 0") for i, one in enumerate(config.sizes) if one <= 0]
        if issues or base is None:
            raise ConfigError(*issues)
        made = cls(name, config, base)
        if config.negation is not None and _NEGATED not in made._cells:
            raise ConfigError(Issue(("negation", "find"), "no yes/no question of the dataset fits it"))
        if not made._cells:
            raise ConfigError(Issue((), "there is no variant: give paraphrases, crops or sizes"))
        return made

    def cells(self) -> Sequence[Cell]:
        return [
            replace(CLEAN, labels={"variant": "none"}),
            *(
                Cell(name, {"variant": name}, CLEAN.id, name.partition("@")[0] if "@" in name else "")
                for name in self._cells
            ),
        ]

    def samples(self, cell: Cell) -> Iterable[Sample]:
        if cell.id == CLEAN.id:
            return self.dataset
        return (self._varied(cell.id, sample) for sample in self.dataset)

    def _varied(self, cell: str, sample: Sample) -> Sample:
        """Return a sample as a variant has it; one that has none of it loses its question."""
        kind, _, number = cell.partition("@")
        match kind:
            case "paraphrase":
                return replace(sample, question=self._templates[int(number) - 1](question=sample.question))
            case "own":
                given: Any = sample.facts.get("paraphrases") or ()
                return replace(sample, question=str(given[int(number) - 1]) if len(given) >= int(number) else "")
            case "crop" | "size":
                edit = _cropped(float(number)) if kind == "crop" else _resized(float(number))
                return replace(sample, images=tuple(Edited(one, edit) for one in sample.images))
        turned = tuple(_OPPOSITE[one.strip().lower()] for one in sample.references[:1]) if _polar(sample) else ()
        return replace(sample, question=_turned(sample, self._config.negation), references=turned or sample.references)

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        if not sample.question and sample.problem is None:
            return ()
        return self._base.again(cell, sample, oracle=oracle, task=self.name)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        if not responses:
            return dict.fromkeys(self.metrics, Score(math.nan, Status.UNDEFINED))
        said = "" if any(one.status is not Status.OK for one in responses) else self.joined(sample, responses)
        text = said if isinstance(self._base, Joins) else self._base.taken(said, sample)
        return {**self._base.score(sample, responses), _SAID: self.metrics[_SAID].score(text, sample.references)}

    def statistics(self) -> Sequence[Statistic]:
        return [*self._agreements(), *self._polar(), *self.by_cell()]

    def _agreements(self) -> Iterator[Statistic]:
        told, scored = self.glossary, [self._right(CLEAN.id), *map(self._right, self._variants)]
        if self._variants:
            yield told["agreement"].over(average([mean(self._alike(one)) for one in self._variants]))
            yield from (told["agreement"].over(mean(self._alike(one)), f"[{one}]") for one in self._variants)
            both = scored[0]
            for one in scored[1:]:
                both = times(both, one)
            yield told["right_in_all"].over(mean(both))

    def _polar(self) -> Iterator[Statistic]:
        if _NEGATED in self._cells:
            told = self.glossary
            yield told["both_right"].over(mean(times(self._right(CLEAN.id), self._right(_NEGATED))))
            yield told["contradiction"].over(mean(self._alike(_NEGATED)))

    def _right(self, cell: str) -> Node:
        return column(self.primary, cell)

    def _alike(self, variant: str) -> Node:
        """Return whether the answer to a variant is the one to the sample as it stands."""
        code = f"{_SAID}.code"
        other = differs(column(code, variant), column(code, CLEAN.id), column(self.primary, variant))
        return scaled(other, -1.0, 1.0)

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        return cell_statistics(self._base.metrics, cell.id)

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show agreement beside accuracy, and say where a model contradicts itself."""
        rows = tuple(
            (name, figures.metrics[f"agreement[{name}]"].value, figures.metrics[f"{self.primary}[{name}]"].value)
            for name in self._variants
        )
        tables = (Table("variants", ("variant", "agreement", self.primary), rows),) if rows else ()
        found = figures.metrics.get("contradiction")
        said = (
            f"the model contradicts itself: {with_interval(found)} of the questions turned round get the same answer"
            if found
            else ""
        )
        findings = (Finding("note", said),) if found is not None and found.low > 0 else ()
        return Illustration(findings=findings, tables=tables)


def _polar(sample: Sample) -> bool:
    return bool(sample.references) and sample.references[0].strip().lower() in _OPPOSITE


def _turned(sample: Sample, by: Rewriting | None) -> str:
    """Return a yes/no question turned round; nothing where there is no way to."""
    if not _polar(sample):
        return ""
    own = sample.facts.get("negation")
    if isinstance(own, str):
        return own
    found = re.fullmatch(by.find, sample.question) if by else None
    return found.expand(by.put) if found and by else ""


def _cropped(share: float) -> Edit:
    def edit(image: Image.Image) -> Image.Image:
        left, top = (side * (1 - share) / 2 for side in image.size)
        box = (round(left), round(top), round(image.width - left), round(image.height - top))
        return image.crop(box).resize(image.size, Image.Resampling.BICUBIC)

    return edit


def _resized(factor: float) -> Edit:
    def edit(image: Image.Image) -> Image.Image:
        return image.resize(
            (max(1, round(image.width * factor)), max(1, round(image.height * factor))), Image.Resampling.BICUBIC
        )

    return edit
