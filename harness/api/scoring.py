"""Score again what was answered, without the model."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.api.given import RUNS, AnyRun, PathLike, load_run, several

if TYPE_CHECKING:
    from harness.types import MetricValue


def score(
    run: AnyRun | None,
    metric: str,
    *,
    variant: str = "default",
    extract: str | Sequence[str] = (),
    runs: PathLike = RUNS,
    **params: Any,
) -> "Mapping[str, MetricValue]":
    """Score the stored answers of a run again, without the model; the record is left as it is.

    Args:
        run: a run, its folder, or a part of its id; None for the newest.
        metric: the metric's name.
        variant: its variant.
        extract: extraction steps to use instead of the tasks' own, in order.
        runs: where to look for the run.
        **params: parameters of the metric.

    Returns:
        The metric with its interval, by ``task/cell``.

    Raises:
        UsageError: if the metric, a parameter or the run is unknown, or the run holds no answers to questions.
    """
    from harness.engine.rescore import one_by_one, rescore

    return rescore(load_run(run, runs), one_by_one(metric, variant, **params), several(extract) or None)
