"""What labels of single answers say of one run, in words: the terminal and the page have it from here."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.report.lanes import SHARES, Lane, Lanes

if TYPE_CHECKING:
    from harness.comparison.labelled_run import LabelledRun


def by_people(one: "LabelledRun") -> str:
    """Return what answers are worth by labels: ``0.850 [0.741, 0.921]``."""
    mean = one.mean
    return "unknown" if math.isnan(mean.low) else f"{mean.estimate:.3f} [{mean.low:.3f}, {mean.high:.3f}]"


def by_score(one: "LabelledRun") -> str:
    """Return what the score that stands in for labels says alone, of all answers, and of how many."""
    own = one.own
    if own is None or own.value is None:
        return ""
    ends = "" if own.low is None or own.high is None else f" [{own.low:.3f}, {own.high:.3f}]"
    return f"{own.value:.3f}{ends}, n = {own.n:,}: {one.proxy or 'no label can be told from it'}"


def about(one: "LabelledRun") -> list[str]:
    """Return how many more labels it takes, how the number was made, and what must be known before it is trusted."""
    told = f"{one.task}: {one.said} ({one.mean.method}; n = {one.found.rows:,})"
    if one.found.worth >= 1.05:
        told += f"; with {one.proxy} a label is worth {one.found.worth:.1f}"
    said = [told]
    if len(one.people) > 1 and one.agreement is not None and not math.isnan(one.agreement.alpha):
        of, agreed = f"{len(one.people)} people on {one.agreement.units:,} of them", one.agreement
        ends = "" if math.isnan(agreed.low) else f" [{agreed.low:.2f}, {agreed.high:.2f}]"
        said.append(f"{one.task}: Krippendorff's alpha of {of}: {agreed.alpha:.2f}{ends}")
    return [*said, *(f"{one.task}: {note}" for note in one.notes)]


def label_lanes(found: Sequence["LabelledRun"]) -> Lanes:
    """Return a row a task: what answers are worth by labels, and hollow what the score alone says of all."""
    return Lanes(tuple(map(_lane, found)))


def _lane(one: "LabelledRun") -> Lane:
    mean, own = one.mean, one.own
    known = not math.isnan(mean.low)
    low, high = SHARES.at(mean.low) if known else 0.0, SHARES.at(mean.high) if known else 0.0
    of = f"{one.found.labelled:,} label{'s' * (one.found.labelled != 1)} of {one.found.differing:,} answers"
    alone = None if own is None or own.value is None or own.unit != "share" else SHARES.at(own.value)
    value, ends = (f"{mean.estimate:.3f}", f"[{mean.low:.3f}, {mean.high:.3f}]") if known else ("–", "unknown")
    beside = f" · the score alone: {told}" if (told := by_score(one)) else ""
    said = f"{one.task} by labels: {value} {ends}, {of}{beside}"
    return Lane(
        one.task, "", f"{of}{beside}", "data", value, ends, said, f"n = {one.found.rows:,}; {mean.method}", SHARES,
        SHARES.at(mean.estimate) if known else None, (low, round(high - low, 2)) if known else None,
        ghost=alone,
    )  # fmt: skip
