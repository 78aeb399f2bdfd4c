"""Who stands where a caller does not watch: nobody, who hears everything."""

from typing import Final

from harness.engine.options import Silent

SILENT: Final = Silent()


def ignore(_: object) -> None:
    """Do nothing with one thing that is told."""


def ignore_both(_: object, __: object) -> None:
    """Do nothing with two."""
