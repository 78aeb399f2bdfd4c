"""What is wrong with the references of a sample, as a metric reads them: never the model's fault."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.metrics._base import SampleMetric
from harness.types import Status


def bad_references(metric: SampleMetric, references: Sequence[str], context: Mapping[str, Any]) -> str | None:
    """Return why a metric cannot judge any answer to a sample, as a sentence; None where it can.

    The metric says it itself (``problem``), or refuses the sample with a ``ValueError`` whatever the answer is: an
    empty one, or the first reference. A metric that needs facts which are not there yet, such as an image's size, is
    asked for its ``problem`` alone.

    >>> from harness.metrics import sample_metric
    >>> bad_references(sample_metric("iou"), ["[9, 9, 1, 1]"], {})[:41]
    'references must each be one box x1, y1, x'
    >>> bad_references(sample_metric("iou"), ["[1, 1, 9, 9]"], {})
    """
    if (said := metric.problem(references, context)) is not None:
        return said
    if any(name not in context for name in metric.needs):
        return None
    for answer in ("", *references[:1]):
        try:
            metric.score(answer, references, **context)
        except ValueError as cause:
            return str(cause)
        except Exception:  # noqa: BLE001 - a plug-in's bug is no fault of the data, and the run will name it
            return None
    return None


def is_undefined(metric: SampleMetric, references: Sequence[str], context: Mapping[str, Any]) -> bool:
    """Say whether a metric has no meaning for a sample: a numeric metric on a question about colours, say.

    >>> from harness.metrics import sample_metric
    >>> [is_undefined(sample_metric("mape"), [reference], {}) for reference in ("12.5", "red")]
    [False, True]
    """
    if any(name not in context for name in metric.needs):
        return False
    try:
        return metric.score("", references, **context).status == Status.UNDEFINED
    except Exception:  # noqa: BLE001 - as above
        return False
