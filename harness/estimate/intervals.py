"""Which interval a number gets, from what it is: the table of docs/statistics.md, as code.

What has no interval that holds gets none, and says why; none is of width zero.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from harness.estimate.coded import Index
from harness.estimate.draws import Draws
from harness.estimate.forms import FORMS, Floats, Sums, evaluate
from harness.estimate.means import MIN_UNBOUNDED, NONE, Interval, all_differ, clipped, distinct, no_interval
from harness.estimate.reach import reach
from harness.estimate.read import Read
from harness.estimate.statistic import Node, Statistic, children, forms_in, inputs_in, key
from harness.estimate.sums import bins_of
from harness.seeds import generator

_ROUNDING: Final = 1e-12
_BEYOND: Final = 1.2
"""A ratio without an upper bound is taken to have rows so much worse than the worst that was seen, and no worse."""
_SEPARATING: Final = ("auroc", "aupr", "fpr_at")
_CALIBRATION: Final = ("calibration", "calibration_max")


def interval_of(statistic: Statistic, value: float, draws: Draws, confidence: float) -> Interval:
    """Return the interval of a number that is no plain mean, and how it was made; arguments as of :func:`plainly`."""
    if any(read.weighing is not None for read in _inputs_read(statistic.of, draws)):
        return _weighed(statistic, value, draws, confidence)
    return plainly(statistic, value, draws, confidence)


def plainly(statistic: Statistic, value: float, draws: Draws, confidence: float) -> Interval:
    """Return the interval over rows that weigh the same.

    Args:
        statistic: what the number is.
        value: over all rows, finite.
        draws: of the rows that it reads.
        confidence: two-sided, in (0, 1).
    """
    of = statistic.of
    reads = [draws.tables[0].read(node) for node in children(of)] if FORMS[of["form"]].block else []
    if of["form"] == "quantile" and all_differ(reads[0].unit[reads[0].counted]):
        return _quantile(statistic, reads[0], confidence)
    units = draws.independent(*_units_read(of, draws)).independent
    if of["form"] in _SEPARATING:
        return _separation(of, value, reads, confidence)
    if units < 2:
        return no_interval("one independent unit")
    if of["form"] == "rogan_gladen":
        return _corrected(of, draws, confidence)
    if of["form"] in _CALIBRATION:
        return _calibrated(statistic, value, draws, reads, confidence)
    if (sides := _sums_without_top(statistic)) is not None:
        found = _ratio(statistic, sides, draws, confidence)
        if found is not None:
            return found
    if None in statistic.bounds and not _of_shares(statistic) and units < MIN_UNBOUNDED:
        return no_interval(f"n below {MIN_UNBOUNDED}")
    if all(FORMS[form].smooth for form in forms_in(of)):
        return _jackknife(statistic, value, draws, confidence)
    return _drawn(statistic, value, draws, units, confidence)


def _inputs_read(of: Node, draws: Draws) -> list[Read]:
    return [draws.tables[0].read(node) for node in {key(node): node for node in inputs_in(of)}.values()]


def _units_read(of: Node, draws: Draws) -> list[Index]:
    return [read.unit[read.counted] for read in _inputs_read(of, draws)]


def _weighed(statistic: Statistic, value: float, draws: Draws, confidence: float) -> Interval:
    """Return the interval of a smooth function of weighted sums: the jackknife's, with no more df than the weights."""
    from harness.stats.jackknife import scaled_t, standard_error

    of, bounds = statistic.of, statistic.bounds
    if not all(FORMS[form].smooth for form in forms_in(of)):
        return no_interval("drawn with unequal chances")
    informing, without = _informing(of, draws.tables[0].sums(of)), draws.without(of)
    strata = [part[informing[part]] for part in draws.strata_of(*_units_read(of, draws))]
    error, freedom = standard_error(value, without, [part for part in strata if len(part)])
    if math.isnan(error):
        return no_interval("no spread in a weighted sample")
    worth = min(
        float(read.weight[read.counted].sum() ** 2 / np.square(read.weight[read.counted]).sum())
        for read in _inputs_read(of, draws)
        if read.weight is not None and read.counted.any()
    )
    if worth < MIN_UNBOUNDED:
        return no_interval(f"n below {MIN_UNBOUNDED}")
    scaled = (None, None) if bounds[1] is None and _of_shares(statistic) else bounds
    low, high = scaled_t(value, error, max(1.0, min(freedom, worth - 1)), scaled, confidence)
    return *clipped(low, high, bounds), "weighted jackknife t"


def _quantile(statistic: Statistic, read: Read, confidence: float) -> Interval:
    from harness.stats.quantiles import effective_n, minimum_n, quantile_interval

    q, values = statistic.of["q"], read.values[read.counted]
    n, fewest = len(values), minimum_n(q)
    if n < fewest:
        return NONE
    # Only what was measured one after the other has an order that means anything.
    worth = None if statistic.paired else effective_n(values, q)
    found = quantile_interval(values, q, confidence, worth)
    # Half, since the worth of independent calls is estimated too, and often falls a little short.
    if worth is not None and (worth < min(fewest, n / 2) or not np.isfinite([found.low, found.high]).all()):
        return no_interval(f"{n} calls that depend on each other are worth {worth:.0f}, too few")
    return found.low, found.high, "order statistics" if worth is None else "order statistics, effective n"


