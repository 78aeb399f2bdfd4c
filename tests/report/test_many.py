"""The page of several runs: who is first, what it costs, and which samples divide them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from harness.record import Run
from harness.report.overview import write_overview
from tests.made_runs import make_run

__all__ = ["make_run"]


@pytest.fixture
def page(make_run: Callable[..., Run], tmp_path: Path) -> str:
    prices = {"config": {"prices": {"input": 1.0, "output": 1.0, "currency": "USD"}}}
    scores = {"first": "1" * 50 + "0" * 10, "close": "1" * 49 + "0" * 11, "far <b>": "1" * 20 + "0" * 40}
    runs = []
    for k, (name, text) in enumerate(scores.items()):
        taken = {f"s{i:04d}": (i, 0.1 * (k + 1) + 0.001 * (i % 5), 100 + k + i % 3) for i in range(60)}
        rows = {one: {"batch": i, "seconds": s, "tokens_in": read} for one, (i, s, read) in taken.items()}
        values = [float(letter) for letter in text]
        runs.append(make_run(f"r{k}", values, rows=rows, adapter={"name": name, **prices}))
    return write_overview([run.folder for run in runs], tmp_path / "page" / "many.html").as_uri()


def test_the_page_answers_who_is_first_and_stands_without_a_script(page: str, show, audit, picture) -> None:
    for width, scheme in ((1280, "light"), (390, "dark")):
        browser = show(page, width, scheme)
        assert browser.get_log("browser") == []
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        lead = browser.find_element(By.CSS_SELECTOR, ".lead").text
        assert lead == "Not told apart. first and close share the first place on qa/exact match."
        rows = browser.find_elements(By.CSS_SELECTOR, ".board tbody tr")
        assert [("★" in row.text) for row in rows] == [True, True, False]
        assert audit(browser) == []
        picture(browser, f"many-{width}")


def test_samples_that_differ_stand_first_and_the_filter_shows_the_others(page: str, show) -> None:
    browser = show(page)
    output = browser.find_element(By.CSS_SELECTOR, "#matrix-filter output")
    assert output.text == "30 of 60 rows"
    browser.find_element(By.NAME, "differs").click()
    assert output.text == "60 of 60 rows"
    browser.find_element(By.NAME, "search").send_keys("s0003")
    assert output.text == "1 of 60 rows"
    assert [one.text for one in Select(browser.find_element(By.NAME, "task")).options] == ["every task", "qa"]


def test_a_run_that_another_makes_superfluous_is_hollow_and_said_so(page: str, show) -> None:
    browser = show(page)
    plots = browser.find_elements(By.CSS_SELECTOR, ".pareto figure")
    assert [plot.find_element(By.TAG_NAME, "figcaption").text for plot in plots] == [
        "qa: exact match against time",
        "qa: exact match against price",
    ]
    for plot in plots:
        assert len(plot.find_elements(By.CSS_SELECTOR, ".point.best")) == 1
        assert len(plot.find_elements(By.CSS_SELECTOR, ".point.worse")) == 2
    said = plots[0].find_element(By.TAG_NAME, "ul").text
    assert "first is no worse than far <b> and faster (beyond both intervals)." in said
    assert "first is no worse than close and faster (by value; the intervals overlap)." in said
