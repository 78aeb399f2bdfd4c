"""The pages that lie in the clone: few bytes, no network, each named."""

import re
from pathlib import Path

REPORTS = Path(__file__).resolve().parents[1] / "reports"
PAGES = ("comparison.html", "coverage.html", "history.html", "robustness.html")


def test_the_pages_in_the_clone_are_small_named_and_need_no_network() -> None:
    assert sum((REPORTS / name).stat().st_size for name in PAGES) < 2_500_000
    told = (REPORTS / "README.md").read_text(encoding="utf-8")
    for name in PAGES:
        page = (REPORTS / name).read_text(encoding="utf-8")
        assert name in told
        assert not re.search(r"""<(?:script|link|img)[^>]*(?:src|href)=["']https?:""", page)


def test_the_readme_says_what_it_is_in_one_screen() -> None:
    text = (REPORTS.parent / "README.md").read_text(encoding="utf-8")
    first = text.partition("\n## ")[0]
    assert len(text.splitlines()) <= 90
    assert len(first.splitlines()) <= 20
    assert "make test" in text
    assert "harness run --data" in first
    assert "![" in first
