"""Questions about images, one answer each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue, SampleError, UsageError
from harness.estimate import ColumnSpec, Statistic
from harness.metrics import SampleMetric, extract
from harness.seeds import derive_seed
from harness.spec.models import Model
from harness.tasks._base import BuildContext, Cell
from harness.tasks._lookup import find_dataset
from harness.tasks._named import Ref, plain_ref
from harness.tasks._needs import unmet
from harness.tasks._prompt import compile_prompt
from harness.tasks.former import text_of
from harness.tasks.scoring import build_metrics, cell_statistics, column_specs, fit_metrics, score_all
from harness.tasks.slices import Slices
from harness.types import Dataset, Generation, Oracle, Request, Response, Sample, Score

ENTRIES: Final = {"qa": "QaTask"}

CLEAN: Final = Cell("clean")

Transform = Callable[[Request, int], Request]
"""Changes the images of a request; the integer seeds it."""


class QaConfig(Model):
    """Keys of a task of ``kind: qa``."""

    dataset: str
    """A dataset of this suite."""
    prompt: str = "{{ question }}"
    """Jinja template; knows `question`, `tags` and the sample's facts by name: `{{ choices | join(', ') }}`."""
    system: str | None = None
    """System prompt."""
    extract: tuple[str, ...] = ()
    """Steps that take the answer out of what the model wrote, in order: `[strip_thinking, final_answer]`."""
    metrics: tuple[Ref, ...] = Field(min_length=1)
    """Names, or mappings with `metric`, `variant`, `as` and parameters."""
    max_new_tokens: int = Field(default=16, ge=1, le=100_000)
    """Longest answer."""
    temperature: float = Field(default=0.0, ge=0, le=10)
    """Above 0 the model samples its answer; for `--epochs`. Needs an adapter that can `sample`."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Sample among the most likely tokens that together are this likely."""
    slices: tuple[str, ...] = ()
    """Tags to cut the metrics by: `[style]` gives `relaxed_accuracy[style=vbar-light]` and so on, beside the whole."""


class QaTask:
    """Asks every question of a dataset once."""

    Config: ClassVar[type[BaseModel]] = QaConfig
    kind = "qa"
    requires = frozenset({"generate"})

    def __init__(
        self, name: str, config: QaConfig, dataset: Dataset, metrics: Mapping[str, SampleMetric], seed: int
    ) -> None:
        self.name = name
        self.config = config
        self.dataset = dataset
        self.metrics = metrics
        self.primary = next(iter(metrics))
        if config.temperature:
            self.requires = self.requires | {"sample"}
        self._seed = seed
        self._render = compile_prompt(config.prompt)
        self._extract = extract.chain(config.extract)
        self._slices = Slices(dataset, config.slices)
        self._fitted = fit_metrics(metrics, dataset)

    @classmethod
    def build(cls, name: str, config: QaConfig, context: BuildContext) -> Self:
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
        except ValueError as cause:
            issues.append(Issue(("prompt",), str(cause)))
        if issues or dataset is None:
            raise ConfigError(*issues)
        return cls(name, config, dataset, metrics, context.seed)

    def cells(self) -> Sequence[Cell]:
        return (CLEAN,)

    def count(self, cell: Cell) -> int:
        return len(self.dataset)

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return self.dataset

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return (self.request(cell, sample, oracle=oracle, task=self.name),)

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
        """Return a sample's request, for this task's cell or another's, with an optional change to every image."""
        if sample.problem is not None:
            raise SampleError(sample.problem)
        identity = f"{task}/{cell.id}/{sample.id}"
        seed = derive_seed(self._seed, task, cell.id, sample.id)
        request = Request(
            id=identity,
            prompt=self._render(sample),
            images=tuple(source.load() for source in sample.images),
            system=self.config.system,
            generation=self._generation(seed),
            oracle=Oracle(sample.references, severity, seed) if oracle else None,
        )
        return transform(request, seed) if transform else request

    def _generation(self, seed: int) -> Generation:
        config = self.config
        if not config.temperature:
            return Generation(config.max_new_tokens)
        return Generation(config.max_new_tokens, config.temperature, config.top_p, seed >> 33)

    def prepare(self, cell: Cell, sample: Sample, *, oracle: bool) -> Request:
        """Return the one request of a sample, for tasks that are written for an earlier version and build on this."""
        return self.request(cell, sample, oracle=oracle, task=self.name)

    def score(self, sample: Sample, responses: Sequence[Response] | str) -> Mapping[str, Score]:
        return self.judge(sample, text_of(responses))

    def judge(self, sample: Sample, text: str) -> Mapping[str, Score]:
        """Judge one answer under every metric."""
        return score_all(self.metrics, sample, text, self._extract)

    def statistics(self) -> Sequence[Statistic]:
        whole = cell_statistics(self.metrics, CLEAN.id)
        return [*whole, *self._slices.of(whole)]

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        return cell_statistics(self.metrics, cell.id)

    def columns(self) -> Mapping[str, ColumnSpec]:
        return column_specs(self.metrics)

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "dataset": self.dataset.content_hash(),
            "prompt": self.config.prompt,
            "system": self.config.system,
            "max_new_tokens": self.config.max_new_tokens,
            **({"temperature": self.config.temperature, "top_p": self.config.top_p} if self.config.temperature else {}),
            "extract": [extract.resolve(step) for step in self.config.extract],
            "metrics": [plain_ref(ref) for ref in self.config.metrics],
            **({"fitted": self._fitted} if self._fitted else {}),
        }
