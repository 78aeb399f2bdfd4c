"""Laws that every metric keeps, as a check to run on a metric of your own.

.. code-block:: python

    from harness.testing.metrics import check_metric

    def test_my_metric_keeps_the_laws():
        check_metric(MyMetric())

Each law is a property that Hypothesis tries to break with the answers of ``harness.testing.strategies``. A
metric for which a law cannot hold names it: ``check_metric(MyMetric(), without=["extra references"])``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.errors import UsageError, did_you_mean
from harness.metrics import CorpusMetric, SampleMetric
from harness.testing._words import close, require
from harness.testing.laws import CORPUS_LAWS, OPTIONAL_LAWS, SAMPLE_LAWS, Case
from harness.testing.strategies import answers

__all__ = [
    "CORPUS_LAWS",
    "OPTIONAL_LAWS",
    "SAMPLE_LAWS",
    "Case",
    "cases",
    "check_corpus_metric",
    "check_metric",
    "check_twins",
]


def cases() -> st.SearchStrategy[Case]:
    """Answers with one to three references and, sometimes, evidence; often the answer is one of the references."""
    references = st.lists(answers(), min_size=1, max_size=3).map(tuple)
    context: st.SearchStrategy[dict[str, Any]] = st.one_of(
        st.just({}), st.builds(dict, evidence=answers(), tags=st.just({"year": "yes"}))
    )

    def build(wanted: tuple[str, ...]) -> st.SearchStrategy[Case]:
        return st.builds(Case, st.one_of(st.sampled_from(wanted), answers()), st.just(wanted), context)

    return references.flatmap(build)


_DEFAULT_CASES: Final = cases()


def check_metric(
    metric: SampleMetric,
    laws: Collection[str] | None = None,
    without: Collection[str] = (),
    cases: st.SearchStrategy[Case] | None = None,
    examples: int = 50,
) -> None:
    """Try to break the laws with generated answers.

    Args:
        metric: the metric to check.
        laws: names of laws to check, of ``SAMPLE_LAWS`` and ``OPTIONAL_LAWS``; by default all of ``SAMPLE_LAWS``.
        without: laws that cannot hold for this metric.
        cases: what to judge, for metrics whose references have a form of their own.
        examples: batches to try; each goes through every law.

    Raises:
        AssertionError: naming the metric and the law, with the smallest batch that breaks it.
        UsageError: if a law is unknown.
    """
    known = {**SAMPLE_LAWS, **OPTIONAL_LAWS}
    chosen = _chosen(known, SAMPLE_LAWS if laws is None else laws, without)
    batches = st.lists(_DEFAULT_CASES if cases is None else cases, min_size=1, max_size=5)
    _run(metric, {name: known[name] for name in chosen}, batches, examples)


def check_corpus_metric(
    metric: CorpusMetric,
    columns: st.SearchStrategy[dict[str, Any]],
    laws: Collection[str] | None = None,
    without: Collection[str] = (),
    examples: int = 30,
) -> None:
    """As :func:`check_metric`, for a metric that needs all rows at once.

    Args:
        metric: the metric to check.
        columns: keyword arguments of ``compute``, lists of one length.
        laws: names of laws to check, of ``CORPUS_LAWS``; by default all.
        without: laws that cannot hold for this metric.
        examples: data sets to try; each goes through every law.

    Raises:
        AssertionError: naming the metric and the law.
        UsageError: if a law is unknown.
    """
    chosen = _chosen(CORPUS_LAWS, CORPUS_LAWS if laws is None else laws, without)
    _run(metric, {name: CORPUS_LAWS[name] for name in chosen}, columns, examples)


Twins = tuple[Sequence[Case], Sequence[Case]] | tuple[Mapping[str, Any], Mapping[str, Any]]


def check_twins(
    metric: SampleMetric | CorpusMetric, twins: st.SearchStrategy[Twins], what: str, examples: int = 50
) -> None:
    """Require one number for two data sets that differ in what must not count: mirrored pictures, renamed files.

    Args:
        metric: the metric to check.
        twins: two lists of cases, or two sets of columns for ``compute``.
        what: what is different, in words.
        examples: pairs to try.

    Raises:
        AssertionError: naming the metric and what counted.
    """

    def alike(subject: Any, pair: Twins) -> None:
        first, second = (_number(subject, data) for data in pair)
        require(close(first, second), f"{what} changes the value: {first}, {second}")

    _run(metric, {what: alike}, twins, examples)


def _number(metric: Any, data: Any) -> float:
    if isinstance(data, Mapping):
        return float(metric.compute(**data).value)
    return float(metric.aggregate([metric.score(one.prediction, one.references, **one.context) for one in data]).value)


def _chosen(known: Mapping[str, Any], laws: Collection[str], without: Collection[str]) -> list[str]:
    for name in (*laws, *without):
        if name not in known:
            raise UsageError(f"unknown law {name!r}; {did_you_mean(name, known)}")
    return [name for name in laws if name not in without]


def _run(
    metric: SampleMetric | CorpusMetric, laws: Mapping[str, Callable[[Any, Any], None]], data: Any, examples: int
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(data)
    def hold(drawn: Any) -> None:
        for name, law in laws.items():
            try:
                law(metric, drawn)
            except AssertionError as broken:
                raise AssertionError(f"metric {metric.name!r} breaks the law {name!r}: {broken}") from broken

    hold()
