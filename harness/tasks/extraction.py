"""Structured extraction: what a document says as JSON, asked for at once or field by field."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar, Final, Self

import numpy as np
from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue, SampleError, UsageError, in_words
from harness.metrics import SampleMetric, extract, sample_metric
from harness.metrics.strict_json import StrictJSONError, parse_json
from harness.seeds import derive_seed
from harness.spec.models import Model
from harness.tasks._base import Bench, BuildContext, Cell, CellResult, Column, Finding, Observation, Summary
from harness.tasks._lookup import find_dataset
from harness.tasks._measuring import MeasuringTask
from harness.tasks._needs import unmet
from harness.tasks._prompt import compile_prompt, compile_template
from harness.types import (
    Adapter,
    Dataset,
    Generation,
    MetricValue,
    Oracle,
    Request,
    Response,
    Sample,
    Score,
    Status,
)

ENTRIES: Final = {"extraction": "ExtractionTask"}

_CELL: Final = Cell("documents")
_COLUMNS: Final = {
    "document_mape": "mape",
    "document_numbers": "number_coverage",
    "document_fields": "field_accuracy",
    "document_schema": "schema_compliance",
}
"""What each document is measured by, and the metric that is the mean of it."""


class ExtractionConfig(Model):
    """Keys of a task of ``kind: extraction``."""

    dataset: str
    """A dataset of this suite whose answers are JSON objects: one document a sample."""
    fields: str | None = None
    """Jinja template of a question about one `field`: `What is the value of {{ field }}?`. The JSON is then put
    together from the answers, for models that cannot write it; the fields are those of the right answer."""
    prompt: str = "{{ question }}"
    """Jinja template round the document's question, or round the question about a field."""
    system: str | None = None
    """System prompt."""
    extract: tuple[str, ...] = ()
    """Steps that take the answer out of what the model wrote, in order: `[strip_thinking, code_block]`."""
    json_schema: dict[str, Any] | None = None
    """JSON Schema (2020-12) that a document must fit."""
    tolerance: float = Field(default=0.0, ge=0, lt=1)
    """How far a number may lie from the right one to be right in `field_accuracy`: 0.05 is 5 %."""
    max_new_tokens: int = Field(default=256, ge=1, le=100_000)
    """Longest answer."""


@dataclass(frozen=True, slots=True)
class _Document:
    """One sample on its way: its requests, or why there are none."""

    sample: Sample
    wanted: Mapping[str, Any]
    requests: tuple[Request, ...] = ()
    problem: str | None = None


