"""Comparisons as one HTML file that needs no network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.comparison.compare import Compared, Options, compare
from harness.record import Run
from harness.report import compare_rows, numbers, page
from harness.report.embed import Embedded, embedded, embedded_or_beside
from harness.report.paired_samples import paired_data

_TEMPLATE: Final = "compare.html.j2"
_SCRIPT: Final = "browser.js"
_DEFAULTS: Final = Options()
_NO_ANSWERS: Final = Embedded()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs and what their comparison says."""

    baseline: Run
    candidate: Run
    compared: Compared


def compared_pair(baseline: Run, candidate: Run, options: Options = _DEFAULTS) -> Pair:
    """Compare two runs, and keep them for the page.

    Raises:
        Incomparable: with every reason, unless ``options.force``.
        UsageError: if the samples cannot be read.
    """
    return Pair(baseline, candidate, compare(baseline, candidate, options))


def write_compare_html(pairs: Sequence[Pair], file: Path) -> Path:
    """Write the report of one or more comparisons with one baseline to ``file``.

    A page of one comparison has all answers; where they are many, they lie in a file beside it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    samples = embedded_or_beside(_answers(pairs[0]), file) if len(pairs) == 1 else _NO_ANSWERS
    file.write_text(comparisons_html([pair.compared for pair in pairs], samples), encoding="utf-8")
    return file


def compare_html(pair: Pair) -> str:
    """Return the report in one piece. Everything that a model or a data set said is escaped."""
    return comparisons_html([pair.compared], embedded(_answers(pair)))


def _answers(pair: Pair) -> dict[str, object]:
    return paired_data(pair.baseline, pair.candidate, {flips.task for flips in pair.compared.flips})


def comparisons_html(comparisons: Sequence[Compared], samples: Embedded = _NO_ANSWERS) -> str:
    """Return a page of comparisons, with the answers of the only one where there are ``samples``."""
    there = bool(samples.block or samples.beside)
    return (
        page.environment()
        .get_template(_TEMPLATE)
        .render(
            comparisons=comparisons,
            rows=compare_rows,
            runs=numbers,
            scripts=[_SCRIPT] if there else [],
            samples=samples.block,
            beside=samples.beside,
        )
    )
