"""Structured extraction: what a document says as JSON, asked for at once or field by field."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Self

import numpy as np
from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue, SampleError, UsageError
from harness.estimate import Number, Statistic, glossary_of
from harness.images import pictures
from harness.metrics import SampleMetric, extract, sample_metric
from harness.metrics.structured import schema_problem
from harness.reading.json import StrictJSONError, parse_json, read_json
from harness.seeds import derive_seed
from harness.spec.models import ImagePolicy, Model, OnTruncated
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._lookup import find_dataset
from harness.tasks._needs import unmet
from harness.tasks._pictured import Figures, Finding, Illustration
from harness.tasks._prompt import compile_prompt, compile_template
from harness.tasks._room import stated, thinking
from harness.tasks._sized import sized, stated_images
from harness.tasks.base import OverDataset, placed
from harness.tasks.scoring import undefined
from harness.types import (
    Dataset,
    Generation,
    Oracle,
    Request,
    Response,
    Sample,
    Score,
    Status,
)

ENTRIES: Final = {"extraction": "ExtractionTask"}

_CELL: Final = Cell("documents")

_DOCUMENT: Final = 1_024
"""Tokens of a document: a receipt of thirty lines takes some 600."""
_FIELD: Final = 64
"""Tokens of one of its fields: an address takes some 30."""


class _NumberCoverage(SampleMetric):
    """The share of a document's numbers that are given; the task counts them."""

    name = "number_coverage"

    def score(self, prediction: str, references: Sequence[str], **context: Any) -> Score:
        raise NotImplementedError("the task counts")


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
    """Steps that take the answer out of what the model wrote, in order: `[strip_thinking, code_fence]`."""
    json_schema: dict[str, Any] | None = None
    """JSON Schema (2020-12) that a document must fit."""
    tolerance: float = Field(default=0.0, ge=0, lt=1)
    """How far a number may lie from the right one to be right in `field_accuracy`: 0.05 is 5 %."""
    max_new_tokens: int | None = Field(default=None, ge=1, le=100_000)
    """Longest answer: 1,024 tokens for a document, 64 for one of its `fields`, and 2,048 where `strip_thinking` says
    that the model thinks first."""
    on_truncated: OnTruncated = "count"
    """What becomes of answers that were cut off there: `count` scores them as they stand, `fail` records their samples
    as failed, `unparsed` scores them as if nobody could read them. The suite's `on_truncated` by default."""
    images: ImagePolicy | None = None
    """In which size pictures are sent: `{longest_side: 1568}`. The suite's `images` by default, or as they lie."""


