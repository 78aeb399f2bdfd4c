"""How a comparison's numbers look, wherever they are shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from harness.comparison import controls
from harness.comparison.compare import Compared, Delta
from harness.comparison.controls import control
from harness.comparison.flips import Flipped, FlippedSample
from harness.comparison.labelled import Labelled
from harness.comparison.slices import SliceDelta
from harness.comparison.watched import gated
from harness.record.schema import RunRecord
from harness.report import numbers
from harness.report.numbers import title
from harness.stats.results import Comparison
from harness.types import Direction

SLICES: Final = 10
_NAMED: Final = 3
SIMULATED: Final = "Simulated: no model stands behind these numbers. They say nothing about any model."


def heading(compared: Compared) -> str:
    """Return ``suite: baseline → candidate``, each marked where it is simulated."""
    return f"{compared.candidate.suite.name}: {title(compared.baseline)} → {title(compared.candidate)}"


def notices(compared: Compared) -> list[str]:
    """Return what a reader must know before any number."""
    said = []
    if compared.simulated:
        said.append(SIMULATED)
    if compared.forced:
        said.append("Forced: these runs must not be compared. " + "; ".join(compared.forced))
    notes = [f"{delta.name}: {delta.note}" for delta in compared.deltas if delta.lost or delta.gained]
    return [*said, *compared.warnings, *notes, *map(partial(_cut_off, compared), compared.cut_off)]


def _cut_off(compared: Compared, delta: Delta) -> str:
    """Return how many answers of a task were cut off in both runs, and whether that tells them apart."""
    before, after = (record.tasks[delta.task].cut_off for record in (compared.baseline, compared.candidate))
    told = [str(one) if one.known else "nobody knows how many" for one in (before, after)]
    said = f"{delta.task}: answers cut off at their limit of tokens: {told[0]} → {told[1]}"
    if not delta.moved:
        return said
    return (
        f"{said}; that share moved, {changed(delta, delta.direction)}, and other numbers may have moved for that alone"
    )


def cut_off(record: RunRecord) -> list[str]:
    """Return how many answers of each task were cut off, of a run that stands alone."""
    found = {name: task.cut_off for name, task in record.tasks.items()}
    return [f"{name}: answers cut off at their limit of tokens: {one}" for name, one in found.items() if one.cut]


def value(number: float) -> str:
    """Return a metric's value."""
    return "undefined" if math.isnan(number) else f"{number:.3f}"


def change(comparison: Comparison | None, direction: Direction, before: float, after: float) -> str:
    """Return the change as it is, with its interval: ``−0.010 [−0.027, +0.004]``; below zero is less, not worse."""
    difference = after - before
    if math.isnan(difference):
        return "undefined"
    if comparison is None:
        return f"{signed(difference)} [not tested]"
    if math.isnan(comparison.low):
        return f"{signed(difference)} [no interval]"
    ends = (comparison.low, comparison.high) if direction == "higher" else (-comparison.high, -comparison.low)
    return f"{signed(difference)} [{signed(ends[0])}, {signed(ends[1])}]"


def changed(delta: Delta | SliceDelta, direction: Direction) -> str:
    """As :func:`change`, of a delta."""
    return change(delta.comparison, direction, delta.before, delta.after)


def by_labels(one: Labelled) -> str:
    """Return what labels say changed: ``−0.031 [−0.062, −0.004]``; below zero is worse."""
    return _oriented(one.comparison)


def by_proxy(one: Labelled) -> str:
    """Return what the score that stands in for labels says alone, turned so that below zero is worse."""
    return "" if one.by_proxy is None else f"{_oriented(one.by_proxy)} {one.proxy}".strip()


def of_labels(one: Labelled) -> str:
    """Return how many labels there are of how many answers that differ: ``60 of 203``."""
    return f"{one.found.labelled:,} of {one.found.differing:,}"


def about_labels(one: Labelled) -> list[str]:
    """Return how a number by labels was made, and what must be known before it is trusted."""
    found, unit = one.found, "preferred less not preferred" if one.kind == "preference" else "value of an answer"
    told = f"{one.task}: {unit}, {one.counts} ({one.comparison.method})"
    if found.worth >= 1.05:
        told += f"; with {one.proxy} a label is worth {found.worth:.1f}"
    said = [told]
    if len(one.people) > 1 and one.agreement is not None:
        ends = "" if math.isnan(one.agreement.low) else f" [{one.agreement.low:.2f}, {one.agreement.high:.2f}]"
        alpha = "undefined" if math.isnan(one.agreement.alpha) else f"{one.agreement.alpha:.2f}{ends}"
        of = f"{len(one.people)} people on {one.agreement.units:,} of them"
        said.append(f"{one.task}: Krippendorff's alpha of {of}: {alpha}")
    return [*said, *(f"{one.task}: {note}" for note in one.notes)]


