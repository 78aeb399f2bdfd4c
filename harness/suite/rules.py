"""The gates of a suite file alone: for runs that were made elsewhere, whose data and tasks are not here."""

import os
from collections.abc import Mapping

from harness.errors import SpecError, UsageError
from harness.spec.check import check
from harness.spec.models import GateSpec
from harness.suite.bind import load_document
from harness.suite.gates import unread


def read_gates(name: str, environment: Mapping[str, str] = os.environ) -> tuple[GateSpec, ...]:
    """Return what stands under ``gates:`` of a suite, or of a file that holds nothing else.

    Raises:
        SpecError: with every gate that is wrong, at its place.
        UsageError: if there is no such file, or no gate in it.
    """
    document = load_document(name, environment)
    value = document.value.get("gates") if isinstance(document.value, dict) else None
    if value is not None and not isinstance(value, list):
        raise SpecError([document.problem(("gates",), "gates: expected a list")])
    problems, gates = [], []
    for place in range(len(value or ())):
        found = check(GateSpec, document, ("gates", place))
        if isinstance(found, list):
            problems += found
            continue
        wrong = [document.problem(("gates", place, key), said, hint) for key, said, hint in unread(found)]
        if found.empty:
            hint = "give min, max, max_drop, max_increase or max_ratio"
            wrong.append(document.problem(("gates", place), "the gate rules nothing", hint))
        problems += wrong
        gates.append(found)
    if problems:
        raise SpecError(problems)
    if not gates:
        raise UsageError(f"{name} has no gates, so there is nothing to decide")
    return tuple(gates)