def _separation(of: Node, value: float, reads: Sequence[Read], confidence: float) -> Interval:
    from harness.stats.separation import aupr_interval, auroc_interval, fpr_interval, least_positives

    positives, negatives = (read.values[read.counted] for read in reads)
    units = reads[0].unit[reads[0].counted], reads[1].unit[reads[1].counted]
    clusters = None if all_differ(np.concatenate(units)) else units
    sizes = [len(distinct(side)) for side in units]
    if min(sizes) < 2:
        return no_interval("fewer than 2 of a class")
    if of["form"] == "auroc":
        return *auroc_interval(positives, negatives, clusters, confidence), "Wilson, DeLong's effective n"
    if of["form"] == "aupr":
        return *aupr_interval(value, sizes[0], min(sizes), confidence), "logit (Boyd)"
    low, high, enough = fpr_interval(positives, negatives, of["tpr"], clusters, confidence)
    few = "" if enough else f"; fewer than {least_positives(of['tpr'], confidence)} positives can't bound the threshold"
    return low, high, f"MOVER (Wilson, order statistics){few}"


def _calibrated(statistic: Statistic, value: float, draws: Draws, reads: Sequence[Read], confidence: float) -> Interval:
    from harness.stats.calibrated import calibrated_gaps, calibration_interval, signed_gaps

    of, (stated, right) = statistic.of, reads
    there, bins = stated.counted & right.counted, len(of["edges"]) - 1
    rng = generator("calibrated", key(of))
    if all_differ(stated.unit[there]):
        # Sorted, so that a simulated set does not depend on the order of rows.
        sure = np.sort(stated.values[there])
        gaps = calibrated_gaps(sure, bins_of(sure, of), bins, rng)
    else:
        gaps = signed_gaps(draws.tables[0].sums(of).totals[:, :bins], rng)
    whole = draws.tables[0].sums(of, exact=True)
    counts = np.broadcast_to(whole.totals[:, bins:], gaps.shape)
    shown = evaluate(of, whole.moved(np.hstack([gaps, counts])))
    error = float(np.std(draws.drawn(of), ddof=1))
    low, high, calibrated = calibration_interval(value, error, shown, confidence)
    if not high - low > _ROUNDING:
        return _agreeing(statistic, value, draws, confidence)
    return low, high, "simulated calibrated models" + (" (calibrated within noise)" if calibrated else "")


def _corrected(of: Node, draws: Draws, confidence: float) -> Interval:
    from harness.stats.judged import corrected_interval

    found, names = draws.by_unit(of), [key(child) for child in children(of)]
    sums, counts = (np.column_stack([found[f"{mark}{name}"] for name in names]) for mark in ("", "#"))
    told = corrected_interval(sums, counts, confidence)
    if told.unlike:
        return no_interval("no share explains what passes: the known answers are unlike the judged ones")
    if not told.poor:
        return told.low, told.high, "Fieller, with the judge's own error"
    more = f"{told.needed:,} known answers may tell" if told.needed else "more known answers would not help"
    return told.low, told.high, f"too poor a judge to say; {more}"


def _sums_without_top(statistic: Statistic) -> list[Node] | None:
    """Return both sides of a ratio of sums that is bounded below alone, by 0."""
    least, most = statistic.bounds
    if statistic.of["form"] != "ratio" or least != 0 or most is not None:
        return None
    sides = children(statistic.of)
    return sides if all(map(_is_sum, sides)) else None


def _is_sum(node: Node) -> bool:
    if node["form"] == "linear":
        return not node["plus"] and all(map(_is_sum, children(node)))
    return node["form"] in ("sum", "count")


def _ratio(statistic: Statistic, sides: Sequence[Node], draws: Draws, confidence: float) -> Interval | None:
    """Return Gaffke's interval of Σ over / Σ under; None where some of it is negative, so that 0 is not the least."""
    from harness.stats import gaffke

    each = draws.by_unit(statistic.of)
    over, under = (evaluate(side, each) for side in sides)
    there = (over != 0) | (under != 0)
    over, under = over[there], under[there]
    if not there.any():
        return no_interval("nothing to divide by")
    if min(over.min(), under.min()) < 0:
        return None
    if ((over > 0) & (under == 0)).any() and over.min() > 0 and under.any():
        return _turned(over, under, confidence)
    worst, said = _worst(statistic, over, under, sides[0])
    sums = gaffke.Sums.of(over, under)
    tail = (1 - confidence) / 2
    few = f"; n below {MIN_UNBOUNDED}" if len(over) < MIN_UNBOUNDED else ""
    return gaffke.lower_bound(sums, tail, 0.0), gaffke.upper_bound(sums, tail, worst), f"Gaffke ({said}{few})"