class ExtractionTask(MeasuringTask):
    """One document at a time: JSON from the model, or from its answers about single fields.

    ``mape`` is the mean over documents of the mean absolute percentage error of their numbers (a number that is
    not given has none: look at ``number_coverage``, the share that is given). ``field_accuracy`` is the share of
    right fields, ``schema_compliance`` that of documents that fit the schema. Documents that failed count as wrong
    in all but ``mape``.
    """

    Config: ClassVar[type[BaseModel]] = ExtractionConfig
    kind = "extraction"
    requires = frozenset({"generate"})
    primary = "document_fields"
    continues = True

    def __init__(self, name: str, config: ExtractionConfig, dataset: Dataset, seed: int) -> None:
        self.name = name
        self._config = config
        self._dataset = dataset
        self._seed = seed
        self._render = compile_prompt(config.prompt)
        self._field: Callable[..., str] | None = (
            None if config.fields is None else compile_template(config.fields, ["field"])
        )
        self._extract = extract.chain(config.extract)
        self._schema = None if config.json_schema is None else json.dumps(config.json_schema)
        self._metrics: dict[str, SampleMetric] = {
            "mape": sample_metric("mape"),
            "field_accuracy": sample_metric("field_accuracy", tolerance=config.tolerance),
            "schema_compliance": sample_metric("schema_compliance"),
        }
        self.measures = tuple(column for column in _COLUMNS if self._schema or column != "document_schema")

    @classmethod
    def build(cls, name: str, config: ExtractionConfig, context: BuildContext) -> Self:
        issues = [*_check_templates(config), *_check_schema(config)]
        dataset = find_dataset(config.dataset, context.datasets, ("dataset",), issues)
        if not issues:
            issues += unmet(config.dataset, dataset, compile_prompt(config.prompt))
        if issues or dataset is None:
            raise ConfigError(*issues)
        return cls(name, config, dataset, context.seed)

    def cells(self) -> Sequence[Cell]:
        return (_CELL,)

    def count(self, cell: Cell) -> int:
        return len(self._dataset)

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        """Ask for the documents of one batch after another; which share a batch depends on their order alone."""
        with bench.turn() as adapter:
            size, oracle = adapter.batch_size, adapter.simulated
        begun = bench.done // size * size
        samples = iter(islice(self._dataset, begun, bench.limit))
        stored = bench.done - begun
        while documents := [self._open(sample, oracle) for sample in islice(samples, size)]:
            requests = [request for document in documents for request in document.requests]
            with bench.turn() as adapter:
                answers = iter([answer for start in range(0, len(requests), size)
                                for answer in _ask(adapter, requests[start : start + size])])  # fmt: skip
            seen = [self._observe(document, list(islice(answers, len(document.requests)))) for document in documents]
            yield from seen[stored:]
            stored = 0

    def summarise(self, results: Sequence[CellResult], seed: int) -> Summary:
        (result,) = results
        values = {_COLUMNS[name]: self._value(name, result.columns[name], result.clusters) for name in self.measures}
        findings = [Finding("note", "the JSON is put together from one question a field")] if self._field else []
        return Summary(metrics=values, cells={_CELL.id: values}, findings=tuple(findings))

    def metric_names(self) -> Sequence[str]:
        return [_COLUMNS[name] for name in self.measures]

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "dataset": self._dataset.content_hash(),
            **self._config.model_dump(mode="json", exclude={"dataset", "extract"}),
            "extract": [extract.resolve(step) for step in self._config.extract],
        }

    def _open(self, sample: Sample, oracle: bool) -> _Document:
        """Make the requests of one document; one that cannot be used, or asked about, costs itself."""
        try:
            return self._asked(sample, oracle)
        except StrictJSONError as cause:
            return _Document(sample, {}, problem=str(cause))
        except Exception as cause:  # noqa: BLE001 - a template may need a tag that this sample lacks
            return _Document(sample, {}, problem=in_words(cause))

    def _asked(self, sample: Sample, oracle: bool) -> _Document:
        if sample.problem is not None:
            raise SampleError(sample.problem)
        wanted = parse_json(sample.references[0])
        if not isinstance(wanted, dict):
            raise SampleError(f"the right answer is a {type(wanted).__name__}, not a JSON object")
        images = tuple(source.load() for source in sample.images)
        if self._field is None:
            asked = {"": (sample.question, sample.references)}
        else:
            asked = {name: (self._field(field=name), (_text(value),)) for name, value in wanted.items()}
        requests = tuple(
            Request(
                id=f"{self.name}/{_CELL.id}/{sample.id}/{name}",
                prompt=self._render(replace(sample, question=question)),
                images=images,
                system=self._config.system,
                generation=Generation(self._config.max_new_tokens),
                oracle=Oracle(right, 0, derive_seed(self._seed, self.name, sample.id, name)) if oracle else None,
            )
            for name, (question, right) in asked.items()
        )
        return _Document(sample, wanted, requests)

    def _observe(self, document: _Document, answers: Sequence[Response]) -> Observation:
        sample, nothing = document.sample, dict.fromkeys(self.measures, math.nan)
        failed = next((answer for answer in answers if answer.status is not Status.OK or answer.text is None), None)
        if failed is not None or document.problem:
            status = Status.ERROR if failed is None or failed.status is Status.OK else failed.status
            error = document.problem or (failed.error if failed else None)
            return Observation(sample.id, nothing, status, error, cluster=sample.cluster, tags=sample.tags)
        texts = [self._extract(answer.text or "") or "" for answer in answers]
        if self._field is None:
            text = texts[0]
        else:
            text = json.dumps({name: _value(given) for name, given in zip(document.wanted, texts, strict=True)})
        values = {name: value for name, value in self._judge(document, text).items() if name in self.measures}
        return Observation(sample.id, values, text=text, cluster=sample.cluster, tags=sample.tags)

    def _judge(self, document: _Document, text: str) -> dict[str, float]:
        try:
            found = parse_json(text)
        except StrictJSONError:
            found = None
        given = found if isinstance(found, dict) else {}
        numbers = {name: value for name, value in document.wanted.items() if _is_number(value)}
        scores = [self._score("mape", _text(given.get(name, "")), _text(value)) for name, value in numbers.items()]
        errors = [score.value for score in scores if score.status is Status.OK]
        defined = [score for score in scores if score.status is not Status.UNDEFINED]
        fields = self._score("field_accuracy", text, document.sample.references[0])
        fits = self._score("schema_compliance", text, self._schema) if self._schema else Score(math.nan)
        return {
            "document_mape": float(np.mean(errors)) if errors else math.nan,
            "document_numbers": len(errors) / len(defined) if defined else math.nan,
            "document_fields": fields.value if fields.status is Status.OK else 0.0,
            "document_schema": fits.value if fits.status is Status.OK else 0.0,
        }

    def _score(self, metric: str, text: str, reference: str) -> Score:
        return self._metrics[metric].score(text, [reference])

    def _value(self, name: str, column: Column, clusters: Any) -> MetricValue:
        metric = self._metrics.get(_COLUMNS[name], self._metrics["field_accuracy"])
        worths = column.worths
        if name != "document_mape":
            worths = np.where(np.isnan(worths) & ~column.among(Status.UNDEFINED), 0.0, worths)
        counted = ~np.isnan(worths)
        return metric.aggregate_array(worths[counted], column.statuses, clusters[counted])


