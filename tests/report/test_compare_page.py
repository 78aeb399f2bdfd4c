"""The page of a comparison: the verdict first, and fit for every reader."""

from pathlib import Path

import pytest

from harness.gate.compare import Options, compare
from harness.record import Run
from harness.report.compare_html import write_compare_html


@pytest.fixture(scope="module")
def page(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    compared = compare(Run(small_run), Run(small_run), Options(resamples=200))
    return write_compare_html([compared], tmp_path_factory.mktemp("compare") / "compare.html")


def test_the_verdict_pairs_and_differences_stand_before_the_first_table(page: Path) -> None:
    first = page.read_text(encoding="utf-8").partition("<table>")[0]
    assert "nothing moved" in first
    assert "0 worse, 0 better" in first
    assert "20 pairs" in first
    assert "Nothing else differs between the runs." in first


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_the_page_is_sound_in_a_browser(page: Path, show, audit, picture, width: int, scheme: str) -> None:
    browser = show(page.as_uri(), width=width, scheme=scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert audit(browser) == []
    assert browser.get_log("browser") == []
    picture(browser, f"compare-{width}-{scheme}")
