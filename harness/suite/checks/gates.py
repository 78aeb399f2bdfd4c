"""How much of each kind of finding there may be: gates as the command line, a file or a suite's dataset states them."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, create_model

from harness.errors import Problem, SpecError, UsageError, did_you_mean
from harness.spec.check import check, describe
from harness.spec.document import Document, KeyPath, read_document
from harness.spec.expand import fill_variables
from harness.spec.models import Model
from harness.suite.checks.kinds import KINDS, MISTAKES, WHOLE

MISTAKE: Final = "mistakes"
"""The word that stands for every kind of :data:`MISTAKES` which has no gate of its own."""

_FORMS: Final = "a count, a share below 1, or a share such as `1%`"
_SHARE: Final = re.compile(r"[0-9]+(\.[0-9]+)?%")


def _most(value: float | str) -> float | str:
    whole = isinstance(value, int) or value == 0
    fits = _SHARE.fullmatch(value) if isinstance(value, str) else value >= 0 and (whole or value < 1)
    if not fits:
        raise ValueError(f"expected {_FORMS}; got {value!r}")
    return value


Most = Annotated[int | float | str, AfterValidator(_most)]


def _field(said: str) -> Any:
    return (Most | None, Field(default=None, description=f"{said} {_FORMS[0].upper()}{_FORMS[1:]}."))


_FIELDS: Final[dict[str, Any]] = {
    MISTAKE: _field(f"At most so many of each of {', '.join(sorted(MISTAKES))}, where it has no gate of its own."),
    **{
        kind: _field(f"Whether the {said} may be lost." if kind in WHOLE else f"At most so many rows that {said}.")
        for kind, said in KINDS.items()
    },
}
DataGates: Final = create_model("DataGates", __base__=Model, **_FIELDS)
"""`gates:` of a dataset, or of a file of its own: kinds of findings, each with how many rows may have one."""


@dataclass(frozen=True, slots=True)
class Gate:
    """How much of a kind there may be."""

    kind: str
    most: float
    share: bool
    """Whether ``most`` is a share of the rows rather than a number of them."""
    dataset: str = ""
    """The only dataset whose rows it counts; all rows where it is empty."""

    def met(self, count: int, rows: int) -> bool:
        """Return whether so many of so many rows are allowed."""
        return (count / rows if rows else 0.0) <= self.most if self.share else count <= self.most

    def __str__(self) -> str:
        said = f"{self.kind}={self.most * 100:.6g}%" if self.share else f"{self.kind}={self.most:.6g}"
        return f"{said} of {self.dataset!r}" if self.dataset else said


Stated = Mapping[str, int | float | str]
"""Kinds, or the word :data:`MISTAKE`, with how many rows there may be."""


def parse_gates(texts: Iterable[str]) -> dict[str, int | float | str]:
    """Read ``kind=3``, ``kind=0.01`` or ``kind=1%``; of one kind the last stands.

    Raises:
        UsageError: if one is not of that form, or its kind is unknown.

    >>> parse_gates(["leakage=0", "repeated=0.5%"])
    {'leakage': 0, 'repeated': '0.5%'}
    """
    return dict(map(_parsed, texts))


def _parsed(text: str) -> tuple[str, int | float | str]:
    kind, _, most = text.partition("=")
    if kind not in _FIELDS:
        raise UsageError(f"--gate {text!r}: unknown kind {kind!r}; {did_you_mean(kind, _FIELDS)}")
    try:
        value = most if most.endswith("%") else int(most) if most.isdecimal() else float(most)
        return kind, _most(value)
    except ValueError:
        said = "is not of the form KIND=NUMBER or KIND=SHARE%, such as leakage=0 or repeated=1%"
        raise UsageError(f"--gate {text!r} {said}") from None


def gates_of(told: Stated, dataset: str = "") -> list[Gate]:
    """Return gates as a mapping states them, in the order of :data:`KINDS`.

    >>> [str(gate) for gate in gates_of({"tiny": "2%", "blank": 0.01, "leakage": 3})]
    ['tiny=2%', 'blank=1%', 'leakage=3']
    """
    every = told.get(MISTAKE)
    stated = {kind: every for kind in MISTAKES if every is not None} | {**told}
    return [_gate(kind, stated[kind], dataset) for kind in KINDS if kind in stated]


def _gate(kind: str, most: float | str, dataset: str) -> Gate:
    if isinstance(most, str):
        return Gate(kind, float(most.removesuffix("%")) / 100, True, dataset)
    return Gate(kind, most, isinstance(most, float) and most > 0, dataset)


def stated_at(document: Document, path: KeyPath) -> Stated | list[Problem]:
    """Return what stands at a place of a document, or what is wrong with it."""
    found = check(DataGates, document, path)
    return found if isinstance(found, list) else found.model_dump(exclude_none=True)


def read_data_gates(file: Path, environment: Mapping[str, str] = os.environ) -> Stated:
    """Return what stands under ``gates:`` of a file.

    Raises:
        SpecError: with everything that is wrong, each at its place.
        UsageError: if there is no such file.
    """
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file")
    document = fill_variables(read_document(file), environment)
    if not isinstance(document.value, dict):
        raise SpecError([document.problem((), f"expected a mapping, got {describe(document.value)}", _EXAMPLE)])
    if others := [key for key in document.value if key != "gates"]:
        hint = f"{did_you_mean(others[0], ['gates'])}; gates of a suite's data stand in its datasets"
        raise SpecError([document.problem((others[0],), f"unknown key {others[0]!r}", hint, at_key=True)])
    if not document.value.get("gates"):
        raise SpecError([document.problem((), "there are no `gates:`, so there is nothing to decide", _EXAMPLE)])
    found = stated_at(document, ("gates",))
    if isinstance(found, list):
        raise SpecError(found)
    return found


_EXAMPLE: Final = "write `gates: {mistakes: 0, near-picture: 1%}`"
