"""A question-answering task again without its images: blank ones, the wrong ones, none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal, Self

from PIL import Image
from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue
from harness.estimate import SIGNED, Statistic, column, mean, minus
from harness.seeds import Stream
from harness.spec.models import Model
from harness.tasks._base import BuildContext, Cell, CellResult, Figures, Finding, Illustration
from harness.tasks._graded import find_base
from harness.tasks.base import CLEAN, OverDataset
from harness.tasks.qa import QaTask
from harness.types import Counterfactual, Dataset, ImageSource, MetricValue, Request, Response, Sample, Score

ENTRIES: Final = {"blind": "BlindTask"}

Control = Literal["blank", "mismatched", "no_image"]

_GREY: Final = (128, 128, 128)
_SIMULATED_SEVERITY: Final = 5
"""What a simulated adapter is told, since it knows the answer whatever the image shows."""


class BlindConfig(Model):
    """Keys of a task of ``kind: blind``."""

    of: str
    """A `qa` task that stands before this one."""
    metric: str | None = None
    """The metric that is compared; the first of the `qa` task by default."""
    controls: tuple[Control, ...] = Field(default=("blank", "mismatched", "no_image"), min_length=1)
    """What the model gets instead: `blank` (an empty image of the same size), `mismatched` (the image of another
    sample, or one of the same make with other data where the dataset can draw it), `no_image` (the question alone)."""


@dataclass(frozen=True, slots=True)
class BlankImage:
    """A grey image of another one's size."""

    source: ImageSource

    def load(self) -> Image.Image:
        """Return a new RGB image.

        Raises:
            SampleError: if the image whose size it takes cannot be read.
        """
        return Image.new("RGB", self.source.load().size, _GREY)


class BlindTask(OverDataset):
    """What is left without the image: the same questions with it blank, shuffled or swapped, beside the clean ones.

    ``blind_gap[control]`` is the mean paired difference, clean minus blind, clustered by image: near 0 the
    questions can be answered without looking. The mismatched image is the fair control, since a model has never
    been shown a blank one.
    """

    Config: ClassVar[type[BaseModel]] = BlindConfig
    kind = "blind"
    requires = frozenset({"generate"})

    def __init__(self, name: str, config: BlindConfig, base: QaTask, seed: int) -> None:
        self.name = name
        self.dataset = base.dataset
        self.metrics = base.metrics
        self.primary = config.metric or base.primary
        self._base = base
        self._controls: tuple[Control, ...] = tuple(dict.fromkeys(config.controls))
        self._seed = seed

    @classmethod
    def build(cls, name: str, config: BlindConfig, context: BuildContext) -> Self:
        base, issues = find_base(config.of, config.metric, context)
        if base is not None and not issues and not any(sample.images for sample in base.dataset):
            issues.append(Issue(("of",), f"no sample of task {config.of!r} has an image to take away"))
        if issues or base is None:
            raise ConfigError(*issues)
        return cls(name, config, base, context.seed)

    def cells(self) -> Sequence[Cell]:
        blind = (Cell(control, {"image": control}, baseline=CLEAN.id) for control in self._controls)
        return [replace(CLEAN, labels={"image": "its own"}), *blind]

    def samples(self, cell: Cell) -> Iterable[Sample]:
        match cell.id:
            case "blank":
                return (replace(sample, images=tuple(map(_blank, sample.images))) for sample in self.dataset)
            case "no_image":
                return (replace(sample, images=()) for sample in self.dataset)
            case "mismatched":
                return _mismatched(self.dataset, self._seed, self.name)
        return self.dataset

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        severity = 0 if cell.id == CLEAN.id else _SIMULATED_SEVERITY
        other = cell.id in ("mismatched", "no_image")
        return (self._base.request(cell, sample, oracle=oracle, task=self.name, severity=severity, loose=other),)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return self._base.score(sample, responses)

    def statistics(self) -> Sequence[Statistic]:
        scores = [
            self.metrics[self.primary].statistic(self.primary, [cell.id], f"{self.primary}[{cell.id}]")
            for cell in self.cells()
        ]
        return [*map(self._gap, self._controls), *scores]

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say where the images may not matter, and what was never answered without them."""
        gaps = {one.name: figures.metrics[one.name] for one in map(self._gap, self._controls)}
        return Illustration(findings=tuple(_findings(gaps)))

    def _gap(self, control: str) -> Statistic:
        """Return the gap over the samples that the model answered blind: a crash is no proof that it needs to look."""
        seen = column(self.primary, CLEAN.id)
        blind = column(self.primary, control, failed="exclude")
        return Statistic(f"blind_gap[{control}]", mean(minus(seen, blind)), bounds=SIGNED)

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "of": self._base.describe(),
            "metric": self.primary,
            "controls": list(self._controls),
        }


def _blank(source: ImageSource) -> ImageSource:
    return source.blank() if isinstance(source, Counterfactual) else BlankImage(source)


def _mismatched(dataset: Dataset, seed: int, task: str) -> Iterator[Sample]:
    """Yield the samples with images that are not theirs: drawn by seed and sample, never by order."""
    pool = {sample.cluster or sample.id: sample.images for sample in dataset if sample.images}
    names = sorted(pool)
    place = {name: i for i, name in enumerate(names)}
    for sample in dataset:
        if all(isinstance(source, Counterfactual) for source in sample.images):
            wrong = (source.mismatched() for source in sample.images if isinstance(source, Counterfactual))
            yield replace(sample, images=tuple(wrong))
        elif len(names) < 2:
            yield replace(sample, problem="there is no other image to show instead")
        else:
            picked = Stream("mismatched", seed, task, sample.id).integer(0, len(names) - 2)
            own = place[sample.cluster or sample.id]
            yield replace(sample, images=pool[names[picked + (picked >= own)]])


def _findings(gaps: Mapping[str, MetricValue]) -> Iterator[Finding]:
    for name, gap in gaps.items():
        if gap.n < gap.total:
            said = f"{name}: {gap.total - gap.n} of {gap.total} questions were never answered blind and are left out"
            yield Finding("warning", said)
        if gap.low <= 0:
            said = f"{name} is {gap.value:.3f} [{gap.low:.3f}, {gap.high:.3f}]: the images may not matter here"
            yield Finding("warning", said)
