"""The laws of metrics that judge one answer at a time, one function each, which raises where a law is broken."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from harness.metrics import SampleMetric, Score, ScoreColumns, Status, SummedMetric
from harness.testing._words import check_value, close, require, same


@dataclass(frozen=True, slots=True)
class Case:
    """One answer to judge."""

    prediction: str
    references: tuple[str, ...]
    context: Mapping[str, Any] = field(default_factory=dict)


INVISIBLE: Final = "\ufeff\u200b\u200e\u200f\u2060\u202a\u202c\u2066\u2069"
"""Byte-order mark, zero-width space, direction marks, word joiner, and the embeddings and isolates of directions."""

SampleLaw = Callable[[SampleMetric, Sequence[Case]], None]


def _score(metric: SampleMetric, case: Case) -> Score | None:
    """Return the score, None where the metric refuses the case with a ``ValueError``."""
    try:
        return metric.score(case.prediction, case.references, **case.context)
    except ValueError:
        return None


def _scores(metric: SampleMetric, batch: Sequence[Case]) -> list[Score]:
    return [score for score in (_score(metric, case) for case in batch) if score is not None]


def _worse(metric: SampleMetric, first: float, second: float) -> bool:
    """Say whether ``first`` is worse than ``second`` by more than rounding."""
    gap = second - first if metric.direction == "higher" else first - second
    return gap > 1e-9


def _range(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """A value lies within the bounds, and there is one only under the status ok; a binary metric gives 0 or 1."""
    low, high = metric.bounds
    for score in _scores(metric, batch):
        if score.status is Status.OK:
            require(low <= score.value <= high, f"{score.value} lies outside {metric.bounds}")
            if metric.binary:
                require(score.value in (0.0, 1.0), f"binary, but {score.value}")
        else:
            require(
                math.isnan(score.value), f"{score.status} with the value {score.value}; a value needs the status ok"
            )


def _identity(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """A reference, given as the answer, scores best."""
    best = metric.bounds[1] if metric.direction == "higher" else metric.bounds[0]
    for case in batch:
        score = _score(metric, Case(case.references[0], case.references[:1], case.context))
        if score is not None and score.status is Status.OK:
            require(math.isclose(score.value, best), f"the reference itself scores {score.value}, not {best}")


def _reference_order(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """The order of references changes nothing."""
    for case in batch:
        turned = Case(case.prediction, case.references[::-1], case.context)
        first, second = _score(metric, case), _score(metric, turned)
        if first is not None and second is not None:
            require(same((first.value, first.status), (second.value, second.status)), "the order of references counts")


def _extra_references(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """A further reference never makes a score worse."""
    for case in batch:
        fewer, more = _score(metric, Case(case.prediction, case.references[:1], case.context)), _score(metric, case)
        if fewer is not None and more is not None and fewer.status is Status.OK and more.status is Status.OK:
            require(not _worse(metric, more.value, fewer.value), f"with more references {more.value} < {fewer.value}")


def _purity(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """A score depends on no earlier call and on no chance, and no argument is changed."""
    before, state = copy.deepcopy(batch), repr(metric.params)
    first = [_score(metric, case) for case in batch]
    second = [_score(metric, case) for case in reversed(batch)][::-1]
    require(same(first, second), "a score depends on earlier calls")
    require(list(batch) == list(before), "an argument was changed")
    require(repr(metric.params) == state, "the metric's parameters changed")


def _rebuild(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """A metric that is built anew from its params scores the same."""
    twin = type(metric)(**metric.params)
    require(
        same([_score(metric, case) for case in batch], [_score(twin, case) for case in batch]),
        "a metric built anew from its params scores differently",
    )


def _row_order(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """The order of answers changes no number over many."""
    scores = _scores(metric, batch)
    forth, back = metric.aggregate(scores), metric.aggregate(scores[::-1])
    require(same(forth.value, back.value), "the aggregate depends on the order of rows")


def _chunks(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """Answers that are scored in parts give the number of one pass."""
    middle = len(batch) // 2
    pieces = _scores(metric, batch[:middle]) + _scores(metric, batch[middle:])
    whole = metric.aggregate(_scores(metric, batch))
    require(same(metric.aggregate(pieces), whole), "chunks differ from one shot")


def _batch(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """Scoring a batch gives the scores of one by one, to the bit."""
    names = sorted({name for case in batch for name in case.context})
    missing = Case(None, batch[0].references, batch[0].context)  # type: ignore[arg-type]  # a row without an answer
    rows = [
        Case(case.prediction, case.references, {n: case.context.get(n) for n in names}) for case in [*batch, missing]
    ]
    kept = [(case, score) for case in rows if (score := _score(metric, case)) is not None]
    columns = _columns(metric, [case for case, _ in kept])
    one_by_one = [(score.value, score.status) for _, score in kept]
    together = list(zip(columns.values.tolist(), columns.decoded(), strict=True))
    require(same(together, one_by_one), f"score_batch gives {together}, score {one_by_one}")
    require(
        same(metric.aggregate_columns(columns), metric.aggregate(score for _, score in kept)),
        "aggregate_columns and aggregate differ",
    )
    if len(kept) < len(rows):
        try:
            _columns(metric, rows)
        except ValueError:
            return
        raise AssertionError("score_batch takes a row that score refuses")


def _columns(metric: SampleMetric, rows: Sequence[Case]) -> ScoreColumns:
    names = {name for case in rows for name in case.context}
    context = {name: [case.context[name] for case in rows] for name in names}
    return metric.score_batch([case.prediction for case in rows], [case.references for case in rows], **context)


def _duplication(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """Every answer twice gives the same value and twice the n."""
    scores = _scores(metric, batch)
    once, twice = metric.aggregate(scores), metric.aggregate(scores * 2)
    require(once.n * 2 == twice.n, "n does not count rows")
    require(close(once.value, twice.value), f"every row twice changes the value: {once.value}, {twice.value}")


def _monotonicity(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """A better answer never makes the number over many worse."""
    best = metric.bounds[1] if metric.direction == "higher" else metric.bounds[0]
    scores = _scores(metric, batch)
    before = metric.aggregate(scores).value
    for place, score in enumerate(scores):
        if score.status is Status.OK:
            after = metric.aggregate([*scores[:place], Score(best), *scores[place + 1 :]]).value
            require(not _worse(metric, after, before), f"a better answer moves the value from {before} to {after}")


def _counting(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """No status is lost, and only what is undefined is no part of the total."""
    scores = _scores(metric, batch)
    value = metric.aggregate(scores)
    require(sum(value.statuses.values()) == len(scores), "a status is lost")
    undefined = sum(score.status is Status.UNDEFINED for score in scores)
    require(value.total == len(scores) - undefined, "total does not leave out the undefined rows alone")
    check_value(value, metric.bounds)


def _undefined(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """Nothing that is defined gives NaN with n = 0."""
    for scores in ([], [Score(float("nan"), Status.UNDEFINED)]):
        value = metric.aggregate(scores)
        require(math.isnan(value.value), "without a defined row the value is NaN")
        require(value.n == 0, "without a defined row n is 0")


def _undefined_by_sample(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """Whether a sample is undefined depends on question and references alone, never on the answer."""
    answers = dict.fromkeys(["", *(case.prediction for case in batch), *(case.references[0] for case in batch)])
    for case in batch:
        judged: dict[str, bool] = {}
        for answer in answers:
            score = _score(metric, Case(answer, case.references, case.context))
            judged[answer] = score is not None and score.status is not Status.UNDEFINED
        require(
            len(set(judged.values())) == 1,
            f"whether {case.references} can be judged depends on the answer: "
            f"{[answer for answer, can in judged.items() if can]} can, the others cannot",
        )


def _failures(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """An answer that failed is worth what the metric says, or left out."""
    for status in (Status.UNPARSED, Status.ERROR, Status.TIMEOUT, Status.MISSING):
        value = metric.aggregate([Score(float("nan"), status)])
        require(value.total == 1, f"{status} is not part of the total")
        if metric.failure_value is None:
            require(value.n == 0, f"{status} should be left out")
        else:
            require(value.value == metric.failure_value, f"{status} is worth {value.value}")


def _bad_input(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """Input of the wrong type is a ValueError that names the argument, and None is no answer."""
    missing = _score(metric, Case(None, ("1",)))  # type: ignore[arg-type]  # what a caller may pass by mistake
    require(missing is None or missing.status is not Status.OK, "None was scored as an answer")
    for prediction, references, argument in (
        (b"1", ("1",), "prediction"),
        ("1", (), "references"),
        ("1", "1", "references"),
    ):
        try:
            metric.score(prediction, references)  # type: ignore[arg-type]  # the point of this law
        except ValueError as error:
            require(argument in str(error), f"the error does not name {argument}: {error}")
        else:
            raise AssertionError(f"{argument} of the wrong type or empty was accepted")


def _case(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """Upper and lower case of the answer change nothing."""
    for case in batch:
        if case.prediction.isascii():
            _unchanged(metric, case, case.prediction.swapcase(), "case")


def _white_space(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """White space round the answer changes nothing."""
    for case in batch:
        _unchanged(metric, case, f"  {case.prediction}\n", "white space round the answer")


def _invisible(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """Byte-order marks, direction marks and zero-width characters change nothing, in answers and references."""
    for case in batch:
        first = _score(metric, case)
        for mark in INVISIBLE:
            marked = [_marked(text, mark) for text in (case.prediction, *case.references)]
            for answer, references in (
                (marked[0], case.references),
                (case.prediction, tuple(marked[1:])),
            ):
                second = _score(metric, Case(answer, references, case.context))
                require(
                    same(_seen(first), _seen(second)),
                    f"U+{ord(mark):04X} counts: {_seen(first)} without, {_seen(second)} with it in {answer!r} "
                    f"or {references!r}",
                )


def _marked(text: str, mark: str) -> str:
    """Return a text with a mark before, behind and within it."""
    middle = len(text) // 2
    return f"{mark}{text[:middle]}{mark}{text[middle:]}{mark}"


def _seen(score: Score | None) -> tuple[float, Status] | None:
    return None if score is None else (score.value, score.status)


def _sums_add(metric: SampleMetric, batch: Sequence[Case]) -> None:
    """Sums that are added up in parts give the number of one pass: for metrics that are made of totals."""
    scores = [score for score in _scores(metric, batch) if score.sums]
    if not isinstance(metric, SummedMetric) or not scores:
        return
    middle = len(scores) // 2
    parts = [part for part in (scores[:middle], scores[middle:]) if part]
    columns = {name: np.array([math.fsum(one.sums[name] for one in part) for part in parts]) for name in metric.sums}
    pooled = metric.of_columns({"": np.full(len(parts), math.nan), **columns}).value
    whole = metric.aggregate(scores).value
    require(close(pooled, whole), f"sums in parts give {pooled}, in one {whole}")


def _unchanged(metric: SampleMetric, case: Case, prediction: str, what: str) -> None:
    first, second = _score(metric, case), _score(metric, Case(prediction, case.references, case.context))
    if first is not None and second is not None:
        require(same((first.value, first.status), (second.value, second.status)), f"{what} counts")


SAMPLE_LAWS: Final[Mapping[str, SampleLaw]] = {
    "range": _range,
    "identity": _identity,
    "reference order": _reference_order,
    "extra references": _extra_references,
    "purity": _purity,
    "rebuild": _rebuild,
    "row order": _row_order,
    "chunks": _chunks,
    "batch": _batch,
    "duplication": _duplication,
    "monotonicity": _monotonicity,
    "counting": _counting,
    "undefined": _undefined,
    "undefined by the sample": _undefined_by_sample,
    "failures": _failures,
    "bad input": _bad_input,
}
"""Laws for metrics that judge one answer at a time."""

OPTIONAL_LAWS: Final[Mapping[str, SampleLaw]] = {
    "case": _case,
    "white space": _white_space,
    "invisible characters": _invisible,
    "sums add": _sums_add,
}
"""Laws that only some metrics want to keep: ``check_metric(metric, laws=["case", "white space"])``."""
