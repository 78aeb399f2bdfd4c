"""What is wrong with the references of a sample, as a metric reads them: never the model's fault."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.metrics._base import SampleMetric
from harness.types import Status


def unfit(metric: SampleMetric, references: Sequence[str], context: Mapping[str, Any]) -> str | None:
    """Return why a metric cannot judge any answer to a sample, as a sentence; None where it can.

    The metric says it itself (``problem``), or refuses the references with a ``ValueError``, which an empty answer
    brings up: whether a sample can be judged does not depend on the answer. The sentence is empty where a metric has
    no meaning for the sample and nothing is wrong: a numeric metric on a question about colours. A metric that needs
    facts which are not there yet, such as an image's size, is asked for its ``problem`` alone.

    >>> from harness.metrics import sample_metric
    >>> unfit(sample_metric("iou"), ["[9, 9, 1, 1]"], {})[:41]
    'references must each be one box x1, y1, x'
    >>> unfit(sample_metric("iou"), ["[1, 1, 9, 9]"], {})
    >>> unfit(sample_metric("mape"), ["red"], {})
    ''
    """
    if (said := metric.problem(references, context)) is not None:
        return said
    if any(name not in context for name in metric.needs):
        return None
    try:
        empty = metric.score("", references, **context)
    except ValueError as cause:
        return str(cause)
    except Exception:  # noqa: BLE001 - a plug-in's bug is no fault of the data, and the run will name it
        return None
    return (empty.complaint or "") if empty.status == Status.UNDEFINED else None