class ExtractionTask(OverDataset):
    """Reads documents into JSON, whole or field by field, and scores the fields.

    ``mape`` is the mean over documents of the mean absolute percentage error of their numbers (a number that is
    not given has none: look at ``number_coverage``, the share that is given). ``field_accuracy`` is the share of
    right fields, ``schema_compliance`` that of documents that are JSON as the standard has it and fit the schema,
    ``schema_compliance_lenient`` that of documents whose JSON fits it as it was read. JSON is read in fences, in prose
    and with slips, so that only the strict rate minds these. Documents that failed, or hold no JSON object, count as
    wrong in all but ``mape``.
    """

    Config: ClassVar[type[BaseModel]] = ExtractionConfig
    kind = "extraction"
    glossary: ClassVar[Mapping[str, Number]] = glossary_of(
        Number(
            _NumberCoverage.name,
            "Share of the document's numbers that are given as numbers, mean over documents; undefined for a document "
            "without any. It stands beside `mape`, which a number that is not given does not count in.",
        ),
        Number(
            "schema_compliance_lenient",
            "Share of the documents whose JSON fits the schema as it was read: out of a fence or prose, its slips "
            "mended. Beside it `schema_compliance` holds the answer as it stands against the standard.",
        ),
    )
    requires = frozenset({"generate"})
    primary = "field_accuracy"

    def __init__(self, name: str, config: ExtractionConfig, dataset: Dataset, seed: int) -> None:
        self.name = name
        self._config = config
        self.dataset = dataset
        self._seed = seed
        self._render = compile_prompt(config.prompt)
        self._field: Callable[..., str] | None = (
            None if config.fields is None else compile_template(config.fields, ["field"])
        )
        self._extract = extract.reading(config.extract)
        self._longest = config.max_new_tokens or thinking(
            _DOCUMENT if config.fields is None else _FIELD, config.extract
        )
        self._schema = None if config.json_schema is None else json.dumps(config.json_schema)
        self.metrics = {
            "mape": sample_metric("mape"),
            "number_coverage": _NumberCoverage(),
            "field_accuracy": sample_metric("field_accuracy", tolerance=config.tolerance),
        }
        if self._schema:
            self.metrics["schema_compliance"] = sample_metric("schema_compliance")
            self.metrics["schema_compliance_lenient"] = sample_metric("schema_compliance", "lenient")

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

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        """Ask for the document, or for each of its fields, which are the parts of the sample's work."""
        if sample.problem is not None:
            raise SampleError(sample.problem)
        wanted = _wanted(sample)
        images = sized(pictures(sample.images), self._config.images)
        if self._field is None:
            asked = {"": (sample.question, sample.references)}
        else:
            asked = {name: (self._field(field=name), (_text(value),)) for name, value in wanted.items()}
        prompts = {
            name: placed(self._render(replace(sample, question=question)), sample)
            for name, (question, _) in asked.items()
        }
        return tuple(
            Request(
                id=f"{self.name}/{_CELL.id}/{sample.id}/{name}",
                prompt=prompts[name][0],
                images=images,
                system=self._config.system,
                generation=Generation(self._longest),
                oracle=Oracle(right, 0, derive_seed(self._seed, self.name, sample.id, name)) if oracle else None,
                part=name,
                interleaved=prompts[name][1],
            )
            for name, (_, right) in asked.items()
        )

    def unfit(self, sample: Sample) -> Mapping[str, str]:
        """Say where the right answer is no JSON object, or breaks the schema that answers are held to."""
        try:
            _wanted(sample)
        except SampleError as cause:
            return dict.fromkeys(self.metrics, str(cause))
        said = schema_problem(sample.references[0], self._schema) if self._schema else None
        return {} if said is None else dict.fromkeys(self.metrics, f"the right answer breaks json_schema: {said}")

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        if sample.problem is None and (wrong := self.unfit(sample)):
            return {name: undefined(sample, why) for name, why in wrong.items()}
        if any(response.status is not Status.OK for response in responses):
            return {}  # a failed document has a meaning for every metric
        return self._judge(sample, self.joined(sample, responses))

    def joined(self, sample: Sample, responses: Sequence[Response]) -> str:
        """Return the document as JSON text, put together from its fields where it was asked field by field."""
        texts = [self._extract(response.text or "") or "" for response in responses]
        if self._field is None:
            return texts[0]
        return json.dumps({name: _value(given) for name, given in zip(_wanted(sample), texts, strict=True)})

    def statistics(self) -> Sequence[Statistic]:
        return self.cell_statistics(_CELL)

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say how a document was asked for, where that was field by field."""
        said = Finding("note", "the JSON is put together from one question a field")
        return Illustration(findings=(said,) if self._field else ())

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "dataset": self.dataset.content_hash(),
            **self._config.model_dump(mode="json", exclude={"dataset", "extract", "on_truncated", "images"}),
            "max_new_tokens": self._longest,
            **stated(self._config.on_truncated),
            **stated_images(self._config.images),
            "extract": extract.resolved(self._config.extract),
        }

    def _judge(self, sample: Sample, text: str) -> dict[str, Score]:
        found = read_json(text).value
        given = found if isinstance(found, dict) else None
        numbers = {name: value for name, value in _wanted(sample).items() if _is_number(value)}
        fields = Score(math.nan, Status.UNPARSED)
        if given is not None:
            fields = self._score("field_accuracy", json.dumps(given), sample.references[0])
        judged = {**self._numbers(given, numbers), "field_accuracy": fields}
        for name in ("schema_compliance", "schema_compliance_lenient"):
            if self._schema:
                judged[name] = self._score(name, text, self._schema)
        return {name: judged[name] for name in self.metrics}

    def _numbers(self, given: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> dict[str, Score]:
        """Judge the numbers of a document, whose metrics have no meaning where the right answer has none."""
        scores = [
            self._score("mape", _text((given or {}).get(name, "")), _text(value)) for name, value in wanted.items()
        ]
        errors = [score.value for score in scores if score.status is Status.OK]
        defined = [score for score in scores if score.status is not Status.UNDEFINED]
        if not defined:
            return dict.fromkeys(("mape", "number_coverage"), Score(math.nan, Status.UNDEFINED))
        failed = Score(math.nan, Status.UNPARSED)
        coverage = failed if given is None else Score(len(errors) / len(defined))
        return {"mape": Score(float(np.mean(errors))) if errors else failed, "number_coverage": coverage}

    def _score(self, metric: str, text: str, reference: str) -> Score:
        return self.metrics[metric].score(text, [reference])


def _wanted(sample: Sample) -> dict[str, Any]:
    """Return the right answer as the fields that it is made of.

    Raises:
        SampleError: if it is no JSON object.
    """
    try:
        wanted = parse_json(sample.references[0])
    except StrictJSONError as cause:
        raise SampleError(str(cause)) from cause
    if not isinstance(wanted, dict):
        raise SampleError(f"the right answer is a {type(wanted).__name__}, not a JSON object")
    return wanted


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