def _ask(adapter: Adapter, requests: Sequence[Request]) -> Sequence[Response]:
    """Ask one batch; if the adapter raises, ask one by one, so that a bad request costs only itself."""
    try:
        answers = list(adapter.generate(requests))
    except Exception as error:  # noqa: BLE001 - a model may raise anything
        if len(requests) > 1:
            return [answer for request in requests for answer in _ask(adapter, [request])]
        return [Response(None, Status.ERROR, f"the adapter raised {type(error).__name__}: {error}")]
    lost = Response(None, Status.MISSING, f"the adapter returned {len(answers)} responses to {len(requests)} requests")
    return answers if len(answers) == len(requests) else [lost] * len(requests)


def _value(text: str) -> Any:
    """Return a field's answer as a JSON value: a number where it is written as one, else text."""
    try:
        found = parse_json(text.strip())
    except StrictJSONError:
        return text.strip()
    return found if _is_number(found) else text.strip()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _check_templates(config: ExtractionConfig) -> Iterator[Issue]:
    for key, check in (("prompt", lambda: compile_prompt(config.prompt)), ("fields", lambda: _fields(config.fields))):
        try:
            check()
        except ValueError as cause:
            yield Issue((key,), str(cause))
    for i, step in enumerate(config.extract):
        try:
            extract.resolve(step)
        except UsageError as error:
            yield Issue(("extract", i), str(error))


def _fields(template: str | None) -> None:
    if template is not None:
        compile_template(template, ["field"])


def _check_schema(config: ExtractionConfig) -> Iterator[Issue]:
    if config.json_schema is None:
        return
    try:
        sample_metric("schema_compliance").score("{}", [json.dumps(config.json_schema)])
    except (ValueError, UsageError) as cause:
        yield Issue(("json_schema",), str(cause))
