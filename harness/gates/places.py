"""Where a suite's gates stand in its files, for annotations and failure reports."""

import os
from collections.abc import Mapping

from harness.errors import Mark
from harness.locate import find
from harness.spec.expand import load_expanded
from harness.suite.bind import find_parent


def gate_places(name: str, environment: Mapping[str, str] = os.environ) -> list[Mark]:
    """Return the place of every gate of a suite, in order; gates that it inherits stand in its parent's file.

    Raises:
        SpecError: if the suite cannot be read.
        UsageError: if there is no such suite.
    """
    document = load_expanded(find("suites", name), environment, find_parent)
    count = len(document.value.get("gates") or ())
    return [document.place(("gates", position)).value for position in range(count)]
