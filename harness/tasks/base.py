"""The base of a task kind: questions about the samples of one dataset, judged by metrics that the suite names.

A kind of its own then says which requests a sample is (``requests``, ``then``) and, where it differs, which of the
answers is judged (``score``) and which cells there are (``cells``). Numbers, slices and gates follow from the metrics.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pydantic import BaseModel, Field

from harness import facts
from harness.errors import ConfigError, Issue, SampleError, UsageError
from harness.estimate import ColumnSpec, Statistic
from harness.images import misfit, pictures, settle
from harness.metrics import SampleMetric, extract, unfit
from harness.seeds import derive_seed
from harness.spec.models import ImagePolicy, Model, OnTruncated
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell
from harness.tasks._lookup import find_dataset
from harness.tasks._named import Ref
from harness.tasks._needs import unmet
from harness.tasks._prompt import compile_prompt
from harness.tasks._room import room, stated
from harness.tasks._sized import misplaced_boxes, sized, stated_images
from harness.tasks.former import text_of
from harness.tasks.scoring import build_metrics, cell_statistics, column_specs, fit_metrics, recorded, score_all
from harness.tasks.slices import Slices
from harness.types import Dataset, Generation, Oracle, Request, Response, Sample, Score

if TYPE_CHECKING:
    from PIL import Image

CLEAN: Final = Cell("clean")

_TOLD_OTHERWISE: Final = {"dataset", "extract", "metrics", "slices", "on_truncated", "images"}
"""Keys that ``describe`` tells in another form, or that change no number."""
_DRAWN: Final = {"temperature", "top_p"}
"""Keys that change nothing where the model does not sample."""


class TaskConfig(Model):
    """Keys of a task that asks about one dataset."""

    dataset: str
    """A dataset of this suite."""
    prompt: str = "{{ question }}"
    """Jinja template; knows `question`, `tags` and the sample's facts by name: `{{ choices | join(', ') }}`."""
    system: str | None = None
    """System prompt."""
    extract: tuple[str, ...] = ()
    """Steps that take the answer out of what the model wrote, in order: `[final_answer, choice_letter]`. Thinking and
    special tokens are gone before the first."""
    metrics: tuple[Ref, ...] = Field(min_length=1)
    """Names, or mappings with `metric`, `variant`, `as` and parameters."""
    max_new_tokens: int | None = Field(default=None, ge=1, le=100_000)
    """Longest answer. By default what the longest of the metrics' answers takes: 32 tokens for a word or a number,
    more for captions, transcripts and tables; 2,048 where `strip_thinking` says that the model thinks first."""
    on_truncated: OnTruncated = "count"
    """What becomes of answers that were cut off there: `count` scores them as they stand, `fail` records their samples
    as failed, `unparsed` scores them as if nobody could read them. The suite's `on_truncated` by default."""
    images: ImagePolicy | None = None
    """In which size pictures are sent: `{longest_side: 768, resample: bicubic}`. As they lie by default, or as the
    suite's `images` says. A sweep's corruption is drawn on what is sent."""
    temperature: float = Field(default=0.0, ge=0, le=10)
    """Above 0 the model samples its answer; for `--epochs`. Needs an adapter that can `sample`."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Sample among the most likely tokens that together are this likely."""
    slices: tuple[str, ...] = ()
    """Tags to cut the metrics by: `[style]` gives `relaxed_accuracy[style=vbar-light]` and so on, beside the whole."""


class OverDataset:
    """What is the same for all tasks that show every sample of one dataset in each cell."""

    dataset: Dataset
    metrics: Mapping[str, SampleMetric]

    def count(self, cell: Cell) -> int:
        return len(self.dataset)

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return self.dataset

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        return cell_statistics(self.metrics, cell.id)

    def columns(self) -> Mapping[str, ColumnSpec]:
        return column_specs(self.metrics)

    def unfit(self, sample: Sample) -> Mapping[str, str]:
        """Return under which metrics no answer to a sample can be judged, by label, with what is wrong in its data.

        Nothing is wrong where a metric only has no meaning for it: the reason is then empty.
        """
        known = facts.context(sample)
        said = {label: unfit(one, sample.references, known) for label, one in self.metrics.items()}
        return {label: why for label, why in said.items() if why is not None}


def placed(prompt: str, sample: Sample, *, loose: bool = False) -> tuple[str, tuple[str | int, ...]]:
    """Return a prompt without markers of images, and where they place the images, as :func:`harness.images.settle`.

    Raises:
        SampleError: if they do not fit the sample's images, with the place of its row.
    """
    try:
        return settle(prompt, len(sample.images), loose=loose)
    except SampleError as cause:
        raise SampleError(f"{sample.origin}: {cause}" if sample.origin else str(cause)) from cause


