"""Questions again with a part of what they need taken away: what carries the answer, and what needs no eyes at all."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue
from harness.estimate import SIGNED, Number, Statistic, column, glossary_of, mean, minus
from harness.spec.models import Model
from harness.tasks._again import AskedAgain
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._derived import mismatched
from harness.tasks._graded import find_asked
from harness.tasks._pictured import Curve, Figures, Finding, Illustration
from harness.tasks._said import with_interval
from harness.tasks._views import Edited, blanked, noise, reduced, shuffled
from harness.tasks.base import CLEAN, TaskBase
from harness.types import ImageSource, MetricValue, Request, Response, Sample, Score, Status

ENTRIES: Final = {"ablate": "AblateTask", "blind": "BlindTask"}

Control = Literal["blank", "mismatched", "no_image"]
Ablation = Literal["blank", "noise", "shuffled", "mismatched", "no_image"]

_SIGHTLESS: Final = ("no_image", "mismatched", "noise", "blank")
"""What a model that still answers under it has not looked."""
_OTHERS: Final = ("no_image", "mismatched")
"""What leaves another number of images than the markers of a prompt count."""
_SIMULATED_SEVERITY: Final = 5
"""What a simulated adapter is told, since it knows the answer whatever the image shows."""


class BlindConfig(Model):
    """Keys of a task of ``kind: blind``."""

    of: str
    """A task that stands before this one and asks about one dataset: `qa`, `choice`, …"""
    metric: str | None = None
    """The metric that is compared; the first of that task by default."""
    controls: tuple[Control, ...] = Field(default=("blank", "mismatched", "no_image"), min_length=1)
    """What the model gets instead: `blank` (an empty image of the same size), `mismatched` (the image of another
    sample, or one of the same make with other data where the dataset can draw it), `no_image` (the question alone)."""


class AblateConfig(Model):
    """Keys of a task of ``kind: ablate``."""

    of: str
    """A task that stands before this one and asks about one dataset: `qa`, `choice`, …"""
    metric: str | None = None
    """The metric that is compared; the first of that task by default."""
    ablations: tuple[Ablation, ...] = ("no_image", "mismatched", "blank", "noise", "shuffled")
    """What the model gets instead of the image: those of `blind`, `noise`, or its own patches `shuffled`."""
    patches: int = Field(default=8, ge=2, le=256)
    """How many patches a side are `shuffled`."""
    resolutions: tuple[float, ...] = Field(default=(0.5, 0.25, 0.125), strict=False)
    """Shares of each side's pixels that are left, a cell each: `resolution@0.5`. The image is shown at its size."""
    each_image: bool = False
    """Whether the images of samples with several are blanked one at a time: `image@1` and so on."""


