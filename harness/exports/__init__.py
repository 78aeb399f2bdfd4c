"""A run in the form of other programs, so that their viewers and their own comparisons show it.

>>> from harness.exports import kinds
>>> kinds()
['csv', 'inspect', 'lm-eval', 'parquet', 'wandb-table']

A new form is one new file here: a class with ``suffix``, what its file's name ends with, and ``write``.
"""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from harness.errors import UsageError
from harness.registry import registry

if TYPE_CHECKING:
    from harness.record import Run

__all__ = ["Exporter", "export", "kinds"]


class Exporter(Protocol):
    """Writes a run as another program has it."""

    suffix: ClassVar[str]
    """What the name of the file ends with; of what becomes a folder, nothing."""

    def write(self, run: "Run", out: Path) -> int:
        """Write a run and return how many rows were written.

        Raises:
            OSError: if it cannot be written.
            UsageError: if the run's rows cannot be read.
        """


def kinds() -> list[str]:
    """Return the forms that there are."""
    return registry("exporters").names()


def export(run: "Run", kind: str, out: Path | None = None) -> tuple[Path, int]:
    """Write a run as ``kind``, and return where and how many rows.

    Args:
        run: what :func:`harness.load_run` gives.
        kind: one of :func:`kinds`.
        out: a file, or the folder that it becomes; by default called after the run, in this folder.

    Raises:
        UsageError: if there is no such kind, the place cannot be written, or the run's rows cannot be read.
    """
    exporter: Exporter = registry("exporters").load(kind)()
    place = out or Path(f"{run.record.run_id}{exporter.suffix}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        return place, exporter.write(run, place)
    except OSError as cause:
        raise UsageError(f"cannot write {place}: {cause.strerror}") from cause
