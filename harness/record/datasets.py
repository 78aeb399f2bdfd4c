"""Which of a run's data sets a task asks about, as far as its record says."""

from typing import Any

from harness.record.schema import RunRecord


def dataset_of(record: RunRecord, task: str) -> str | None:
    """Return the name of the data set that a task asks about; None where its record does not say.

    A task that asks another one's questions again (``of``) asks about that one's.
    """
    config: Any = record.tasks[task].config if task in record.tasks else {}
    while isinstance(config, dict) and not isinstance(config.get("dataset"), str):
        config = config.get("of")
    told = config.get("dataset") if isinstance(config, dict) else None
    return next((name for name, digest in record.datasets.items() if told in (name, digest)), None)