class AblateTask(AskedAgain):
    """Which part of the input carries the answer: the image blank, shuffled, small or left out, beside all of it.

    ``ablation_gap[…]`` is the mean paired difference, clean minus ablated, clustered by image: what the model owes to
    what was taken away. Near 0 without the image, the questions can be answered without looking. The mismatched image
    is the fair control, since a model has never been shown a blank one.
    """

    Config: ClassVar[type[BaseModel]] = AblateConfig
    _config: AblateConfig
    kind: ClassVar[str] = "ablate"
    gap: ClassVar[str] = "ablation_gap"
    glossary: ClassVar[Mapping[str, Number]] = glossary_of(
        Number(
            "ablation_gap",
            "The score as it is minus the score under an ablation, paired by sample, over those that were answered "
            "under it: what the model owes to what was taken away.",
            bounds=SIGNED,
        )
    )

    def __init__(self, name: str, config: AblateConfig, base: TaskBase, seed: int) -> None:
        super().__init__(name, config, base)
        self._seed = seed

    @classmethod
    def build(cls, name: str, config: Any, context: BuildContext) -> Self:
        base, issues = find_asked(config.of, config.metric, context)
        if base is not None and not issues and not any(sample.images for sample in base.dataset):
            issues.append(Issue(("of",), f"no sample of task {config.of!r} has an image to take away"))
        for i, share in enumerate(getattr(config, "resolutions", ())):
            if not 0 < share < 1:
                issues.append(Issue(("resolutions", i), f"{share} is not above 0 and below 1"))
        if issues or base is None:
            raise ConfigError(*issues)
        return cls(name, config, base, context.seed)

    @cached_property
    def _ablations(self) -> tuple[str, ...]:
        """The cells beside the clean one, by name."""
        ladder = (f"resolution@{share:g}" for share in sorted(set(self._config.resolutions), reverse=True))
        most = max(len(sample.images) for sample in self.dataset) if self._config.each_image else 0
        each = (f"image@{number}" for number in range(1, most + 1) if most > 1)
        return (*dict.fromkeys(self._config.ablations), *ladder, *each)

    def cells(self) -> Sequence[Cell]:
        away = (
            Cell(name, {"image": name}, CLEAN.id, kind if degree else "", loose=name in _OTHERS)
            for name in self._ablations
            for kind, degree, _ in [name.partition("@")]
        )
        return [replace(CLEAN, labels={"image": "its own"}), *away]

    def samples(self, cell: Cell) -> Iterable[Sample]:
        if cell.id == CLEAN.id:
            return self.dataset
        if cell.id == "mismatched":
            return mismatched(self.dataset, self._seed, self.name)
        return (replace(one, images=self._left(cell.id, one)) for one in self.dataset)

    def _left(self, cell: str, sample: Sample) -> tuple[ImageSource, ...]:
        """Return the images of a sample that an ablation leaves."""
        kind, _, number = cell.partition("@")
        images, seed = sample.images, ("ablate", self._seed, self.name, sample.id)
        match kind:
            case "no_image":
                return ()
            case "noise":
                return tuple(Edited(one, noise(*seed, kind, i)) for i, one in enumerate(images))
            case "shuffled":
                patches = self._config.patches
                return tuple(Edited(one, shuffled(patches, *seed, kind, i)) for i, one in enumerate(images))
            case "resolution":
                return tuple(Edited(one, reduced(float(number))) for one in images)
            case "image":
                return tuple(blanked(one) if i == int(number) else one for i, one in enumerate(images, start=1))
        return tuple(map(blanked, images))

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        if cell.id.startswith("image@") and len(sample.images) < max(2, int(cell.id.removeprefix("image@"))):
            return ()  # it has no such image: it says nothing here
        severity = 0 if cell.id == CLEAN.id else _SIMULATED_SEVERITY
        return self._base.again(cell, sample, oracle=oracle, task=self.name, severity=severity)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        if not responses:
            return dict.fromkeys(self.metrics, Score(math.nan, Status.UNDEFINED))
        return self._base.score(sample, responses)

    def statistics(self) -> Sequence[Statistic]:
        return [*map(self._gap, self._ablations), *self.by_cell()]

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say what is answered without looking, where the images may not matter, and what was never answered so."""
        gaps = {name: figures.metrics[self._gap(name).name] for name in self._ablations}
        findings = (*self._doubts(gaps), *self._unseen(figures))
        return Illustration(curves=tuple(self._ladder(figures)), findings=findings)

    def _gap(self, ablation: str) -> Statistic:
        """Return the gap over the samples that the model answered so: a crash is no proof that it needs to look."""
        seen = column(self.primary, CLEAN.id)
        without = column(self.primary, ablation, failed="exclude")
        return Statistic(f"{self.gap}[{ablation}]", mean(minus(seen, without)), bounds=SIGNED)

    def _doubts(self, gaps: Mapping[str, MetricValue]) -> Iterator[Finding]:
        for name, gap in gaps.items():
            said = f"{self.gap}[{name}]"
            if gap.n < gap.total:
                lost = f"{gap.total - gap.n} of {gap.total} questions were never answered blind and are left out"
                yield Finding("warning", f"{said}: {lost}")
            if gap.low <= 0 and name in _SIGHTLESS:
                yield Finding("warning", f"{said} is {with_interval(gap)}: the images may not matter here")

    def _unseen(self, figures: Figures) -> Iterator[Finding]:
        """Say how much is answered without looking: the most that an ablation which shows nothing of it leaves."""
        scores = {name: figures.metrics[f"{self.primary}[{name}]"] for name in _SIGHTLESS if name in self._ablations}
        known = {name: score for name, score in scores.items() if score.n}
        if known:
            name, most = max(known.items(), key=lambda item: item[1].value)
            clean = figures.metrics[f"{self.primary}[{CLEAN.id}]"].value
            share = f"{most.value:.0%} [{most.low:.0%}, {most.high:.0%}]"
            yield Finding(
                "note", f"this model answers {share} without looking ({name}), and {clean:.0%} with the image"
            )

    def _ladder(self, figures: Figures) -> Iterator[Curve]:
        rungs = [CLEAN.id, *(name for name in self._ablations if name.startswith("resolution@"))]
        if len(rungs) > 1:
            shares = tuple(float(name.partition("@")[2] or 1) for name in rungs)
            points = tuple(figures.metrics[f"{self.primary}[{name}]"] for name in rungs)
            yield Curve(f"{self.primary} by resolution", "share of each side's pixels", shares[::-1], points[::-1])


class BlindTask(AblateTask):
    """What is left without the image: the same questions with it blank, shuffled or swapped, beside the clean ones.

    `ablate` of the whole image alone.

    ``blind_gap[control]`` is the mean paired difference, clean minus blind, clustered by image: near 0 the
    questions can be answered without looking. The mismatched image is the fair control, since a model has never
    been shown a blank one.
    """

    Config: ClassVar[type[BaseModel]] = BlindConfig
    kind: ClassVar[str] = "blind"
    gap: ClassVar[str] = "blind_gap"
    glossary: ClassVar[Mapping[str, Number]] = {}

    def __init__(self, name: str, config: BlindConfig, base: TaskBase, seed: int) -> None:
        controls = tuple(dict.fromkeys(config.controls))
        taken = AblateConfig(of=config.of, metric=config.metric, ablations=controls, resolutions=())
        super().__init__(name, taken, base, seed)

    def describe(self) -> Mapping[str, Any]:
        told = super().describe()
        return {**{key: told[key] for key in ("kind", "of", "metric")}, "controls": told["ablations"]}
