"""Comparisons as one HTML file that needs no network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.gate.compare import Compared
from harness.report import compare_rows, numbers
from harness.report.page import environment

_TEMPLATE: Final = "compare.html.j2"


def write_compare_html(comparisons: Sequence[Compared], file: Path) -> Path:
    """Write the report of one or more comparisons with one baseline to ``file``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(compare_html(comparisons), encoding="utf-8")
    return file


def compare_html(comparisons: Sequence[Compared]) -> str:
    """Return the report. Everything that a model or a data set said is escaped."""
    template = environment().get_template(_TEMPLATE)
    return template.render(comparisons=comparisons, rows=compare_rows, runs=numbers)
