"""The task: clips and their controls as cells, and the requests that ask about them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Final, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from harness import perturb
from harness.errors import ConfigError, Issue, SampleError, UsageError, did_you_mean
from harness.estimate import SIGNED, ColumnSpec, Number, Statistic, column, glossary_of, mean, minus
from harness.frames import Clip, Sampler, open_clip
from harness.metrics import SampleMetric
from harness.metrics.moments import MomentMetric
from harness.record.rows import MadeRows
from harness.seeds import derive_seed, generator
from harness.spec.answer import SCHEMA
from harness.tasks._cells import Cell, CellResult
from harness.tasks._lookup import Key
from harness.tasks._made import Made
from harness.tasks._named import Ref, by_label, named, plain_ref
from harness.tasks._pictured import Curve, Figures, Illustration
from harness.tasks._samplers import build_sampler
from harness.tasks.qa import QaConfig, QaTask, Transform
from harness.tasks.scoring import cell_statistics, no_mean
from harness.tasks.severity import NUMBERS as OF_SWEEPS
from harness.tasks.severity import Grid, Point
from harness.tasks.temporal.controls import BASELINE, expected, findings, table
from harness.tasks.temporal.timeline import timelines
from harness.tasks.temporal.views import CONTROLS, PERTURBATIONS, Edit, View
from harness.types import Corruption, Dataset, MetricValue, Request, Sample

_EXAMPLE: Final = "dropped, or {corruption: gaussian_noise, share: 0.5}"

NUMBERS: Final = glossary_of(
    Number(
        "control_gap",
        "The first metric as it is minus under a control, paired by sample: what needs the video. A model that grounds "
        "its answers has a gap.",
        bounds=SIGNED,
    ),
    Number(
        BASELINE,
        "What the first metric gives one who draws windows without looking, uniform over the clip.",
    ),
    OF_SWEEPS["retained_accuracy"],
)

NORMAL: Final = Cell("normal", {"corruption": "none", "severity": 0})
BLIND: Final = "blind"

Control = Literal["single_frame", "shuffled", "reversed", "blind"]
Form = Literal["json", "spans", "text"]

FORMS: Final[Mapping[Form, str]] = {
    "json": (
        'Answer with JSON alone: {"answer": text or null, "spans": [[start, end]] in seconds, '
        '"frame_references": [times of the frames that show it], "confidence": 0 to 1}.'
    ),
    "spans": "Answer with the window alone, in seconds: [[start, end]].",
    "text": "",
}
"""What is asked of the answer's form, in the words of this version."""


class TemporalConfig(QaConfig):
    """Keys of a task of ``kind: temporal``; those of ``qa`` and what frames need."""

    extract: tuple[str, ...] = ("temporal_answer",)
    """Steps that take the words out of an answer, for the metrics on words; those on windows read all of it."""
    max_new_tokens: int | None = Field(default=256, ge=1, le=100_000)
    """Longest answer: windows and a time for each of the frames, as JSON."""
    sampler: Ref = "uniform"
    """Which frames are shown: a name, or a mapping with `sampler` and its keys."""
    frames: int = Field(default=8, ge=1, le=10_000)
    """The budget: at most so many frames a clip."""
    form: Form = "json"
    """What the answer should look like; it is said after the question. `json` is the schema `temporal-answer/1`."""
    controls: tuple[Control, ...] = ("single_frame", "shuffled", "reversed", "blind")
    """Views of the same clips that a question about time cannot be answered from."""
    perturbations: tuple[str | dict[str, Any], ...] = ()
    """`dropped`, `duplicated`, `jittered`, `frame_rate`; or mappings with `corruption`, `share` (of the frames that are
    corrupted, 1 by default), `as` and the corruption's own parameters."""
    severities: tuple[int, ...] = (1, 3, 5)
    """Of each perturbation, 1 to 5."""


