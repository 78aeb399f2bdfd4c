"""The keys of a drift task, and what makes them impossible."""

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from harness import perturb
from harness.detect import DriftDetector
from harness.errors import Issue, UsageError, did_you_mean
from harness.spec.models import Model
from harness.tasks._lookup import find_dataset
from harness.tasks._named import Ref
from harness.tasks.drift.streams import Shape
from harness.types import Corruption, Dataset


class PriorSpec(Model):
    """A change of class shares."""

    tag: str
    """The tag that names the class."""
    value: str
    """The class that takes over."""


class ShiftSpec(Model):
    """What shifted samples are: exactly one of a corruption, a dataset and a prior."""

    corruption: str | None = None
    """The stream's own samples, corrupted."""
    severity: int = Field(default=5, ge=1)
    """Severity of the corruption."""
    dataset: str | None = None
    """Samples of another dataset: another style, another source."""
    prior: PriorSpec | None = None
    """The stream's own samples of one class."""
    share: float = Field(default=1.0, gt=0, le=1)
    """How much of a batch is shifted once the change is complete."""


class ProcessSpec(Model):
    """A scalar process instead of a model's features: independent normal values."""

    shift: float = Field(default=1.0)
    """By how many standard deviations of the batch mean the mean moves."""
    scale: float = Field(default=1.0, gt=0)
    """Standard deviation of shifted values; 1 before the change."""
    known: bool = True
    """Whether charts know mean and standard deviation, as in textbooks, or estimate them from the baseline."""


class DriftConfig(Model):
    """Keys of a task of ``kind: drift``."""

    reference: str | None = None
    """The dataset that defines the score of a sample (the centroid, say)."""
    stream: str | None = None
    """The dataset that baselines and unchanged batches are drawn from."""
    shift: ShiftSpec | None = None
    """What the stream changes to; none for `shape: none`."""
    process: ProcessSpec | None = None
    """A scalar process, in place of `reference`, `stream` and `shift`; needs no model."""
    score: Ref = "cosine"
    """Which detector of samples out of distribution makes one number of a sample's features."""
    shape: Shape = "abrupt"
    """`abrupt`, `gradual` (more and more batches), `incremental` (more and more of each batch), `recurring`, `none`."""
    onset: int = Field(default=50, ge=0, le=100_000)
    """Batches before the change."""
    horizon: int = Field(default=200, ge=2, le=100_000)
    """Batches that are watched; a stream without an alarm by then is censored."""
    width: int = Field(default=25, ge=1)
    """Batches over which a gradual or incremental change comes; batches on and off of a recurring one."""
    batch: int = Field(default=16, ge=1, le=10_000)
    """Samples in a batch."""
    baseline: int = Field(default=200, ge=2, le=100_000)
    """Samples that each stream is compared with; frozen."""
    baseline_sizes: tuple[int, ...] = ()
    """Other sizes to try under the same limits."""
    seeds: int = Field(default=1000, ge=100, le=1_000_000)
    """Streams."""
    target_arl0: float = Field(default=100.0, ge=5, le=100_000)
    """Batches between false alarms that every detector is calibrated to."""
    detectors: tuple[Ref, ...] = Field(min_length=1)
    """Names, or mappings with `detector`, `as` and parameters."""
    top_k: int = Field(default=8, ge=1, le=1000)
    """Samples of flagged batches that are sent to be labelled: the most novel ones."""
    cooldown: int = Field(default=20, ge=1)
    """Batches after a retraining trigger in which there is no other."""


Role = Literal["reference", "stream", "shift"]


def check(
    config: DriftConfig, datasets: Mapping[str, Dataset], detectors: Mapping[str, DriftDetector]
) -> Iterable[Issue]:
    """Yield what is wrong with a task."""
    if config.process is not None:
        yield from _check_process(config, detectors)
    else:
        yield from _check_pools(config, datasets)
    if config.shape != "none" and config.onset >= config.horizon - 1:
        yield Issue(("onset",), f"the change comes after the horizon of {config.horizon} batches")
    for i, size in enumerate(config.baseline_sizes):
        if size < 2:
            yield Issue(("baseline_sizes", i), f"a baseline of {size} is too small")


def _check_process(config: DriftConfig, detectors: Mapping[str, DriftDetector]) -> Iterable[Issue]:
    for key in ("reference", "stream", "shift"):
        if getattr(config, key) is not None:
            yield Issue((key,), f"a `process` has no {key!r}", "declare either `process`, or datasets")
    for i, detector in enumerate(detectors.values()):
        if detector.inputs == "indices":
            yield Issue(("detectors", i), f"{detector.name} looks at features; a process has none")


def _check_pools(config: DriftConfig, datasets: Mapping[str, Dataset]) -> Iterable[Issue]:
    lost: list[Issue] = []
    for key, name in (("reference", config.reference), ("stream", config.stream)):
        if name is None:
            yield Issue((key,), f"{key!r} is missing", "name a dataset, or declare `process`")
        else:
            find_dataset(name, datasets, (key,), lost)
    if config.shift is not None and config.shift.dataset is not None:
        find_dataset(config.shift.dataset, datasets, ("shift", "dataset"), lost)
    yield from lost
    if config.shift is None:
        if config.shape != "none":
            yield Issue(("shift",), "what does the stream change to?", "declare `shift`, or `shape: none`")
        return
    shift = config.shift
    if sum(what is not None for what in (shift.corruption, shift.dataset, shift.prior)) != 1:
        yield Issue(("shift",), "a shift is one of `corruption`, `dataset` and `prior`")
    elif shift.prior is not None and config.stream in datasets:
        values = sorted({sample.tags.get(shift.prior.tag, "") for sample in datasets[config.stream or ""]})
        if shift.prior.value not in values:
            said = f"no sample of {config.stream!r} has {shift.prior.tag} = {shift.prior.value!r}"
            yield Issue(("shift", "prior"), said, did_you_mean(shift.prior.value, values))


def corruption_of(config: DriftConfig, issues: list[Issue]) -> Corruption | None:
    """Return the corruption of the shift, where it is one."""
    if config.shift is None or config.shift.corruption is None:
        return None
    try:
        found = perturb.get(config.shift.corruption)
    except UsageError as error:
        issues.append(Issue(("shift", "corruption"), str(error)))
        return None
    if config.shift.severity > found.severities:
        said = f"severity {config.shift.severity} is not in 1 to {found.severities}"
        issues.append(Issue(("shift", "severity"), said))
    return found
