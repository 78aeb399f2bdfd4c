"""Structured extraction: is it valid, does it fit the schema, are the fields right, how far off are the numbers."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final

from harness.errors import UsageError
from harness.metrics._base import NAN, AnswerMetric, Failures, truth
from harness.metrics._numbers import Number, exact_tolerance, find_numbers, near, parse_number
from harness.metrics._text import fold
from harness.metrics.numeric import unreadable
from harness.metrics.strict_json import StrictJSONError, parse_json, parse_json_leniently
from harness.types import Direction, Score, Status

ENTRIES: Final = {"field_accuracy": "FieldAccuracy", "mape": "Mape", "schema_compliance": "SchemaCompliance"}


class Mape(AnswerMetric):
    """Absolute percentage error of a single number: |answer − reference| / |reference|, as a share (0.05 is 5 %).

    The nearest reference counts. Range 0 to infinity, lower is better; heavy-tailed, so read it beside
    ``relaxed_accuracy``.

    Edge cases:
        The answer is a number, or text with exactly one number in it; otherwise ``unparsed`` and left out of
        the mean, since no error is large enough to stand for it: look at the coverage. No reference is a
        number other than zero: ``undefined``.

    Source:
        Standard; numbers read by ``find_numbers``.

    >>> Mape().score("about 95", ["100"]).value
    0.05
    """

    name = "mape"
    direction: ClassVar[Direction] = "lower"
    unit = "relative error"
    bounds = (0.0, float("inf"))
    left_out = "no error stands for a missing number"

    def __init__(self, variant: str = "default", failures: Failures = "exclude") -> None:
        super().__init__(variant, failures)

    def problem(self, references: Sequence[str], context: Mapping[str, Any]) -> str | None:
        return unreadable(references)

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        targets = [target.value for target in map(_only_number, references) if target is not None and target.value]
        if not targets:
            return Score(NAN, Status.UNDEFINED)
        given = _only_number(prediction)
        if given is None:
            return Score(NAN, Status.UNPARSED)
        return Score(min(_float(abs(given.value - target) / abs(target)) for target in targets))


def _float(ratio: Any) -> float:
    try:
        return float(ratio)
    except OverflowError:
        return 1.7976931348623157e308


def _only_number(text: str) -> Number | None:
    alone = parse_number(text)
    if alone is not None:
        return alone
    found = find_numbers(text)
    return found[0] if len(found) == 1 else None


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a JSON value with their paths; an empty object or list is a leaf.

    >>> list(flatten({"a": [1, {"b": None}], "c": []}))
    [('.a[0]', 1), ('.a[1].b', None), ('.c', [])]
    """
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flatten(item, f"{path}.{_quoted(key)}")
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from flatten(item, f"{path}[{index}]")
    else:
        yield path, value


def _quoted(key: str) -> str:
    return key if key.isidentifier() else repr(key)


class FieldAccuracy(AnswerMetric):
    """Share of all fields that are right: fields of the reference and made-up ones of the answer, by path.

    Answer and references are JSON. Text compares without case, numbers (also numbers in strings) by value.
    Lists compare by position; for lists in any order use ``anls_star``. The best reference counts. Range 0
    to 1, higher is better.

    Args:
        tolerance: relative, for numbers; its edge included.

    Edge cases:
        Invalid JSON (see ``schema_compliance``): ``unparsed``. A made-up field that is null, "", [] or {} is
        forgiven. An invalid reference is an error that names it.

    Source:
        This project.

    >>> FieldAccuracy().score('{"total": "1,200.0", "tax": 3}', ['{"total": 1200, "tax": 4}']).value
    0.5
    """

    name = "field_accuracy"

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
        scores = [self._compare(given, reference) for reference in wanted]
        return max(scores, key=lambda score: score.value)

    def _compare(self, given: Any, wanted: Any) -> Score:
        answers, targets = dict(flatten(given)), dict(flatten(wanted))
        made_up = sorted(path for path in answers.keys() - targets.keys() if answers[path] not in (None, "", [], {}))
        wrong = sorted(
            path for path, value in targets.items() if path not in answers or not self._same(answers[path], value)
        )
        fields = len(targets) + len(made_up)
        return Score(1 - (len(wrong) + len(made_up)) / fields, detail={"wrong": wrong, "made_up": made_up})

    def _same(self, value: Any, target: Any) -> bool:
        if isinstance(value, bool) or isinstance(target, bool) or value is None or target is None:
            return value is target
        if isinstance(value, list | dict) or isinstance(target, list | dict):
            return bool(value == target)
        number, wanted = parse_number(str(value)), parse_number(str(target))
        if number is not None and wanted is not None:
            return near(number, wanted, self._exact)
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
    parser, which lets through NaN, Infinity and repeated keys.

    Edge cases:
        ``NaN``, ``Infinity``, ``1e400``, a repeated key, a lone surrogate, more than 200 levels: not JSON, 0. An
        empty answer: ``unparsed``. To ``lenient``, NaN is a value but not a number. Text round the JSON (code
        fences, prose): take it off with an extraction step.

    Source:
        RFC 8259; JSON Schema 2020-12 as the package jsonschema-rs validates it.

    >>> SchemaCompliance().score('{"a": NaN}', ['{"type": "object"}']).detail
    {'lenient': True}
    """

    name = "schema_compliance"
    binary = True
    variants: ClassVar[Mapping[str, str]] = {
        "default": "as strict",
        "strict": "the standard",
        "lenient": "what Python's json module reads",
    }

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        validators = [_validator(schema) for schema in references]
        if not prediction.strip():
            return Score(NAN, Status.UNPARSED)
        strict = any(_fits(prediction, validator, parse_json) for validator in validators)
        lenient = strict or any(_fits(prediction, validator, parse_json_leniently) for validator in validators)
        return Score(truth(lenient if self.variant == "lenient" else strict).value, detail={"lenient": lenient})


def _fits(text: str, validator: Any, parse: Any) -> bool:
    try:
        return bool(validator.is_valid(parse(text)))
    except ValueError:
        return False
