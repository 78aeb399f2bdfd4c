"""Comparisons as one HTML file that needs no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Final

from harness.comparison.compare import Compared, Options, compare
from harness.comparison.decide import Decision, as_gated, watching
from harness.comparison.flips import FlippedSample
from harness.comparison.labelled import WithLabels
from harness.record import Run
from harness.record.thumbnails import Thumbnails
from harness.report import compare_rows as rows
from harness.report import numbers, page
from harness.report.compare_rows import Said
from harness.report.differing import differing
from harness.report.embed import Embedded, embedded, embedded_or_beside
from harness.report.forest import SHOWN, Forest, forest
from harness.report.label_marks import NO_MARKS, Key, Mark, marks_of_pair
from harness.report.paired_samples import paired_data
from harness.report.samples import as_uri

_TEMPLATE: Final = "compare.html.j2"
_SCRIPT: Final = "browser.js"
_DEFAULTS: Final = Options()
_LOST, _GAINED = 8, 4
"""Flips that stand with their pictures; the others are in a table."""
_NO_ANSWERS: Final = Embedded()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs and what their comparison says."""

    baseline: Run
    candidate: Run
    compared: Compared

    @property
    def marks(self) -> dict[Key, Mark]:
        """What people say of the candidate's answers."""
        return marks_of_pair(self.baseline, self.candidate, self.compared.labels)


def compared_pair(baseline: Run, candidate: Run, options: Options = _DEFAULTS) -> Pair:
    """Compare two runs, and keep them for the page; with the labels that the candidate's suite names.

    Raises:
        Incomparable: with every reason, unless ``options.force``.
        UsageError: if the samples cannot be read.
    """
    suite = candidate.record.suite
    own = options.labels or WithLabels.of_suite(suite.content, Path(suite.file))
    options = watching(candidate.record, replace(options, labels=own))
    return Pair(baseline, candidate, compare(baseline, candidate, options))


def write_compare_html(pairs: Sequence[Pair], file: Path) -> Path:
    """Write the report of one or more comparisons with one baseline to ``file``.

    A page of one comparison has all answers; where they are many, they lie in a file beside it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    marks = [pair.marks for pair in pairs]
    samples = embedded_or_beside(_answers(pairs[0], marks[0]), file) if len(pairs) == 1 else _NO_ANSWERS
    pictures = [_kept(pair) for pair in pairs]
    file.write_text(comparisons_html([pair.compared for pair in pairs], samples, pictures, marks), encoding="utf-8")
    return file


def compare_html(pair: Pair) -> str:
    """Return the report in one piece. Everything that a model or a data set said is escaped."""
    marks = pair.marks
    return comparisons_html([pair.compared], embedded(_answers(pair, marks)), [_kept(pair)], [marks])


def _answers(pair: Pair, marks: Mapping[Key, Mark]) -> dict[str, object]:
    return paired_data(pair.baseline, pair.candidate, {flips.task for flips in pair.compared.flips}, marks)


def _kept(pair: Pair) -> dict[Key, str]:
    """Return the thumbnails that either run keeps of the flips that are shown, as data URIs."""
    kept = [Thumbnails.read(run.folder, run.record) for run in (pair.candidate, pair.baseline)]
    found = {}
    for flip, _ in _flips(pair.compared, {}):
        webps = (one.of(flip.task, flip.sample_id) for one in kept)
        found[_key(flip)] = as_uri(next(filter(None, webps), None))
    return found


def _key(flip: FlippedSample) -> Key:
    return flip.task, flip.cell, flip.sample_id


@dataclass(frozen=True, slots=True)
class Shown:
    """One comparison as the page shows it."""

    one: Compared
    number: int
    baseline: str
    candidate: str
    """What heads their columns."""
    short: tuple[str, str]
    """What stands before their answers, under a head that says what is simulated."""
    said: Sequence[Said]
    forest: Forest
    decision: Decision | None
    flips: Sequence[tuple[FlippedSample, str]]
    """The first ones, each with its picture."""
    marks: Mapping[Key, Mark]
    """What people say of the candidate's answers."""

    def mark_of(self, flip: FlippedSample) -> Mark | None:
        """Return what people say of one flip."""
        return self.marks.get(_key(flip))

    @property
    def apart(self) -> int:
        """How many labels the score contradicts."""
        return sum(mark.apart for mark in self.marks.values())


def comparisons_html(
    comparisons: Sequence[Compared],
    samples: Embedded = _NO_ANSWERS,
    pictures: Sequence[Mapping[Key, str]] = (),
    marks: Sequence[Mapping[Key, Mark]] = (),
) -> str:
    """Return a page of comparisons, with the answers of the only one where there are ``samples``.

    Args:
        comparisons: with one baseline.
        samples: all answers.
        pictures: of each comparison, by task, cell and sample, as data URIs.
        marks: of each comparison, what people say of the candidate's answers.
    """
    there = bool(samples.block or samples.beside)
    names = _names(comparisons)
    shown = [
        Shown(
            one,
            number + 1,
            *names[number],
            _short(one),
            rows.headline(one),
            forest(one),
            as_gated(one),
            _flips(one, pictures[number] if number < len(pictures) else {}),
            marks[number] if number < len(marks) else NO_MARKS,
        )
        for number, one in enumerate(comparisons)
    ]
    return (
        page.environment()
        .get_template(_TEMPLATE)
        .render(
            shown=shown,
            rows=rows,
            runs=numbers,
            most=SHOWN,
            differing=differing,
            scripts=[_SCRIPT] if there else [],
            samples=samples.block,
            beside=samples.beside,
        )
    )


def _names(comparisons: Sequence[Compared]) -> list[tuple[str, str]]:
    """Return the names of baseline and candidate of each comparison, no two on a page alike."""
    pairs = [(numbers.title(one.baseline), numbers.title(one.candidate)) for one in comparisons]
    candidates = [candidate for _, candidate in pairs]
    made = []
    for place, (before, after) in enumerate(pairs):
        alike = before == after or candidates.count(after) > 1
        count = f" #{place + 1}" if len(pairs) > 1 else ""
        made.append((f"{before}, baseline", f"{after}, candidate{count}") if alike else (before, after))
    return made


def _short(compared: Compared) -> tuple[str, str]:
    before, after = compared.baseline.adapter.name, compared.candidate.adapter.name
    return ("baseline", "candidate") if before == after else (before, after)


def _flips(compared: Compared, pictures: Mapping[Key, str]) -> list[tuple[FlippedSample, str]]:
    """Return the first flips: of each task in turn, what was lost before what was gained."""
    lost, gained = (
        chain.from_iterable(zip_longest(*([flip for flip in one.samples if flip.way == way] for one in compared.flips)))
        for way in ("lost", "gained")
    )
    chosen = [*islice(filter(None, lost), _LOST), *islice(filter(None, gained), _GAINED)]
    return [(flip, pictures.get(_key(flip), "")) for flip in chosen]
