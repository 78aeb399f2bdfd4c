"""What a reader of a judge's numbers must not miss, and how its verdicts fall on known answers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from harness.estimate import POSITIVE, Statistic, mean
from harness.tasks._cells import CellResult
from harness.tasks._pictured import Figures, Finding, Table
from harness.tasks._said import with_interval
from harness.tasks.judge.known import FAMILIES, JUDGED
from harness.tasks.judge.numbers import SCORE, of
from harness.types import MetricValue

_UNREAD: Final = 0.05
"""A judge of whom more verdicts than that cannot be read is not asked in the right way."""
_LONGER: Final = 1.5
"""Answers so many times as long as the known ones are not like them, for a judge that minds."""


def findings(figures: Figures, calibrating: Sequence[str], *, pairs: bool) -> Iterator[Finding]:
    """Yield what must be said of a judge, the worst first."""
    told = figures.metrics
    naive = "win_rate" if pairs else "judged_share"
    if (corrected := told.get(f"{naive}_corrected")) is not None:
        yield from _corrected(corrected, told[naive], told["informedness"], naive)
    elif naive in told:
        said = f"{naive} is what the judge says; without known answers nobody knows how it errs"
        yield Finding("warning", said)
    yield from _unread(told)
    if (first := told.get("first_preferred")) is not None and (first.low > 0.5 or first.high < 0.5):
        which = "first" if first.value > 0.5 else "second"
        said = f"{first.value:.1%} [{first.low:.1%}, {first.high:.1%}] of its preferences"
        yield Finding("warning", f"the judge prefers the answer that stands {which}: {said}")
    yield from _length(figures, calibrating)
    if (own := told.get("self_preference")) is not None and (own.low > 0.5 or own.high < 0.5):
        which = "its own family's answers" if own.value > 0.5 else "another family's answers"
        yield Finding(
            "warning", f"the judge prefers {which} where neither is better: {with_interval(own)}, n = {own.n}"
        )


def _corrected(corrected: MetricValue, naive: MetricValue, informed: MetricValue, name: str) -> Iterator[Finding]:
    if corrected.method.startswith("too poor") or math.isnan(corrected.value):
        more = corrected.method.partition("; ")[2] or "more known answers would not help"
        yield Finding(
            "warning",
            f"this judge is too poor to decide: informedness {with_interval(informed)} on {informed.n} known answers "
            f"is not above 0; {more}. {name} {naive.value:.3f} says nothing of the model",
        )
    elif "unlike" in corrected.method:
        yield Finding(
            "warning",
            f"the judge passes {naive.value:.1%} of the answers, which no share of right ones explains: the known "
            "answers are not like the judged ones; have some of these labelled (`known: {labels: …}`)",
        )
    else:
        said = f"{name} {naive.value:.3f} is the judge's own word; corrected for how it errs on known answers:"
        yield Finding("note", f"{said} {with_interval(corrected)}")


def _unread(told: Mapping[str, MetricValue]) -> Iterator[Finding]:
    for name, whose in (("unparsed_share", "on the model's answers"), ("unparsed_known", "on known answers")):
        found = told.get(name)
        if found is not None and found.value > _UNREAD:
            yield Finding("warning", f"{found.value:.1%} of the judge's verdicts {whose} cannot be read")


def _length(figures: Figures, calibrating: Sequence[str]) -> Iterator[Finding]:
    effect = figures.metrics.get("length_effect")
    if effect is None or not (effect.low > 0 or effect.high < 0):
        return
    which = "long" if effect.value > 0 else "short"
    yield Finding("warning", f"the judge likes {which} answers: length_effect {with_interval(effect)}")
    if "judged_share" not in figures.metrics and "win_rate" not in figures.metrics:
        return
    judged, known = (
        figures.estimate(Statistic("words", mean(of("words", *cells)), "none", "words", POSITIVE)).value
        for cells in ((JUDGED.id,), calibrating)
    )
    if max(judged, known) > _LONGER * min(judged, known):
        said = f"the model's answers have {judged:.1f} words, the known ones {known:.1f}"
        yield Finding("warning", f"{said}: this judge does not err alike on both, and the correction cannot know")


def verdict_table(results: Sequence[CellResult], *, pairs: bool) -> Table:
    """Return how the verdicts fall on each sort of answers: the confusion with what is known of them."""
    rows: list[tuple[str | int, ...]] = []
    for result in results:
        if result.cell.id == FAMILIES:
            continue
        passed, asked = (result.columns[f"{SCORE}.{name}"].worths for name in ("passed", "verdicts"))
        unread = result.columns[f"{SCORE}.unread"].worths
        known = passed[~np.isnan(passed)]
        counts = [int((known == 1).sum()), int(((known > 0) & (known < 1)).sum()), int((known == 0).sum())]
        verdicts = f"{np.nansum(unread):.3g} of {np.nansum(asked):,.0f}"
        rows.append((result.cell.id, *counts, verdicts))
    names: tuple[str, ...] = ("won", "divided", "lost") if pairs else ("passed", "divided", "not passed")
    if not pairs and not any(row[2] for row in rows):  # only of several answers to one question some pass, and some not
        names, rows = (names[0], names[2]), [(row[0], row[1], *row[3:]) for row in rows]
    note = "Of two answers: the model's, or the one known to be better; divided where both orders do not agree, or tie."
    return Table("verdicts", ("answers", *names, "unreadable verdicts"), tuple(rows), note if pairs else "")
