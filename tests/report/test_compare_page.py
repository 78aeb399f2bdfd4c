"""The page of a comparison: the verdict first, and fit for every reader."""

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from harness.comparison.compare import Options
from harness.comparison.identity import Difference
from harness.record import Run
from harness.record.folder import SAMPLES_FILE
from harness.report.compare_html import compared_pair, comparisons_html, write_compare_html
from harness.report.paired_samples import paired_data
from tests.edited import sign


@pytest.fixture(scope="module")
def page(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pair = compared_pair(Run(small_run), Run(small_run), Options(resamples=200))
    return write_compare_html([pair], tmp_path_factory.mktemp("compare") / "compare.html")


@pytest.fixture(scope="module")
def worse(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small run again, with every answer of one cell changed for the worse."""
    folder = tmp_path_factory.mktemp("worse") / "run"
    shutil.copytree(small_run, folder)
    rows = Run(folder).table().to_pylist()
    schema = Run(folder).table().schema
    for row in rows:
        if (row["task"], row["cell"]) == ("sweep", "rotation@1"):
            row |= {"response": "no idea", "score.relaxed_accuracy": 0.0}
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / SAMPLES_FILE)
    sign(folder)
    return folder


def test_all_answers_stand_beside_the_baselines_and_flips_can_be_filtered(
    small_run: Path, worse: Path, show, audit, tmp_path: Path
) -> None:
    pair = compared_pair(Run(small_run), Run(worse), Options(resamples=200))
    lost = sum(flips.lost for flips in pair.compared.flips)
    browser = show(write_compare_html([pair], tmp_path / "compare.html").as_uri())
    assert browser.get_log("browser") == []
    Select(browser.find_element(By.NAME, "flipped")).select_by_value("1")
    browser.execute_async_script("setTimeout(arguments[0], 30)")
    assert browser.find_element(By.CSS_SELECTOR, "#browser output").text == f"{lost} of 120 answers"
    assert lost > 5
    heads = [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, ".rows th")]
    cells = browser.find_elements(By.CSS_SELECTOR, ".rows tbody tr:not(.space):nth-child(2) td")
    shown = dict(zip(heads, (cell.text for cell in cells), strict=True))
    assert shown["answer"] == "no idea"
    assert shown["baseline"] == shown["target"]
    assert "baseline's answer (simulated)" in browser.find_element(By.CSS_SELECTOR, ".detail").text
    assert audit(browser) == []


def test_what_a_model_or_a_data_set_said_is_shown_not_obeyed_and_not_at_any_length(
    small_run: Path, worse: Path, show, tmp_path: Path
) -> None:
    hostile = "\u202edesrever" + "x" * 5_000
    pair = compared_pair(Run(small_run), Run(worse), Options(resamples=200))
    flips = tuple(
        replace(
            one,
            samples=tuple(
                replace(flip, sample_id=hostile, prompt=hostile, references=(hostile,), before=hostile, after=hostile)
                for flip in one.samples
            ),
        )
        for one in pair.compared.flips
    )
    slices = tuple(replace(one, where=hostile) for one in pair.compared.slices)
    lineage = (Difference("suite file", hostile, hostile),)
    hurt = replace(pair.compared, flips=flips, slices=slices, lineage=lineage)
    file = tmp_path / "compare.html"
    file.write_text(comparisons_html([hurt]), encoding="utf-8")
    browser = show(file.as_uri())
    said = browser.find_elements(By.CSS_SELECTOR, "td.said")
    assert len(said) == 5 * sum(len(one.samples) for one in flips) + len(slices) + 2
    shown = [browser.execute_script("return arguments[0].textContent", cell) for cell in said]
    assert all("\\u202edesrever" in text and len(text) <= 600 for text in shown)
    text = browser.execute_script("return document.body.textContent")
    assert "\u202e" not in text
    assert "x" * 600 not in text
    assert {cell.value_of_css_property("unicode-bidi") for cell in said} == {"isolate"}


def test_an_answer_that_failed_counts_as_in_the_comparison(small_run: Path, failed_run: Path) -> None:
    pair = compared_pair(Run(small_run), Run(failed_run), Options(resamples=200))
    flips = paired_data(Run(small_run), Run(failed_run), {one.task for one in pair.compared.flips})["rows"]["flip"]
    assert flips.count(1) == sum(one.lost for one in pair.compared.flips) > 5


def test_an_answer_to_another_question_is_no_pair(small_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    table = Run(folder).table()
    other = pa.array(["0" * 64, *table["request_hash"].to_pylist()[1:]])
    at = table.schema.get_field_index("request_hash")
    pq.write_table(table.set_column(at, "request_hash", other), folder / SAMPLES_FILE)
    sign(folder)
    before = paired_data(Run(small_run), Run(folder), {"sweep", "qa"})["rows"]["before"]
    assert sum(one < 0 for one in before) == 1


def test_a_page_of_two_comparisons_has_no_answers_and_says_how_to_see_them(small_run: Path, tmp_path: Path) -> None:
    pair = compared_pair(Run(small_run), Run(small_run), Options(resamples=200))
    text = write_compare_html([pair, pair], tmp_path / "compare.html").read_text(encoding="utf-8")
    assert "compare two runs alone" in text
    assert "sample-data" not in text


def test_the_verdict_pairs_and_differences_stand_before_the_first_table(page: Path) -> None:
    first = page.read_text(encoding="utf-8").partition("<table>")[0]
    assert "nothing moved" in first
    assert "0 worse, 0 better" in first
    assert "20 pairs" in first
    assert "Nothing else differs between the runs." in first


_RIGHT = "return Math.max(...[...document.querySelectorAll(arguments[0])].map(c => c.getBoundingClientRect().right))"


@pytest.mark.parametrize(("width", "seen"), [(1400, 7), (390, 3)])
def test_no_number_of_the_metrics_hides_behind_their_names(page: Path, show, width: int, seen: int) -> None:
    browser = show(page.as_uri(), width=width)
    heads = browser.find_elements(By.CSS_SELECTOR, "main table:first-of-type thead")[0].text
    assert "adjusted p" in " ".join(heads.split())
    selector = f"main .scroll:first-of-type tr > :nth-child(-n+{seen})"
    assert browser.execute_script(_RIGHT, selector) <= width
    assert "McNemar" in browser.find_element(By.CSS_SELECTOR, "td.name small").text


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_the_page_is_sound_in_a_browser(page: Path, show, audit, picture, width: int, scheme: str) -> None:
    browser = show(page.as_uri(), width=width, scheme=scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert audit(browser) == []
    assert browser.get_log("browser") == []
    picture(browser, f"compare-{width}-{scheme}")
