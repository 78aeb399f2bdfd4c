"""Find which of the changes between two runs made the difference, by taking them back on samples that moved."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from harness.causes import shapley
from harness.causes.ask import Asker
from harness.causes.changes import Change
from harness.causes.estimate import Interval, Stratum, stratified
from harness.causes.looks import FEWEST, SCREEN, Look, drawn, plan
from harness.causes.planning import Options, Planned, moves, span_of, total_of
from harness.causes.results import Asked, Cause, Verdict, Why
from harness.causes.table import Table
from harness.causes.units import BETTER, SAME, STRATA, WORSE, Key
from harness.causes.verdicts import verdict_of
from harness.comparison.columns import Floats

_FACTORIAL: Final = 4
"""Up to so many changes that matter, all their sets are asked about."""
_ORDERS: Final = 8
"""Of more, so many orders."""
_WORTH_SCREENING: Final = 3
"""Changes from which on that saves questions."""
_WEIGHT: Final = 0.1
"""Of the flipped units: changes that were put together and move fewer stay so."""
_OVER: Final = 2
"""How many times the default budget all sets of changes that matter may take."""
_NOTHING: Final = Interval(0.0, 0.0, 0.0)


def find(planned: Planned, options: Options) -> Why:
    """Ask, look by look, until the first cause stands apart from the others or the budget is spent.

    Raises:
        RunFailed: if a configuration cannot be asked.
    """
    search = _Search(planned, options)
    if not planned.most:
        return search.unasked()
    search.screen()
    found = None
    for look in search.looks():
        found = search.look(look)
        if found.verdict == "found":
            break
    assert found is not None  # noqa: S101 - there is one look at least
    return found


class _Search:
    """What was asked so far, and what follows from it."""

    def __init__(self, planned: Planned, options: Options) -> None:
        self._planned = planned
        self._options = options
        self._order = planned.units.order(*planned.seed)
        self._asker = Asker(
            planned.measure, planned.candidate.record, options.out, options.cache, options.workers, options.progress,
            options.say, options.executor, apart=planned.before.environment is not None,
        )  # fmt: skip
        self._table = Table(planned.units, len(planned.changes), self._ask, planned.known)
        self._sets: set[shapley.Players] = set()
        self._span = span_of(planned)
        self._players = [frozenset({i}) for i in range(len(planned.changes))]

    def look(self, look: Look) -> Why:
        """Ask about so many units, and return what is known then."""
        strata = drawn(self._order, look.units)
        units = [unit for own in strata for unit in own]
        self._need(units)
        while large := [
            place for place, one in enumerate(self._players) if len(one) > 1 and self._weighs(place, strata)
        ]:
            # Changes that did nothing at first do something after all: each has to be told by itself.
            if not self._take_apart(large, units) and not self._take_apart(self._heaviest(units), units):
                break
            self._need(units)
        parts, notes = self._parts(units)
        return self._found(strata, parts, look.confidence, notes)

    def unasked(self) -> Why:
        """Return what can be said without asking: nothing moved, nothing differs, or one thing alone does."""
        planned = self._planned
        if len(planned.changes) == 1 and not planned.base:
            return self._one()
        if not moves(planned.units):
            return self._why((), _NOTHING, 0.0, "alike", 0, 0, [])
        total = total_of(planned, self._options.confidence)
        return self._why((), total, 0.0, "noise" if total.nothing else "open", 0, 0, [])

    def _one(self) -> Why:
        """Return the only change that there is as the cause of all."""
        planned = self._planned
        total = total_of(planned, self._options.confidence)
        share = 1.0 if moves(planned.units) else math.nan
        cause = Cause(planned.changes[0], total, total, share, total.value, -total.value)
        verdict: Verdict = "noise" if total.nothing else "found"
        if not moves(planned.units):
            verdict = "alike"
        return self._why((cause,), _NOTHING, 0.0, verdict, int(verdict == "found"), 0, [])

    def screen(self) -> None:
        """Try all changes on a few flipped units; those that do nothing there are asked about together from then on."""
        if len(self._players) < _WORTH_SCREENING:
            return
        few = [unit for own in drawn([*self._order[:SAME], []], SCREEN) for unit in own]
        if self._planned.halves:
            self._players = _halved(frozenset(range(len(self._players))))
        self._need(few)
        matter = self._mattering(few)
        while large := [place for place in matter if len(self._players[place]) > 1]:
            if not self._take_apart(large, few) and not self._take_apart(self._heaviest(few), few):
                break
            self._need(few)
            matter = self._mattering(few)
        rest = frozenset(i for place, one in enumerate(self._players) if place not in matter for i in one)
        if len(rest) > 1:
            self._players = [*(self._players[place] for place in matter), rest]

    def _take_apart(self, large: Sequence[int], units: Sequence[int]) -> bool:
        """Let some players be several: their halves where there are many changes, else each change by itself.

        Return whether the budget allows to ask about some units then; where it does not, they stay as they are.
        """
        apart = _halved if self._planned.halves else _singles
        if not large:
            return False
        before = self._players
        others = [one for place, one in enumerate(before) if place not in large]
        self._players = [*others, *(part for place in large for part in apart(before[place]))]
        if self._affordable(self._wanted(shapley.ends(len(self._players))), units):
            return True
        self._players = before
        return False

    def _heaviest(self, units: Sequence[int]) -> list[int]:
        """Return the player that does most, where it is of several changes: where not all can be told, that one can."""
        does = [float(np.nansum((self._added(i) + self._back(i))[list(units)])) for i in range(len(self._players))]
        most = max(range(len(does)), key=lambda place: abs(does[place]))
        return [most] if len(self._players[most]) > 1 else []

    def _weighs(self, place: int, strata: Sequence[Sequence[int]]) -> bool:
        """Return whether a player is of several changes, and moves enough flipped units to be worth taking apart."""
        if len(self._players[place]) == 1:
            return False
        units = [unit for stratum in (WORSE, BETTER) for unit in strata[stratum]]
        moved = (np.abs(self._added(place)[units]) > 0) | (np.abs(self._back(place)[units]) > 0)
        return bool(moved.mean() >= _WEIGHT) if units else False

    def looks(self) -> list[Look]:
        """Return the looks that what is left of the budget allows."""
        planned, table = self._planned, self._table
        sets = [frozenset[int](), table.everything, *self._wanted(shapley.ends(len(self._players)))]
        asked = [one for one in dict.fromkeys(sets) if one not in planned.known]
        few = [unit for own in drawn([*self._order[:SAME], []], SCREEN) for unit in own]
        known = len(asked) * int(planned.units.rows[few].sum()) - table.missing(asked, few)
        room = planned.most - self._asker.total + known
        total, rows, sets_asked = len(planned.units), planned.rows, max(1, len(asked))
        if self._options.budget is None:
            room = max(room, math.ceil(min(total, FEWEST) * rows / total * sets_asked))
        return plan(total, rows, sets_asked, room, self._options.confidence)

    def _need(self, units: Sequence[int]) -> None:
        wanted = self._wanted(shapley.ends(len(self._players)))
        everything = [frozenset[int](), self._table.everything]
        self._say(units, [*everything, *wanted])
        self._table.need([*everything, *wanted], units)

    def _mattering(self, units: Sequence[int]) -> list[int]:
        return self._table.mattering(self._players, units)

    def _wanted(self, sets: Sequence[shapley.Players]) -> list[shapley.Players]:
        """Return sets of changes for sets of players."""
        return [frozenset[int]().union(*(self._players[place] for place in one)) for one in sets]

    def _say(self, units: Sequence[int], wanted: Sequence[shapley.Players]) -> None:
        if count := self._table.missing(wanted, units):
            told = f"{len(units):,} of {len(self._planned.units):,} samples"
            self._options.say(f"{told}, {count:,} questions, about {len(self._players)} changes")

    def _ask(self, players: shapley.Players, samples: Sequence[str]) -> dict[Key, float]:
        planned = self._planned
        back = [change for i, change in enumerate(planned.changes) if i not in players]
        names = " and ".join(change.name for change in back)
        name = f"the candidate with {names} taken back" if back else "the candidate as it is"
        setup = planned.after.with_back([place for change in back for place in change.places], planned.before)
        self._sets.add(players)
        return self._asker.values(setup, list(dict.fromkeys(samples)), name)

    def _parts(self, units: Sequence[int]) -> tuple[dict[int, Floats], list[str]]:
        """Return what each player adds for each unit, [units], and what is to be said of how that was found."""
        table = self._table
        nothing = np.full(len(self._planned.units), np.nan)
        nothing[list(units)] = 0.0
        parts = dict.fromkeys(range(len(self._players)), nothing)
        matter = self._mattering(units)
        if not matter:
            return parts, []
        changes_that_matter = frozenset[int]().union(*(self._players[place] for place in matter))

        def alike(some: shapley.Players) -> shapley.Players:
            return table.alike(self._wanted([some])[0], changes_that_matter)

        exact = len(matter) <= _FACTORIAL
        chosen = [] if exact else shapley.orders(matter, _ORDERS, *self._planned.seed)
        sets = shapley.all_of(matter) if exact else [one for order in chosen for one in shapley.prefixes(order)]
        wanted = list(dict.fromkeys(map(alike, sets)))
        if not self._affordable(wanted, units):
            ends = {one: (self._back(one) + self._added(one)) / 2 for one in matter}
            return parts | ends, ["the budget allows for each change alone, not for all of their sets"]
        self._say(units, wanted)
        table.need(wanted, units)
        if exact:
            return parts | shapley.exact(matter, lambda some: table.of(alike(some))), []
        told = f"{len(matter)} changes matter: their effects are over {_ORDERS} orders of them that were drawn"
        return parts | shapley.sampled(chosen, lambda some: table.of(alike(some))), [told]

    def _affordable(self, wanted: Sequence[shapley.Players], units: Sequence[int]) -> bool:
        most = self._planned.most * (1 if self._options.budget is not None else _OVER)
        return self._asker.total + self._table.missing(wanted, units) <= most

    def _added(self, place: int) -> Floats:
        return self._table.of(self._players[place]) - self._table.of(frozenset())

    def _back(self, place: int) -> Floats:
        everything = self._table.everything
        return self._table.of(everything) - self._table.of(everything - self._players[place])

    def _found(
        self, strata: Sequence[Sequence[int]], parts: dict[int, Floats], confidence: float, notes: list[str]
    ) -> Why:
        planned, units = self._planned, self._planned.units
        moved = units.after - units.before
        left = moved - sum(parts.values(), np.zeros(len(units)))
        causes = [
            Cause(
                _named([planned.changes[i] for i in sorted(player)]),
                self._estimate(parts[place], strata, confidence),
                self._estimate(parts[place], strata, confidence, moved_only=True),
                self._flips(parts[place], strata),
                *self._ends(place, strata),
            )
            for place, player in enumerate(self._players)
        ]
        total = total_of(planned, self._options.confidence)
        causes.sort(key=lambda cause: self._rank(cause, total))
        rest = self._estimate(left, strata, confidence)
        rest_moved = self._estimate(left, strata, confidence, moved_only=True)
        together = self._estimate(moved - left, strata, confidence).value - sum(cause.alone for cause in causes)
        others = bool(planned.fixed) or not all(planned.anchored)
        verdict, leading = verdict_of(causes, (rest, rest_moved) if others else None, total)
        asked = sum(len(own) for own in strata) if planned.most else 0
        return self._why(tuple(causes), rest if others else _NOTHING, together, verdict, leading, asked, notes)

    def _ends(self, place: int, strata: Sequence[Sequence[int]]) -> tuple[float, float]:
        """Return what a change does by itself, and what comes back without it."""
        added, back = (self._estimate(one, strata, 0.5).value for one in (self._added(place), self._back(place)))
        return added, -back

    def _estimate(
        self, part: Floats, strata: Sequence[Sequence[int]], confidence: float, *, moved_only: bool = False
    ) -> Interval:
        units = self._planned.units
        found = [
            Stratum(part[own], int((units.stratum == stratum).sum()), moved_only and stratum == SAME)
            for stratum, own in zip(STRATA, (np.array(own, np.int64) for own in strata), strict=True)
        ]
        return stratified(found, float(units.rows.sum()), self._span, confidence)

    def _flips(self, part: Floats, strata: Sequence[Sequence[int]]) -> float:
        """Return the share of what moved that a change explains."""
        units = self._planned.units
        moved = units.after - units.before
        explained = whole = 0.0
        for stratum in (WORSE, BETTER):
            own = [unit for unit in strata[stratum] if not np.isnan(part[unit])]
            if own:
                weight = (units.stratum == stratum).sum() / len(own)
                explained += weight * float((part[own] * np.sign(moved[own])).sum())
                whole += weight * float(np.abs(moved[own]).sum())
        return explained / whole if whole else math.nan

    def _rank(self, cause: Cause, total: Interval) -> float:
        """Return where a cause stands: those that moved the number as it moved come first."""
        worse = -self._planned.measure.sign
        way = worse if total.nothing or math.copysign(1.0, total.value) == worse else -worse
        return -way * cause.effect.value

    def _why(
        self,
        causes: tuple[Cause, ...],
        left: Interval,
        together: float,
        verdict: Verdict,
        leading: int,
        units: int,
        notes: Sequence[str],
    ) -> Why:
        planned, measure = self._planned, self._planned.measure
        stratum = planned.units.stratum
        return Why(
            planned.baseline.record,
            planned.candidate.record,
            measure.name,
            measure.statistic.unit,
            measure.sign > 0,
            total_of(planned, self._options.confidence),
            (int((stratum == WORSE).sum()), int((stratum == BETTER).sum())),
            causes,
            planned.fixed,
            left,
            together,
            verdict,
            Asked(
                self._asker.asked, self._asker.known, planned.rows, units, len(planned.units), len(self._sets),
                len(planned.changes),
            ),
            self._options.confidence,
            (*(planned.notes if units else ()), *notes),
            planned.baseline.record.adapter.simulated or planned.candidate.record.adapter.simulated,
            dict(planned.units.apart),
            planned.before.environment.python if planned.before.environment else "",
            leading,
        )  # fmt: skip


def _halved(some: shapley.Players) -> list[shapley.Players]:
    """Return some changes in two halves, neighbours together."""
    own = sorted(some)
    middle = len(own) // 2
    return [frozenset(half) for half in (own[:middle], own[middle:]) if half]


def _singles(some: shapley.Players) -> list[shapley.Players]:
    return [frozenset({one}) for one in sorted(some)]


def _named(some: Sequence[Change]) -> Change:
    """Return a change, or several that did nothing as one."""
    if len(some) == 1:
        return some[0]
    return Change(f"{len(some)} others", ", ".join(one.name for one in some), "")
