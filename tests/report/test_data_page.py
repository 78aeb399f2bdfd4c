"""What was found in data, as a page: the verdict first, the worst kind next, each row with its picture."""

import re
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from harness.report.data_html import data_html, write_data_html
from harness.suite.checks import Looked, gates_of, parse_gates
from harness.suite.checks.run import inspect_path
from tests.suite.test_data_checks import Data, clean, copied, nearly, plant

__all__ = ["clean"]
HOSTILE = "<img src=x onerror=alert(1)><script>window.reached = 1</script>"


@pytest.fixture
def looked(clean: Data) -> Looked:
    for number in range(3, 9):
        copied(f"train-0{number}.png", f"test-0{number}.png", nearly)(clean)
    plant(choices=f'["one", "two", "{HOSTILE}"]', answer=HOSTILE[:30])(clean)
    (clean.folder / "test-11.png").write_bytes(b"no picture")
    clean.check()
    return inspect_path(clean.folder, kind="csv")


def kinds(text: str) -> list[str]:
    return re.findall(r'<h2 id="kind-[0-9]+"><span [^>]*>.</span> ([a-z-]+)</h2>', text)


def test_the_verdict_stands_first_and_the_worst_kinds_before_those_that_are_good_to_know(looked: Looked) -> None:
    text = data_html("data", looked, [])
    assert kinds(text) == ["media", "leakage", "no-option"]
    assert text.index("1 row cannot be read, or has media") < text.index('id="kind-1"')
    assert "All" not in text.partition('id="kind-1"')[0]
    gated = data_html("data", looked, gates_of(parse_gates(["no-option=0", "leakage=10"])))
    assert kinds(gated) == ["media", "no-option", "leakage"]
    assert re.findall(r"</span> (met|failed)</b> <code>([^<]*)", gated) == [
        ("failed", "no-option=0"), ("met", "leakage=10")
    ]  # fmt: skip


def test_clean_data_says_so(clean: Data) -> None:
    clean.check()
    text = data_html("data", inspect_path(clean.folder, kind="csv"), gates_of(parse_gates(["leakage=0"])))
    assert kinds(text) == []
    assert "Nothing was found." in text


def test_what_a_data_set_says_is_text_and_a_row_has_its_place_and_its_pictures(looked: Looked) -> None:
    text = data_html("data", looked, [])
    assert "<script>window" not in text
    assert "<img src=x" not in text
    assert "test.csv:4" in text
    assert "How many dots has train 3?" in text, "what the row asks"
    (leak,) = re.findall(r'aria-label="test.csv:5".*?</article>|aria-label="train.csv:5".*?</article>', text, re.S)
    assert leak.count("data:image/webp;base64,") == 2, "the picture, and the one that it is like"


def test_rows_beyond_the_first_are_listed_and_pictures_keep_within_their_room(looked: Looked) -> None:
    text = data_html("data", looked, [], most=2)
    assert "<summary>4 more</summary>" in text
    assert text.count("<article") == 2 + 1 + 1
    (rows,) = (rows for (kind, _), rows in looked.findings.found.items() if kind == "leakage")
    spots = [row.other for row in rows if row.other]
    sizes = [len(one.picture) for one in looked.shown(spots).values()]
    assert len(sizes) == 6
    assert all(sizes)
    few = [len(one.picture) for one in looked.shown(spots, room=sum(sizes) - 1).values()]
    assert few.count(0) == 1
    assert sum(few) < sum(sizes)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_whole_in_a_browser(looked: Looked, show, audit, picture, tmp_path: Path, width: int) -> None:
    file = write_data_html(
        "a folder with a rather long name/" * 3, looked, gates_of(parse_gates(["leakage=0"])), tmp_path / "p.html"
    )
    browser = show(file.as_uri(), width=width)
    picture(browser, f"data-{width}")
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script("return window.reached") is None
    loaded = browser.execute_script("return [...document.images].map(i => i.complete && i.naturalWidth)")
    assert len(loaded) >= 12
    assert all(loaded)
    assert browser.find_element(By.CSS_SELECTOR, ".verdict").text.split()[-1] == "FAIL"
    assert audit(browser) == []


def test_the_command_writes_the_page(clean: Data, run_here, tmp_path: Path) -> None:
    copied("train-07.png", "test-03.png")(clean)
    clean.check()
    out = tmp_path / "pages" / "page.html"
    done = run_here("data", "check", clean.folder, "--type", "csv", "--format", "html", "--out", out)
    assert done.code == 0, done.err
    assert f"page: {out}" in done.out
    assert kinds(out.read_text()) == ["leakage"]
    assert run_here("data", "check", clean.folder, "--type", "csv", "--out", out).code == 2