def slices_by_labels(one: Labelled, most: int = 3) -> list[str]:
    """Return where people find answers worse, as sentences; nothing where no slice was looked at."""
    looked = one.slices
    if not looked.among:
        return []
    if not looked.listed:
        return [f"{one.task}: by labels no slice lost, of {looked.among:,} looked at (exploratory)"]
    told = []
    for found in looked.listed[:most]:
        sure = "" if found.fell else ", not shown"
        others = "" if math.isnan(found.rest) else f"; all others {signed(found.rest)}"
        told.append(
            f"{one.task}: by labels worse where {found.where}: {_oriented(found.found.comparison)}{others}; "
            f"{found.found.labelled:,} labels, adjusted p {p_told(found.adjusted_p)}{sure}, "
            f"of {looked.among:,} slices looked at (exploratory)"
        )
    return told


def _oriented(found: Comparison) -> str:
    if math.isnan(found.estimate):
        return "undefined"
    ends = "no interval" if math.isnan(found.low) else f"{signed(found.low)}, {signed(found.high)}"
    return f"{signed(found.estimate)} [{ends}]"


def p_value(p: float) -> str:
    """Return an adjusted p-value."""
    if math.isnan(p):
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def pairs(comparison: Comparison | None) -> str:
    """Return how many pairs stand behind a number."""
    return "" if comparison is None else f"{comparison.n:,}"


def way(direction: Direction) -> str:
    """Return the direction in which a metric gets better."""
    return numbers.way(direction)


def better(compared: Compared, delta: Delta) -> Direction:
    """Return the direction in which a metric gets better; a control is right when it is low."""
    return "lower" if control(compared.candidate, delta.task, delta.metric) else delta.direction


def went(compared: Compared, delta: Delta) -> str:
    """Return ``worse`` or ``better`` where a metric moved, else nothing; a control that falls got better."""
    return controls.went(compared.candidate, delta.task, delta.metric, delta.moved)


def ordered(deltas: Sequence[Delta]) -> list[Delta]:
    """Return deltas with those first that moved, worse before better."""
    rank = {"worse": 0, "better": 1, "": 2}
    return sorted(deltas, key=lambda delta: rank[delta.moved])


