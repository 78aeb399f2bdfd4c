"""The page about metrics is what the code says, and one command makes it so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.registry import registry
from harness.report.metrics_page import PARTS, filled, part
from harness.tasks.glossary import numbers

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_is_what_the_code_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert filled(text) == text, "docs/metrics.md is stale: run `harness metrics docs --write docs/metrics.md`"


def test_every_part_stands_on_the_page_once() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert {name: text.count(f"<!-- generated: {name} -->") for name in PARTS} == dict.fromkeys(PARTS, 1)


def test_the_page_knows_every_metric_and_every_number() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"\n### {name}\n" in text for name in registry("metrics").names())
    assert all(f"\n| `{name}` |" in text for name in numbers())


def test_prose_stays_and_parts_are_made_anew() -> None:
    page = filled("# Mine\n\n<!-- generated: laws -->\nstale\n<!-- end -->\n\nProse.\n")
    assert page == f"# Mine\n\n<!-- generated: laws -->\n\n{part('laws')}\n<!-- end -->\n\nProse.\n"
    assert filled(page) == page


def test_every_law_says_what_it_is() -> None:
    rows = [line for line in part("laws").splitlines() if line.startswith("| `")]
    assert len(rows) >= 20
    assert all(line.endswith(". |") for line in rows)


def test_a_page_that_asks_for_what_is_not_there_is_an_error() -> None:
    with pytest.raises(UsageError, match="did you mean 'overview'"):
        filled("<!-- generated: overvew -->\n<!-- end -->\n")
    with pytest.raises(UsageError, match="no part to generate"):
        filled("# A page\n")


def test_the_command_prints_the_parts_or_writes_them(run_here: Any, tmp_path: Path) -> None:
    assert "### relaxed_accuracy" in run_here("metrics", "docs").out
    page = tmp_path / "page.md"
    page.write_text("<!-- generated: numbers -->\n<!-- end -->\n", encoding="utf-8")
    done = run_here("metrics", "docs", "--write", str(page))
    assert (done.code, done.out.strip()) == (0, str(page))
    assert "`retained_accuracy`" in page.read_text(encoding="utf-8")