class TaskBase(OverDataset):
    """A task whose keys are those of :class:`TaskConfig` and its own; ``kind`` is what its entry point is called.

    As it stands it asks each question once. Every metric is a number of the task, ``label``, or ``label[cell]`` where
    there are several cells, and so is every slice of it.
    """

    Config: ClassVar[type[BaseModel]] = TaskConfig
    kind: str
    requires: frozenset[str] = frozenset({"generate"})

    def __init__(
        self, name: str, config: TaskConfig, dataset: Dataset, metrics: Mapping[str, SampleMetric], seed: int
    ) -> None:
        self.name = name
        self.longest = config.max_new_tokens or room(metrics, config.extract)
        self.config = config.model_copy(update={"max_new_tokens": self.longest})
        self.dataset = dataset
        self.metrics = metrics
        self.primary = next(iter(metrics))
        self.seed = seed
        if config.temperature:
            self.requires = self.requires | {"sample"}
        self._render = compile_prompt(config.prompt)
        self._extract = extract.reading(config.extract)
        self._slices = Slices(dataset, config.slices)
        self._fitted = fit_metrics(metrics, dataset)

    @classmethod
    def build(cls, name: str, config: TaskConfig, context: BuildContext) -> Self:
        metrics, issues = build_metrics(config.metrics)
        dataset = find_dataset(config.dataset, context.datasets, ("dataset",), issues)
        for i, step in enumerate(config.extract):
            try:
                extract.resolve(step)
            except UsageError as error:
                issues.append(Issue(("extract", i), str(error)))
        try:
            prompt = compile_prompt(config.prompt)
            issues += unmet(config.dataset, dataset, prompt, config.metrics, {} if issues else metrics)
            issues += misplaced_boxes(config.images, metrics)
        except ValueError as cause:
            issues.append(Issue(("prompt",), str(cause)))
        if issues or dataset is None:
            raise ConfigError(*issues)
        return cls(name, config, dataset, metrics, context.seed)

    def cells(self) -> Sequence[Cell]:
        return (CLEAN,)

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return (self.ask(cell, sample, oracle=oracle),)

    def ask(
        self,
        cell: Cell,
        sample: Sample,
        *,
        oracle: bool,
        task: str = "",
        severity: int = 0,
        part: str = "",
        **own: Any,
    ) -> Request:
        """Return a request about a sample: its images, and the suite's prompt filled in.

        Args:
            cell: where it is asked.
            sample: what it is about.
            oracle: whether a simulated adapter is told the right answer.
            task: whose request it is, where it is another's.
            severity: how bad its images are, for a simulated adapter.
            part: its name among the sample's requests; needed where there are several.
            own: fields of the ``Request`` that are other than the suite says: ``prompt``, ``ask``, ``role``, …

        Raises:
            SampleError: if the sample's data cannot be used, or the markers in its prompt do not fit its images.
        """
        if sample.problem is not None:
            raise SampleError(sample.problem)
        names = [task or self.name, cell.id, sample.id, *filter(None, [part])]
        seed = derive_seed(self.seed, *names)
        config, told = self.config, own.pop("prompt", None)
        prompt, interleaved = placed(self._render(sample) if told is None else told, sample, loose=cell.loose)
        drawn = (config.temperature, config.top_p, seed >> 33) if config.temperature else ()
        return Request(
            id="/".join(names),
            prompt=prompt,
            images=self.sized(pictures(sample.images)),
            oracle=Oracle(sample.references, severity, seed) if oracle else None,
            part=part,
            interleaved=interleaved,
            **{"system": config.system, "generation": Generation(self.longest, *drawn), **own},
        )

    def sized(self, images: "Sequence[Image.Image]") -> "tuple[Image.Image, ...]":
        """Return pictures in the size in which they are sent."""
        return sized(images, self.config.images)

    def again(self, cell: Cell, sample: Sample, *, oracle: bool, task: str, severity: int = 0) -> tuple[Request, ...]:
        """Return a sample's requests as another task asks them, in a cell of its own: with its ids and seeds."""
        return self.moved(self.requests(cell, sample, oracle=oracle), cell, sample, task=task, severity=severity)

    def moved(
        self, requests: Iterable[Request], cell: Cell, sample: Sample, *, task: str, severity: int = 0
    ) -> tuple[Request, ...]:
        """Return requests of this task as those of another, in a cell of its own: with its ids and seeds."""

        def moved(request: Request) -> Request:
            names = [task, cell.id, sample.id, *filter(None, [request.part])]
            seed, drawn = derive_seed(self.seed, *names), request.generation.seed is not None
            told = request.oracle and replace(request.oracle, severity=severity, seed=seed)
            generation = replace(request.generation, seed=seed >> 33) if drawn else request.generation
            return replace(request, id="/".join(names), oracle=told, generation=generation)

        return tuple(map(moved, requests))

    def worded(self, sample: Sample) -> str:
        """Return what a sample asks, in the suite's words."""
        return self._render(sample)

    def misplaced(self, sample: Sample) -> str:
        """Return how the markers in a sample's prompt do not fit its images; nothing where they do."""
        try:
            return misfit(self._render(sample), len(sample.images))
        except ValueError:  # the prompt lacks a fact, which is told where it is asked
            return ""

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return self.judge(sample, text_of(responses))

    def judge(self, sample: Sample, text: str) -> Mapping[str, Score]:
        """Judge one answer under every metric, after the suite's ``extract``."""
        return score_all(self.metrics, sample, text, self._extract)

    def taken(self, text: str, sample: Sample | None = None) -> str:
        """Return what the suite's ``extract`` takes out of an answer to a sample; nothing where it finds none."""
        return self._extract(text, facts.context(sample) if sample else {}) or ""

    def statistics(self) -> Sequence[Statistic]:
        cells = self.cells()
        whole = [
            metric.statistic(label, [cell.id], label if len(cells) == 1 else f"{label}[{cell.id}]")
            for cell in cells
            for label, metric in self.metrics.items()
        ]
        return [*whole, *self._slices.of(whole)]

    def describe(self) -> Mapping[str, Any]:
        sampled = self.config.temperature > 0
        return {
            "kind": self.kind,
            "dataset": self.dataset.content_hash(),
            **self.config.model_dump(mode="json", exclude=_TOLD_OTHERWISE | (set() if sampled else _DRAWN)),
            "extract": extract.resolved(self.config.extract),
            **stated(self.config.on_truncated),
            **stated_images(self.config.images),
            "metrics": [recorded(ref, self.metrics) for ref in self.config.metrics],
            **({"fitted": self._fitted} if self._fitted else {}),
        }
