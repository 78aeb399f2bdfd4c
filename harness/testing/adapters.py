"""Laws that every adapter keeps, as a check to run on an adapter of your own.

.. code-block:: python

    from harness.testing.adapters import check_adapter

    def test_my_adapter_keeps_the_laws():
        check_adapter("adapters/mine.yaml")

``harness adapters check NAME`` does the same from the command line. An adapter that declares
``batch_invariant = False`` is not held to the laws about batches, only to repeating exactly in
the same ones.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.errors import UsageError, did_you_mean
from harness.suite.adapters import read_adapter
from harness.testing._changed import reloader
from harness.testing._copies import copier
from harness.testing._laws import LAWS, Law
from harness.testing._subject import NotApplicableError, Subject
from harness.types import Adapter

__all__ = ["LAWS", "Finding", "Subject", "check_adapter", "examine"]

Outcome = Literal["kept", "broken", "not applicable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one law."""

    law: str
    outcome: Outcome
    said: str = ""
    """What is broken, or why the law does not apply."""


def examine(adapter: Adapter | Subject | str | Path, without: Collection[str] = ()) -> list[Finding]:
    """Try all laws on an adapter.

    Args:
        adapter: the name or the path of an adapter's file, or an adapter, or a ``Subject``.
        without: laws to leave out.

    Returns:
        One finding a law, in the order of ``LAWS``.

    Raises:
        AdapterError: if the adapter cannot be loaded.
        SpecError: if its file is wrong.
        UsageError: if a law is unknown.
    """
    for name in without:
        if name not in LAWS:
            raise UsageError(f"unknown law {name!r}; {did_you_mean(name, LAWS)}")
    subject = _subject(adapter)
    try:
        return [_try(name, law, subject) for name, law in LAWS.items() if name not in without]
    finally:
        if subject.load is not None and not isinstance(adapter, Subject):
            subject.adapter.close()


def check_adapter(adapter: Adapter | Subject | str | Path, without: Collection[str] = ()) -> None:
    """As :func:`examine`, for a test.

    Raises:
        AssertionError: naming the adapter and every law that it breaks.
        AdapterError: if the adapter cannot be loaded.
        SpecError: if its file is wrong.
        UsageError: if a law is unknown.
    """
    broken = [found for found in examine(adapter, without) if found.outcome == "broken"]
    if broken:
        lines = "\n".join(f"  {found.law}: {found.said}" for found in broken)
        raise AssertionError(f"the adapter breaks {len(broken)} of {len(LAWS)} laws:\n{lines}")


def _subject(adapter: Adapter | Subject | str | Path) -> Subject:
    if isinstance(adapter, Subject):
        return adapter
    if isinstance(adapter, (str, Path)):
        choice = read_adapter(str(adapter))
        return Subject(choice.spec.adapter, choice.load(), choice.load, reloader(choice), copier(choice))
    return Subject(type(adapter).__name__, adapter)


def _try(name: str, law: Law, subject: Subject) -> Finding:
    try:
        law(subject)
    except AssertionError as broken:
        return Finding(name, "broken", str(broken))
    except NotApplicableError as reason:
        return Finding(name, "not applicable", str(reason))
    except Exception as error:  # noqa: BLE001 - an adapter under test may raise anything anywhere
        return Finding(name, "broken", f"{type(error).__name__}: {error}")
    return Finding(name, "kept")
