"""Structured extraction: is it valid, does it fit the schema, are the fields right, how far off are the numbers."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar, Final

from harness.errors import UsageError
from harness.metrics._base import NAN, AnswerMetric, Failures, truth
from harness.metrics._fields import flatten, numeric_fields
from harness.metrics._near import exact_tolerance, meets, same_unit, scaled
from harness.metrics._text import fold
from harness.metrics.numeric import unreadable
from harness.reading.json import StrictJSONError, parse_json, parse_json_leniently, read_json
from harness.reading.number_words import language_of
from harness.reading.numbers import Number, number_alone, read_number
from harness.types import Direction, Score, Status

ENTRIES: Final = {"field_accuracy": "FieldAccuracy", "mape": "Mape", "schema_compliance": "SchemaCompliance"}


class Mape(AnswerMetric):
    """Absolute percentage error of a single number: |answer − reference| / |reference|, as a share (0.05 is 5 %).

    The nearest reference counts. Range 0 to infinity, lower is better; heavy-tailed, so read it beside
    ``relaxed_accuracy``.

    Args:
        locale: whose habits the numbers keep, such as ``de``: "1.234" is then 1234.

    Edge cases:
        The answer is a number, or text with exactly one number in it (see ``read_number``); otherwise ``unparsed``
        and left out of the mean, since no error is large enough to stand for it: look at the coverage. With a percent
        sign on one side alone the lesser error counts: "5%" is 5 and 0.05. No reference is a number other than zero:
        ``undefined``.

    Source:
        Standard; numbers read by ``harness.reading.numbers.read_number``.

    >>> Mape().score("about 95", ["100"]).value
    0.05
    """

    name = "mape"
    direction: ClassVar[Direction] = "lower"
    unit = "relative error"
    bounds = (0.0, float("inf"))
    left_out = "no error stands for a missing number"

    def __init__(self, variant: str = "default", failures: Failures = "exclude", locale: str | None = None) -> None:
        super().__init__(variant, failures)
        if locale is not None:
            language_of(locale)
        self.locale = locale

    def problem(self, references: Sequence[str], context: Mapping[str, Any]) -> str | None:
        return unreadable(references)

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        wanted = (read_number(text, self.locale).value for text in references)
        targets = [target for target in wanted if target is not None and target.value]
        if not targets:
            return Score(NAN, Status.UNDEFINED)
        given = read_number(prediction, self.locale)
        if given.value is None:
            return Score(NAN, Status.UNPARSED, {"reason": given.why})
        return Score(min(_float(_error(given.value, target)) for target in targets))


def _error(value: Number, target: Number) -> Fraction:
    other = scaled(value, target)
    readings = [value.value] if other is None else [value.value, other]
    return min(abs(reading - target.value) for reading in readings) / abs(target.value)


def _float(ratio: Any) -> float:
    try:
        return float(ratio)
    except OverflowError:
        return 1.7976931348623157e308


class FieldAccuracy(AnswerMetric):
    """Share of all fields that are right: fields of the reference and made-up ones of the answer, by path.

    Answer and references are JSON. A field is a number where the sample's ``schema`` says so or, where that says
    nothing, where the reference has a number and not a string: numbers compare by value, and the answer may write them
    as text ("1,200.0"). All other fields compare as text without case, whatever they look like: "02134" is not "2134".
    Lists compare by position; for lists in any order use ``anls_star``. The best reference counts. Range 0 to 1, higher
    is better.

    Args:
        tolerance: relative, for fields that are numbers; its edge included.

    Edge cases:
        Invalid JSON (see ``schema_compliance``): ``unparsed``. A made-up field that is null, "", [] or {} is
        forgiven. An invalid reference is an error that names it.

    Source:
        This project.

    >>> FieldAccuracy().score('{"total": "1,200.0", "tax": 3}', ['{"total": 1200, "tax": 4}']).value
    0.5
    >>> FieldAccuracy().score('{"zip": "2134"}', ['{"zip": "02134"}']).value
    0.0
    """

    name = "field_accuracy"
    answer_tokens = 1024
    wants = ("schema",)

    def __init__(self, variant: str = "default", tolerance: float = 0.0, failures: Failures = "wrong") -> None:
        super().__init__(variant, failures)
        self.tolerance = tolerance
        self._exact = exact_tolerance(tolerance)

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        wanted = [_reference(reference) for reference in references]
        try:
            given = parse_json(prediction)
        except StrictJSONError:
            return Score(NAN, Status.UNPARSED)
        scores = [self._compare(given, reference, context.get("schema")) for reference in wanted]
        return max(scores, key=lambda score: score.value)

    def _compare(self, given: Any, wanted: Any, schema: Any) -> Score:
        answers, targets, kinds = dict(flatten(given)), dict(flatten(wanted)), numeric_fields(wanted, schema)
        made_up = sorted(path for path in answers.keys() - targets.keys() if answers[path] not in (None, "", [], {}))
        wrong = sorted(
            path
            for path, value in targets.items()
            if path not in answers or not self._same(answers[path], value, path in kinds)
        )
        fields = len(targets) + len(made_up)
        return Score(1 - (len(wrong) + len(made_up)) / fields, detail={"wrong": wrong, "made_up": made_up})

    def _same(self, value: Any, target: Any, numeric: bool) -> bool:
        if isinstance(value, bool) or isinstance(target, bool) or value is None or target is None:
            return value is target
        if isinstance(value, list | dict) or isinstance(target, list | dict):
            return bool(value == target)
        if numeric:
            number, wanted = number_alone(str(value)).value, number_alone(str(target)).value
            if number is not None and wanted is not None:
                return same_unit(number, wanted) and meets(number, wanted, self._exact)
        return fold(str(value)) == fold(str(target))


def _reference(text: str) -> Any:
    try:
        return parse_json(text)
    except StrictJSONError as cause:
        raise ValueError(f"references must be JSON: {cause}") from cause


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    try:
        import jsonschema_rs
    except ImportError as cause:
        raise UsageError(
            "metric 'schema_compliance' needs the package jsonschema-rs: pip install jsonschema-rs"
        ) from cause
    try:
        return jsonschema_rs.Draft202012Validator(parse_json(schema))
    except ValueError as cause:
        raise ValueError(f"references must be JSON Schemas (2020-12): {cause}") from cause


def schema_problem(text: str, schema: str) -> str | None:
    """Return where JSON does not fit a schema, as a sentence; None where it fits.

    >>> schema_problem('{"total": "12"}', '{"properties": {"total": {"type": "number"}}}')
    '/total: "12" is not of type "number"'

    Raises:
        ValueError: if the schema is none.
    """
    try:
        found = next(iter(_validator(schema).iter_errors(parse_json(text))), None)
    except StrictJSONError as cause:
        return str(cause)
    return None if found is None else f"{''.join(f'/{part}' for part in found.instance_path)}: {found.message}"


class SchemaCompliance(AnswerMetric):
    """1 where the answer is JSON that fits one of the JSON Schemas given as references, else 0.

    Range 0 to 1, higher is better. ``detail["lenient"]`` says whether the answer would pass with Python's own
    parser, which lets through NaN, Infinity and repeated keys, or as ``harness.reading`` reads it: in a fence, in
    prose, with a comma too many and the like.

    Edge cases:
        ``NaN``, ``Infinity``, ``1e400``, a repeated key, a lone surrogate, more than 200 levels: not JSON, 0. An
        empty answer: ``unparsed``. To ``lenient``, NaN is a value but not a number. Text round the JSON (code
        fences, prose): 0, but to ``lenient``; an extraction step takes it off.

    Source:
        RFC 8259; JSON Schema 2020-12 as the package jsonschema-rs validates it.

    >>> SchemaCompliance().score('{"a": NaN}', ['{"type": "object"}']).detail
    {'lenient': True}
    """

    name = "schema_compliance"
    answer_tokens = 1024
    binary = True
    variants: ClassVar[Mapping[str, str]] = {
        "default": "as strict",
        "strict": "the standard",
        "lenient": "what Python's json module reads, and JSON in fences, in prose and with slips",
    }

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        validators = [_validator(schema) for schema in references]
        if not prediction.strip():
            return Score(NAN, Status.UNPARSED)
        strict = any(_fits(prediction, validator, parse_json) for validator in validators)
        lenient = strict or any(
            _fits(prediction, validator, parse) for validator in validators for parse in (parse_json_leniently, _read)
        )
        return Score(truth(lenient if self.variant == "lenient" else strict).value, detail={"lenient": lenient})


def _read(text: str) -> Any:
    reading = read_json(text)
    if reading.value is None:
        raise StrictJSONError(reading.why)
    return reading.value


def _fits(text: str, validator: Any, parse: Any) -> bool:
    try:
        return bool(validator.is_valid(parse(text)))
    except ValueError:
        return False
