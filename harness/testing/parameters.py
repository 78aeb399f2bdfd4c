"""A parameter that changes nothing is an error: of whatever takes parameters and gives numbers.

.. code-block:: python

    from harness.testing.parameters import check_parameters

    def test_each_parameter_of_my_detector_counts():
        check_parameters(MyDetector, lambda it, rows: it.fit(rows).score(rows), rows())
"""

import inspect
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from harness.errors import UsageError
from harness.metrics import CorpusMetric, SampleMetric, Score, Status
from harness.testing.laws import Case

__all__ = ["alternatives", "check_metric_parameters", "check_parameters"]

_ASIDE: Final = ("self", "variant", "args", "kwargs")
"""A variant may be another's second name; that two of them differ is for their own tests."""


def check_parameters(
    make: Callable[..., Any],
    numbers: Callable[[Any, Any], Any],
    data: st.SearchStrategy[Any],
    values: Mapping[str, Sequence[Any]] | None = None,
    without: Collection[str] = (),
    examples: int = 200,
) -> None:
    """Find, for each declared parameter, data on which two of its values give different numbers.

    Args:
        make: what takes the parameters, as keywords: a class, or a function.
        numbers: what it made gives for the data; compared by ``repr``, to the last bit.
        data: what to try.
        values: two values or more of a parameter, where :func:`alternatives` has none or they cannot differ.
        without: parameters that need not count, and why stands beside them in your test.
        examples: data to try for each parameter.

    Raises:
        AssertionError: naming the parameter that changes nothing, and the values that were tried.
    """
    named = {} if values is None else values
    for name, parameter in inspect.signature(make).parameters.items():
        if name in (*_ASIDE, *without):
            continue
        tried = [value for value in named.get(name) or alternatives(make, parameter) if _fits(make, name, value)]
        if len(tried) < 2:
            raise AssertionError(f"parameter {name!r}: there are no two values to try; name them in `values`")
        if not _counts([make(**{name: value}) for value in tried], numbers, data, examples):
            listed = ", ".join(map(repr, tried))
            raise AssertionError(f"parameter {name!r} changes nothing: {listed} gave the same numbers each time")


def alternatives(make: Callable[..., Any], parameter: inspect.Parameter) -> list[Any]:
    """Return values of a parameter, from its annotation and its default; none where these do not tell.

    >>> def scaled(temperature: float = 1.0, squared: bool = False): ...
    >>> [alternatives(scaled, one) for one in inspect.signature(scaled).parameters.values()]
    [[1.0, 0.5, 2.0, 0.0, 0.1], [False, True]]
    """
    default = parameter.default
    if literal := _literal(make, parameter.name):
        return literal
    if isinstance(default, bool):
        return [default, not default]
    if isinstance(default, int):
        return list(dict.fromkeys((default, default + 1, 2 * default, 1)))
    if isinstance(default, float):
        return list(dict.fromkeys((default, default / 2, default * 2, 0.0, 0.1)))
    return []


def _literal(make: Callable[..., Any], name: str) -> list[Any]:
    function = make.__init__ if inspect.isclass(make) else make
    try:
        hint = typing.get_type_hints(function).get(name)
    except (NameError, TypeError):
        return []
    return list(typing.get_args(hint)) if typing.get_origin(hint) is typing.Literal else []


def _fits(make: Callable[..., Any], name: str, value: Any) -> bool:
    try:
        make(**{name: value})
    except (UsageError, ValueError):
        return False
    return True


def _counts(
    made: Sequence[Any], numbers: Callable[[Any, Any], Any], data: st.SearchStrategy[Any], examples: int
) -> bool:
    """Say whether data can be found on which the numbers of some differ."""
    quiet = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    try:
        find(data, lambda drawn: len({repr(numbers(one, drawn)) for one in made}) > 1, settings=quiet)
    except NoSuchExample:
        return False
    return True


def check_metric_parameters(
    make: Callable[..., SampleMetric | CorpusMetric],
    data: st.SearchStrategy[Any],
    values: Mapping[str, Sequence[Any]] | None = None,
    without: Collection[str] = (),
    examples: int = 200,
) -> None:
    """As :func:`check_parameters`, for a metric.

    Args:
        make: its class.
        data: cases, one drawn at a time (``harness.testing.metrics.cases()``), or keyword arguments of ``compute``.
        values: as there.
        without: as there.
        examples: as there.
    """
    check_parameters(make, _judged, data, values, without, examples)


def _judged(metric: Any, drawn: Any) -> Any:
    """Return what a metric makes of a case, alone and beside one that failed; or of columns."""
    try:
        if not isinstance(drawn, Case):
            return metric.compute(**drawn)
        score = metric.score(drawn.prediction, drawn.references, **drawn.context)
        empty = metric.score("", drawn.references, **drawn.context)
    except ValueError as cause:
        return str(cause)
    failed: Score = metric.failed(empty, Status.UNPARSED)
    return score.value, score.status, score.sums, metric.aggregate([score, failed])
