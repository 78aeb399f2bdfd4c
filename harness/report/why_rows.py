"""What ``harness why`` found, as sentences and rows of text."""

import math
import shlex
from collections.abc import Sequence

from harness.causes.because import Because
from harness.causes.changes import Change
from harness.causes.estimate import Interval
from harness.causes.results import Cause, Why
from harness.report import compare_rows, numbers
from harness.report.text import plain

HEADS = ("change", "effect [95 % interval]", "of the flips", "alone", "taken back")
_WIDE = 36
_SHOWN = 0.0005
"""What rounds to something in a table."""


def heading(found: Why) -> str:
    """Return what was compared, and by how much it differs."""
    worse, better = found.flipped
    sides = f"{numbers.title(found.baseline)} → {numbers.title(found.candidate)}"
    moved = f"{worse:,} sample{'' if worse == 1 else 's'} got worse, {better:,} got better, of {found.asked.of:,}"
    return f"{found.metric}: {sides}: {interval(found.total)}; {moved}"


def verdict(found: Why) -> str:
    """Return the answer, in a sentence."""
    if found.verdict == "alike":
        return "nothing to explain: every sample scores in both runs alike"
    if found.verdict == "noise":
        return f"nothing found: the difference is within noise, {interval(found.total)}"
    if not found.causes:
        return "nothing found: nothing differs that can be taken back here"
    if not found.found:
        most = ", ".join(f"{plain(one.change.name)} {share(one.flips)}" for one in found.causes[:3] if one.flips > 0)
        said = f": of the flips, {most}" if most else ""
        return f"no cause stands apart from the others{said} ({_more(found)})"
    sure = "cause" if found.verdict == "found" else "likeliest cause"
    if len(found.found) == 1:
        first = found.found[0]
        said = f"the {sure} is {told(first.change)}: {interval(first.effect)}, {share(first.flips)} of the flips"
    else:
        named = " and ".join(told(cause.change) for cause in found.found)
        flips = share(sum(cause.flips for cause in found.found))
        only = " with each other" if abs(found.together) > abs(sum(cause.alone for cause in found.found)) else ""
        said = f"the {sure}s are {named}{only}: {flips} of the flips"
    return said if found.verdict == "found" else f"{said}; samples that did not flip may hide more ({_more(found)})"


def because(found: Because) -> str:
    """Return why a gate failed, in a sentence."""
    if found.found is None:
        return f"why {plain(found.metric)} fails is not known: {plain(found.error, 600)}"
    return verdict(found.found)


def told(change: Change, limit: int = _WIDE) -> str:
    """Return a change with its two values."""
    values = [plain(side, limit) for side in (change.before, change.after) if side]
    return f"{plain(change.name)} ({' → '.join(values)})"


def interval(found: Interval) -> str:
    """Return a number with its interval: ``−0.104 [−0.152, −0.056]``."""
    if math.isnan(found.value):
        return "undefined"
    if math.isnan(found.low):
        return f"{compare_rows.signed(found.value)} [no interval]"
    return compare_rows.signed(found.value) + f" [{compare_rows.signed(found.low)}, {compare_rows.signed(found.high)}]"


def rows(found: Why) -> list[tuple[str, ...]]:
    """Return a row for each change, and for what is left."""
    made: list[tuple[str, ...]] = [
        (
            _row(cause.change),
            interval(cause.effect),
            share(cause.flips),
            compare_rows.signed(cause.alone),
            compare_rows.signed(cause.back),
        )
        for cause in found.causes
    ]
    if abs(found.together) >= _SHOWN:
        made.append(("(only together)", compare_rows.signed(found.together), "", "", ""))
    if found.causes and found.left.low != found.left.high:
        made.append(("(left: not of these)", interval(found.left), "", "", ""))
    return made


def _row(change: Change) -> str:
    """Return how a change is called in the table: versions with both, which is all that there is to them."""
    versions = [place for place in change.places if place.where == "environment"]
    return told(change) if versions else plain(change.name)


def share(number: float) -> str:
    """Return a share of the flips."""
    return "" if math.isnan(number) else f"{number:.0%}".replace("-", "−")


def notes(found: Why) -> list[str]:
    """Return what a reader must know beside the table."""
    said = [compare_rows.SIMULATED] if found.simulated else []
    said += [f"{count:,} rows are no pairs: {why}" for why, count in found.apart.items()]
    said += [f"not taken back: {told(one)}: {one.why_not}" for one in found.fixed]
    return [*said, *found.notes]


def cost(found: Why) -> str:
    """Return what it took: ``asked 96 questions (…)``."""
    asked = found.asked
    if not asked.configurations:
        return "nothing was asked: the two records tell it all"
    cached = f" and {asked.cached:,} from the cache" if asked.cached else ""
    return (
        f"asked {asked.questions:,} questions{cached}: {asked.units:,} of {asked.of:,} samples under "
        f"{asked.configurations} configurations, {asked.each:.0%} of a full run for each change"
    )


def command(found: Why, causes: Sequence[Cause]) -> str:
    """Return the command that shows causes on all samples."""
    names = " ".join(shlex.quote(one) for one in (found.baseline.run_id, found.candidate.run_id))
    names += f" --python {shlex.quote(found.python)}" if found.python else ""
    return f"harness why {names} " + " ".join(f"--take-back {shlex.quote(cause.change.name)}" for cause in causes)


def _more(found: Why) -> str:
    full = found.asked.full * max(1, found.asked.configurations)
    return f"--budget {full} asks about all" if found.asked.units < found.asked.of else "all samples were asked about"
