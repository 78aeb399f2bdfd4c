"""What `harness data check` found as one HTML file that needs no network: the verdict, then rows and pictures."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Final

from harness.report import page
from harness.suite.checks import (
    KINDS,
    MISTAKES,
    UNUSABLE,
    WHOLE,
    Findings,
    Gate,
    Judged,
    Looked,
    Row,
    Shown,
    Spot,
    said_of,
)

_TEMPLATE: Final = "data.html.j2"
_LISTED: Final = 200
"""Rows of a kind that are named without a picture, behind those with one."""


@dataclass(frozen=True, slots=True)
class Card:
    """One row with its picture, and the one that it is like."""

    row: Row
    question: str
    """What the row asks; empty where it cannot be read."""
    picture: str
    """As a data URI; empty where there is none."""
    other: str
    """The other row's, likewise."""


@dataclass(frozen=True, slots=True)
class Group:
    """All rows of a dataset with one kind of finding."""

    number: int
    kind: str
    dataset: str
    rows: Sequence[Row]
    of: int
    """The dataset's rows."""
    gates: Sequence[Judged]
    """On it, or on its kind in all datasets."""
    cards: Sequence[Card] = ()

    @property
    def way(self) -> str:
        """Whether it fails the check (`bad`), is wrong whatever is measured (`warn`), or is good to know (`open`)."""
        if self.kind in UNUSABLE or any(not one.met for one in self.gates):
            return "bad"
        return "inconclusive" if self.kind in MISTAKES else "open"

    @property
    def whole(self) -> bool:
        """Whether it is about all rows together."""
        return self.kind in WHOLE

    @property
    def what(self) -> str:
        """The kind in words."""
        return KINDS[self.kind] if self.whole else said_of(self.kind, len(self.rows))

    @property
    def listed(self) -> Sequence[Row]:
        """Rows behind those that have a card."""
        return self.rows[len(self.cards) : len(self.cards) + _LISTED]

    @property
    def unlisted(self) -> int:
        """How many are not named."""
        return len(self.rows) - len(self.cards) - len(self.listed)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check comes to."""

    way: str
    word: str
    said: str


def write_data_html(
    name: str, looked: Looked, gates: Iterable[Gate], file: Path, *, strict: bool = False, most: int = 20
) -> Path:
    """Write the findings about data to ``file``; their pictures take 5 MB at most.

    Args:
        name: what was checked, as the user named it.
        looked: what was found, and in what.
        gates: how much there may be.
        file: the page.
        strict: whether anything at all fails the check.
        most: rows of a kind that are shown with their pictures.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(data_html(name, looked, gates, strict=strict, most=most), encoding="utf-8", errors="replace")
    return file


def data_html(name: str, looked: Looked, gates: Iterable[Gate], *, strict: bool = False, most: int = 20) -> str:
    """Return the page. Everything that a data set said is escaped."""
    found = looked.findings
    judged = [found.judged(gate) for gate in gates]
    groups = _grouped(found, judged)
    shown = [() if one.whole else one.rows[:most] for one in groups]
    spots = [[*_spots(one.dataset, rows)] for one, rows in zip(groups, shown, strict=True)]
    turns = (spot for turn in zip_longest(*spots) for spot in turn if spot is not None)
    told = looked.shown(turns)
    filled = [replace(one, cards=_cards(one, rows, told)) for one, rows in zip(groups, shown, strict=True)]
    return (
        page.environment()
        .get_template(_TEMPLATE)
        .render(
            name=name,
            found=found,
            judged=sorted(judged, key=lambda one: one.met),
            groups=filled,
            verdict=_verdict(found, judged, strict),
            mistakes=MISTAKES,
        )
    )


def _grouped(found: Findings, judged: Sequence[Judged]) -> list[Group]:
    """Return what was found, worst first."""
    groups = []
    for kind, dataset, rows in found.ordered():
        on = [one for one in judged if one.gate.kind == kind and one.gate.dataset in ("", dataset)]
        groups.append((kind, dataset, rows, on))
    made = [Group(0, kind, dataset, rows, found.datasets.get(dataset, 0), on) for kind, dataset, rows, on in groups]
    order = {"bad": 0, "inconclusive": 1, "open": 2}
    made.sort(key=lambda one: (order[one.way], one.kind not in UNUSABLE, -len(one.rows) / max(one.of, 1)))
    return [replace(one, number=number) for number, one in enumerate(made, start=1)]


def _spots(dataset: str, rows: Sequence[Row]) -> Iterator[Spot]:
    for row in rows:
        yield Spot(dataset, row.where, row.picture)
        if row.other is not None:
            yield row.other


def _cards(group: Group, rows: Sequence[Row], told: Mapping[Spot, Shown]) -> list[Card]:
    nothing = Shown("")
    made = []
    for row in rows:
        own = told.get(Spot(group.dataset, row.where, row.picture), nothing)
        other = told.get(row.other, nothing) if row.other is not None else nothing
        made.append(Card(row, own.question, _uri(own.picture), _uri(other.picture)))
    return made


def _verdict(found: Findings, judged: Sequence[Judged], strict: bool) -> Verdict:
    failed = [one for one in judged if not one.met]
    named = sum(len(rows) for rows in found.found.values())
    lost = sum(len(rows) for (kind, _), rows in found.found.items() if kind in UNUSABLE)
    if lost:
        return Verdict(
            "bad",
            "fail",
            f"{_count(lost, 'row')} cannot be read, or {'has' if lost == 1 else 'have'} media that cannot be opened.",
        )
    if failed:
        return Verdict("bad", "fail", f"{len(failed)} of {_count(len(judged), 'gate')} failed.")
    if strict and named:
        return Verdict("bad", "fail", f"{_count(named, 'finding')}, where none is allowed.")
    if not named:
        return Verdict("good", "clean", "Nothing was found.")
    if judged:
        return Verdict("good", "pass", f"{'The gate is' if len(judged) == 1 else f'All {len(judged)} gates are'} met.")
    return Verdict("open", "no gate", f"{_count(named, 'finding')}; no gate says how many there may be.")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number != 1 else ''}"


def _uri(webp: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(webp).decode("ascii") if webp else ""
