"""What labels of single answers say of one run, in words: the terminal and the page have it from here."""

import math

from harness.comparison.labelled_run import LabelledRun


def by_people(one: LabelledRun) -> str:
    """Return what answers are worth by labels: ``0.850 [0.741, 0.921]``."""
    mean = one.mean
    return "unknown" if math.isnan(mean.low) else f"{mean.estimate:.3f} [{mean.low:.3f}, {mean.high:.3f}]"


def by_score(one: LabelledRun) -> str:
    """Return what the score that stands in for labels says alone, of all answers, and of how many."""
    own = one.own
    if own is None or own.value is None:
        return ""
    ends = "" if own.low is None or own.high is None else f" [{own.low:.3f}, {own.high:.3f}]"
    return f"{own.value:.3f}{ends}, n = {own.n:,}: {one.proxy or 'no label can be told from it'}"


def about(one: LabelledRun) -> list[str]:
    """Return how many more labels it takes, how the number was made, and what must be known before it is trusted."""
    told = f"{one.task}: {one.said} ({one.mean.method}; n = {one.found.rows:,})"
    if one.found.worth >= 1.05:
        told += f"; with {one.proxy} a label is worth {one.found.worth:.1f}"
    said = [told]
    if len(one.people) > 1 and one.agreement is not None and not math.isnan(one.agreement.alpha):
        of = f"{len(one.people)} people on {one.agreement.units:,} of them"
        said.append(f"{one.task}: Krippendorff's alpha of {of}: {one.agreement.alpha:.2f}")
    return [*said, *(f"{one.task}: {note}" for note in one.notes)]