def _turned(over: Floats, under: Floats, confidence: float) -> Interval:
    """Return the interval of a ratio with rows that add to what is divided alone: what a right answer costs, say.

    Such a row is worth more than any number, so that no worst one can be assumed. Turned round (right answers by cost)
    the ratio has 0 as its least row, and its interval is turned back.
    """
    from harness.stats import gaffke

    sums, tail = gaffke.Sums.of(under, over), (1 - confidence) / 2
    best = _BEYOND * float((under / over).max())
    low, high = gaffke.lower_bound(sums, tail, 0.0), gaffke.upper_bound(sums, tail, best)
    if not low > 0:
        return no_interval("nothing to divide by")
    return 1 / high, 1 / low, f"Gaffke of the reciprocal (cheapest row assumed {1 / best:.2g})"


def _worst(statistic: Statistic, over: Floats, under: Floats, numerator: Node) -> tuple[float, str]:
    """Return what the row that was not drawn is worth at most, and how that is known."""
    rows = under > 0
    seen = float((over[rows] / under[rows]).max())
    if statistic.worst is not None:
        worst = max(statistic.worst, seen)
        return worst, f"a row is worth {worst:.2g} at most"
    # One more event than in any row: where none was seen, none is not the worst that there is.
    one = sum(numerator["weights"]) if numerator["form"] == "linear" else 1.0
    worst = max(1.0, _BEYOND * seen, float(((over[rows] + one) / under[rows]).max()))
    return worst, f"worst row assumed {worst:.2g}"


def _jackknife(statistic: Statistic, value: float, draws: Draws, confidence: float) -> Interval:
    from harness.stats.jackknife import jackknife_interval

    of, bounds = statistic.of, statistic.bounds
    informing = _informing(of, draws.tables[0].sums(of))
    without = draws.without(of)
    strata = [part[informing[part]] for part in draws.strata_of(*_units_read(of, draws))]
    # What is left of a share may be above 1, and yet is no quantity that grows by factors.
    scaled = (None, None) if bounds[1] is None and _of_shares(statistic) else bounds
    low, high = jackknife_interval(value, without, [part for part in strata if len(part)], scaled, confidence)
    if low < high:
        scale = "" if scaled[0] is None else ", log scale" if scaled[1] is None else ", logit scale"
        return *clipped(low, high, bounds), f"jackknife t{scale}"
    return _agreeing(statistic, value, draws, confidence)


def _drawn(statistic: Statistic, value: float, draws: Draws, units: int, confidence: float) -> Interval:
    from harness.stats.intervals import percentile_interval
    from harness.stats.jackknife import drawn_t

    drawn, bounds = draws.drawn(statistic.of), statistic.bounds
    if statistic.of["form"] == "call":
        low, high = drawn_t(value, drawn, units, bounds, confidence)
        method = f"bootstrap t, B={draws.count}"
    else:
        low, high = percentile_interval(drawn, confidence)
        low, high = min(low, value), max(high, value)
        method = f"bootstrap, percentile, B={draws.count}"
    if not high - low > _ROUNDING * max(1.0, abs(value)):
        return _agreeing(statistic, value, draws, confidence)
    return *clipped(low, high, bounds), method


def _agreeing(statistic: Statistic, value: float, draws: Draws, confidence: float) -> Interval:
    """Return the interval where no unit moves the number: a share of unseen ones that may, as of Clopper–Pearson."""
    from harness.stats.intervals import unseen_interval

    # Groups of units, where there are many of them, only make it more careful.
    units = int(_informing(statistic.of, draws.tables[0].sums(statistic.of)).sum())
    least, most = statistic.bounds
    if (least is None or most is None) and _of_shares(statistic):
        far = reach(statistic, draws) or math.inf
        least, most = (value - far if least is None else max(least, value - far)), value + far
    if least is None or most is None or not units or not math.isfinite(most - least):
        return no_interval("no spread in the sample")
    method = f"Clopper–Pearson over {units} units (no spread in the sample)"
    return *unseen_interval(value, units, (least, most), confidence), method


def _of_shares(statistic: Statistic) -> bool:
    """Return whether what it is made of lies between 0 and 1, though it has no such bounds itself."""
    return statistic.unit.startswith("share")


def _informing(node: Node, sums: Sums) -> Floats:
    """Return which units a number rests on, [units]: those without a share in what it is divided by say nothing.

    Of several numbers put together the one that rests on the fewest units counts.
    """
    every = np.ones(sums.totals.shape[0], bool)
    if "form" not in node:
        return every
    if node["form"] == "mean":
        return np.asarray(sums[f"#{key(node['of'])}"] > 0)
    if node["form"] == "ratio" and _is_sum(children(node)[1]):
        return np.asarray(evaluate(children(node)[1], sums) != 0)
    if FORMS[node["form"]].block or node["form"] in ("bleu", "call"):
        return every
    parts = [_informing(child, sums) for child in children(node)]
    return min(parts, key=lambda part: int(part.sum()), default=every)