@dataclass(frozen=True, slots=True)
class Corrupted:
    """An image corruption of some or all frames."""

    corruption: Corruption
    share: float

    def apply(self, images: Sequence[Image.Image], severity: int, seed: int) -> tuple[Image.Image, ...]:
        """Return the images, the chosen ones corrupted; which ones does not depend on the severity."""
        count = max(1, round(self.share * len(images)))
        chosen = set(generator(seed, "frames").permutation(len(images))[:count].tolist())
        return tuple(
            perturb.corrupt(image, self.corruption, severity, generator(seed, i)) if i in chosen else image
            for i, image in enumerate(images)
        )


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a cell does to the view or to the pictures."""

    severity: int = 0
    edit: Edit | None = None
    corrupted: Corrupted | None = None
    blank: bool = False


class TemporalTask(QaTask):
    """When something happens in a clip, beside controls that must fail (one frame, shuffled, no clip at all).

    All cells of a sample start from the same frames. Controls keep the times and change what is shown under
    them; a model that grounds its answer must fall to what chance gives.
    """

    Config: ClassVar[type[BaseModel]] = TemporalConfig
    kind = "temporal"
    glossary: ClassVar[Mapping[str, Number]] = NUMBERS
    config: TemporalConfig

    def __init__(
        self, name: str, config: TemporalConfig, dataset: Dataset, metrics: Mapping[str, SampleMetric], seed: int
    ) -> None:
        super().__init__(name, config, dataset, metrics, seed)
        issues: list[Issue] = []
        sampler = build_sampler(config.sampler, ("sampler",), issues)
        perturbations = _build_perturbations(config.perturbations, issues)
        issues += [
            Issue(("severities", i), f"severity {severity} is not in 1 to 5")
            for i, severity in enumerate(config.severities)
            if not 1 <= severity <= 5
        ]
        first = metrics[self.primary]
        if first.direction != "higher" or first.bounds != (0.0, 1.0):
            said = (
                f"the first metric must go from 0 to 1 with higher better, for the control gaps; {first.name} does not"
            )
            issues.append(Issue(("metrics", 0), said))
        if why := no_mean(first):
            issues.append(Issue(("metrics", 0), why))
        if issues or sampler is None:
            raise ConfigError(*issues)
        self._sampler: Sampler = sampler
        self._picked: dict[str, tuple[int, ...]] = {}
        self._perturbations = tuple(perturbations)
        self._severities = tuple(sorted(set(config.severities)))
        self._treatments = {control: _control(control) for control in config.controls} | {
            f"{label}@{severity}": replace(treatment, severity=severity)
            for label, treatment in perturbations.items()
            for severity in self._severities
        }

    def cells(self) -> Sequence[Cell]:
        return [
            NORMAL,
            *(
                Cell(
                    identity,
                    {"corruption": identity.partition("@")[0], "severity": treatment.severity},
                    baseline=NORMAL.id,
                    group=identity.partition("@")[0],
                )
                for identity, treatment in self._treatments.items()
            ),
        ]

    def request(
        self,
        cell: Cell,
        sample: Sample,
        *,
        oracle: bool,
        task: str,
        severity: int = 0,
        transform: Transform | None = None,
    ) -> Request:
        """As for a question about images; the frames come behind the sample's own images, with their times."""
        asked = super().request(cell, sample, oracle=oracle, task=task, severity=severity)
        seed = derive_seed(self.seed, task, cell.id, sample.id)
        treatment = self._treatments.get(cell.id, Treatment()) if task == self.name else Treatment()
        images, times = self._show(sample, treatment, seed)
        said = ", ".join(f"{time:.2f}" for time in times)
        told = [*filter(None, (FORMS[self.config.form], f"The frames are from {said} s."))]
        prompt = "\n".join([*filter(None, [asked.prompt]), *told])
        request = replace(asked, prompt=prompt, images=(*asked.images, *self.sized(images)), times=times)
        if asked.interleaved:  # the frames have no markers: they stand between the question and what is said of them
            frames = range(len(asked.images), len(request.images))
            request = replace(request, interleaved=(*asked.interleaved, *frames, "\n".join(told)))
        return transform(request, seed) if transform else request

    def _show(
        self, sample: Sample, treatment: Treatment, seed: int
    ) -> tuple[tuple[Image.Image, ...], tuple[float, ...]]:
        if sample.clip is None:
            raise SampleError("this sample has no clip")
        with open_clip(sample.clip.fetch()) as clip:
            picked = self._pick(sample.id, clip)
            view = View(picked, clip.timeline.times[picked])
            if treatment.edit is not None:
                view = treatment.edit(view, clip.timeline, treatment.severity, generator(seed, "view"))
            images = tuple(clip.frames(view.frames.tolist()))
        if treatment.blank:
            images = tuple(Image.new("RGB", image.size, (128, 128, 128)) for image in images)
        if treatment.corrupted is not None:
            images = treatment.corrupted.apply(images, treatment.severity, seed)
        return images, tuple(view.times.tolist())

    def _pick(self, identity: str, clip: Clip) -> np.ndarray:
        """Return the sampled frames; a sampler looks through a clip once, not once a cell."""
        if identity not in self._picked:
            rng = generator(self.seed, "sampler", identity)
            self._picked[identity] = tuple(self._sampler.pick(clip, self.config.frames, rng).tolist())
        return np.array(self._picked[identity], np.int64)

    def statistics(self) -> Sequence[Statistic]:
        own = cell_statistics(self.metrics, NORMAL.id)
        baseline = [self.metrics[self.primary].statistic(BASELINE, [NORMAL.id])] if self._draws_windows else []
        kept = [self.grid.retained(), *map(self.grid.retained, self._perturbations)] if self._perturbations else []
        return [*own, *map(self._gap, self._compared), *baseline, *kept]

    def columns(self) -> Mapping[str, ColumnSpec]:
        return {**super().columns(), **({BASELINE: ColumnSpec()} if self._draws_windows else {})}

    def make(self, results: Sequence[CellResult]) -> Made:
        """Say what each sample is worth to one who draws windows without looking, where there are windows."""
        if not self._draws_windows:
            return Made()
        (asked,) = (set(result.ids) for result in results if result.cell.id == NORMAL.id)
        samples = [sample for sample in self.dataset if sample.id in asked]
        values = expected(samples, self.metrics[self.primary], self.seed, self.name)
        return Made((MadeRows(self.name, NORMAL.id, [sample.id for sample in samples], {BASELINE: values}),))

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show the first clips' windows and what perturbations leave; say of each control whether the model falls."""
        gaps = {control: figures.metrics[f"control_gap[{control}]"] for control in self._compared}
        points = {cell: values[self.primary] for cell, values in figures.cells.items()}
        under = {control: figures.metrics[BASELINE] if control == BASELINE else points[control] for control in gaps}
        (texts,) = (result.texts for result in results if result.cell.id == NORMAL.id)
        return Illustration(
            curves=tuple(self._curve(name, points) for name in self._perturbations),
            findings=tuple(findings(gaps, points[NORMAL.id], self.primary)),
            charts=timelines(self.dataset, texts),
            tables=(table(gaps, under, self.primary),),
        )

    @property
    def _draws_windows(self) -> bool:
        """Whether the first metric judges windows, which can be drawn without looking."""
        return isinstance(self.metrics[self.primary], MomentMetric)

    @property
    def _compared(self) -> Sequence[str]:
        """What the normal view is compared with."""
        return [*self.config.controls, *([BASELINE] if self._draws_windows else [])]

    def _gap(self, control: str) -> Statistic:
        """Return the gap over the samples that were answered: a crash under a control is no proof that it looks."""
        normal = column(self.primary, NORMAL.id)
        drawn = control == BASELINE
        other = column(BASELINE, NORMAL.id) if drawn else column(self.primary, control, failed="exclude")
        return NUMBERS["control_gap"].over(mean(minus(normal, other)), f"[{control}]")

    @cached_property
    def grid(self) -> Grid:
        """The normal view and the perturbations, and the form of the first metric in each."""
        metric = self.metrics[self.primary]
        points = {NORMAL.id: Point("", 0)} | {
            f"{name}@{severity}": Point(name, severity) for name in self._perturbations for severity in self._severities
        }
        return Grid.of(points, lambda cell: metric.form(self.primary, [cell]), self.primary)

    def _curve(self, name: str, points: Mapping[str, MetricValue]) -> Curve:
        curve = {0: NORMAL.id, **self.grid.curves[name]}
        values = tuple(points[cell] for cell in curve.values())
        return Curve(f"{self.primary} under {name}", "severity", tuple(map(float, curve)), values)

    def describe(self) -> Mapping[str, Any]:
        config = self.config
        return {
            **super().describe(),
            "metric": self.primary,
            "sampler": plain_ref(config.sampler),
            "frames": config.frames,
            "form": [config.form, SCHEMA, FORMS[config.form]],
            "controls": list(config.controls),
            "perturbations": [plain_ref(ref) for ref in config.perturbations],
            "severities": list(self._severities),
        }


def _control(name: str) -> Treatment:
    return Treatment(blank=True) if name == BLIND else Treatment(edit=CONTROLS[name])


def _build_perturbations(refs: Iterable[Ref], issues: list[Issue]) -> dict[str, Treatment]:
    found: list[tuple[Key, tuple[str, Treatment] | None]] = []
    for i, ref in enumerate(refs):
        key: Key = ("perturbations", i)
        if isinstance(ref, str):
            one = named(ref, "perturbation", _in_time, _EXAMPLE, key, issues)
        else:
            one = named(ref, "corruption", _in_space, _EXAMPLE, key, issues)
        found.append((key, one))
    return by_label(found, "cell", issues, (*CONTROLS, BLIND))


def _in_time(name: str) -> Treatment:
    if name not in PERTURBATIONS:
        raise UsageError(f"unknown perturbation {name!r}; {did_you_mean(name, PERTURBATIONS)}")
    return Treatment(edit=PERTURBATIONS[name])


def _in_space(name: str, share: object = 1.0, **options: Any) -> Treatment:
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise UsageError(f"share is above 0 and up to 1, not {share!r}")
    return Treatment(corrupted=Corrupted(perturb.get(name, **options), float(share)))