def moved(compared: Compared) -> dict[str, int]:
    """Return how many metrics became worse, better, or neither."""
    ways = [went(compared, delta) for delta in compared.deltas]
    return {way: ways.count(way) for way in ("worse", "better", "")}


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of a headline, and which way it goes: ``worse``, ``better``, or neither was shown."""

    way: str
    text: str


def focus(compared: Compared) -> list[Delta]:
    """Return the metrics that a headline is about: those with a gate, else the first of each task."""
    watched = set(gated(compared.candidate))
    found = [delta for delta in compared.deltas if delta.name in watched]
    first = {name: task.primary for name, task in compared.candidate.tasks.items()}
    return found or [delta for delta in compared.deltas if delta.metric == first.get(delta.task)]


def headline(compared: Compared) -> list[Said]:
    """Return what the tests say, what got worse first: never that nothing moved, for no test can show that."""
    watched = focus(compared) or list(compared.deltas)
    told = [Said(way, _moved(compared, one, way)) for one in watched if (way := went(compared, one))]
    if not told and watched:
        told.append(Said("", _apart(watched)))
    for way in ("worse", "better"):
        names = [one.name for one in compared.deltas if one not in watched and went(compared, one) == way]
        if names:
            more = ", …" if len(names) > _NAMED else ""
            one = "1 other metric" if len(names) == 1 else f"{len(names):,} other metrics"
            told.append(Said(way, f"{one} got {way}: {', '.join(names[:_NAMED])}{more}"))
    return sorted(told, key=lambda one: {"worse": 0, "better": 1, "": 2}[one.way])


def _moved(compared: Compared, delta: Delta, way: str) -> str:
    rose = delta.after > delta.before
    verb = f"{'rose' if rose else 'fell'} from {value(delta.before)} to {value(delta.after)}"
    said = f"{delta.name} {verb}, {changed(delta, delta.direction)}"
    flips = delta.comparison.flips if delta.comparison else None
    if flips:
        said += f": {flips.lost:,} of {flips.n:,} answers lost, {flips.gained:,} gained"
    low = way == "better" and control(compared.candidate, delta.task, delta.metric)
    return f"{said}: a control, low is right." if low else f"{said}."


def _apart(watched: Sequence[Delta]) -> str:
    """Return that the first metric is not told apart, and how much worse it may be all the same."""
    tested = [one for one in watched if one.comparison is not None and not math.isnan(one.comparison.low)]
    if not tested:
        return f"Not told apart: {watched[0].name} is not tested."
    one = max(tested, key=lambda one: -one.comparison.estimate if one.comparison else 0.0)
    assert one.comparison is not None  # noqa: S101 - chosen so
    alone = f" and {len(tested) - 1:,} more" if len(tested) > 1 else ""
    said = f"Not told apart: {one.name}{alone}; {changed(one, one.direction)}"
    worst = max(0.0, -one.comparison.low)
    if not worst:
        return f"{said} alone, among {len(tested):,} metrics it may be chance."
    margin = one.comparison.margin
    beside = "" if not margin else f", {'inside' if worst <= margin else 'beyond'} the gate's margin of {margin:g}"
    return f"{said}: it may be worse by up to {worst:.3f}{beside}."


def paired(compared: Compared) -> str:
    """Return how many samples stand behind the tests."""
    sizes = sorted({delta.comparison.n for delta in compared.deltas if delta.comparison})
    if not sizes:
        return "No pairs."
    return f"{sizes[0]:,} pairs." if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,} pairs."


def differs(compared: Compared) -> str:
    """Return what differs between the runs, in one sentence."""
    names = [one.what for one in compared.lineage]
    return f"What differs: {', '.join(names)}." if names else "Nothing else differs between the runs."


def worst_slices(compared: Compared) -> list[SliceDelta]:
    """Return the slices that fell most: exploratory."""
    return list(compared.slices[:SLICES])


def worst_slice(compared: Compared) -> str:
    """Return the slice that fell most against the rest of the samples, as a sentence; nothing where there are no tags.

    Where none fell that much, it says among how many.
    """
    if not compared.looked:
        return ""
    fell = [one for one in compared.slices if one.fell]
    if not fell:
        return f"Worst slice: none fell more than the rest of the samples, of {compared.looked:,} looked at."
    one = fell[0]
    told = f"{changed(one, one.direction)}, n = {one.comparison.n:,}"
    more = f"; {len(fell) - 1:,} more fell" if len(fell) > 1 else ""
    return (
        f"Worst slice: {one.where} ({slice_of(one)}): {told}; all others {elsewhere(one)}, "
        f"adjusted p {p_told(one.adjusted_p)}, of {compared.looked:,} looked at{more}."
    )


def elsewhere(one: SliceDelta) -> str:
    """Return the change of all samples outside of a slice, as it is."""
    return signed(-one.rest if one.direction == "lower" else one.rest)


def slice_of(one: SliceDelta) -> str:
    """Return what a slice is of: ``task/metric``, and the cell where there are several."""
    return f"{one.task}/{one.metric}" + (f" in {one.cell}" if one.cell else "")


def slice_where(one: SliceDelta) -> str:
    """Return where a slice is, and which other one explains it."""
    return one.where + (f" (by {one.beside})" if one.beside else "")


def p_told(p: float) -> str:
    """Return a p-value within a sentence: ``= 0.012`` or ``< 0.001``."""
    return p_value(p) if p < 0.001 else f"= {p_value(p)}"


def tally(flips: Flipped) -> str:
    """Return how many samples flipped."""
    return f"{flips.lost:,} right → wrong, {flips.gained:,} wrong → right"


def where(flip: FlippedSample) -> str:
    """Return which sample flipped."""
    return f"{flip.task}/{flip.cell}/{flip.sample_id}"


def signed(number: float) -> str:
    """Return a change with its sign: ``−0.104``."""
    return f"{number:+.3f}".replace("-", "−") if f"{number:.3f}" not in ("0.000", "-0.000") else "0.000"
