"""The page of a comparison: the verdict first, and fit for every reader."""

import math
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from harness.comparison.compare import Compared, Delta, Options
from harness.comparison.identity import Difference
from harness.record import Run
from harness.record.folder import SAMPLES_FILE
from harness.report import compare_rows
from harness.report.compare_html import compared_pair, comparisons_html, write_compare_html
from harness.report.compare_markdown import compare_markdown
from harness.report.differing import differing
from harness.report.forest import forest
from harness.report.github_safe import escaped
from harness.report.paired_samples import paired_data
from harness.stats.results import Comparison, Flips
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
    first = page.read_text(encoding="utf-8").partition("<table")[0]
    assert "not told apart" in first
    assert "0 worse, 0 better" in first
    assert "20 pairs" in first
    assert "Nothing else differs between the runs." in first


def delta(estimate: float, half: float, p: float, margin: float = 0.0, name: str = "m", **keys: Any) -> Delta:
    flips = Flips(both_right=40, lost=15, gained=2, both_wrong=3)
    found = Comparison(
        estimate, estimate - half, estimate + half, math.nan, math.nan, p, p, 1 - p, 0.5, 60, "paired bootstrap",
        margin=margin, flips=flips if p < 0.05 else None,
    )  # fmt: skip
    return Delta("qa", name, "higher", "share", 0.9, 0.9 + estimate, found, p, **keys)


@pytest.fixture
def changed(small_run: Path) -> Callable[..., Compared]:
    """A comparison with these changes, whose suite has these gates."""
    plain = compared_pair(Run(small_run), Run(small_run), Options(resamples=200)).compared

    def make(*deltas: Delta, gates: Sequence[dict[str, Any]] = ()) -> Compared:
        suite = plain.candidate.suite.model_copy(update={"content": {"gates": [*gates]}})
        qa = plain.candidate.tasks["qa"]
        record = {one.metric: qa.metrics[qa.primary] for one in deltas}
        task = qa.model_copy(update={"metrics": record, "primary": deltas[0].metric})
        candidate = plain.candidate.model_copy(update={"suite": suite, "tasks": {"qa": task}})
        return replace(plain, deltas=deltas, candidate=candidate, cells=(), slices=(), flips=(), cut_off=())

    return make


DROP = ({"metric": "qa/m", "max_drop": 0.02},)


def test_what_no_test_decides_is_not_told_apart_and_never_said_not_to_have_moved(changed) -> None:
    compared = changed(delta(-0.05, 0.123, 0.6, 0.02), gates=DROP)
    wanted = "Not told apart: qa/m; −0.050 [−0.173, +0.073]: it may be worse by up to 0.173, beyond the gate's margin"
    assert [one.way for one in compare_rows.headline(compared)] == [""]
    html, text = comparisons_html([compared]), compare_markdown([compared])
    assert wanted in html.replace("\u00a0", " ").replace("&#39;", "'")
    assert escaped("Not told apart: qa/m") in text
    for said in (html, text):
        assert not re.search("nothing moved|no difference|unchanged", said, re.IGNORECASE)


def test_a_headline_says_what_got_worse_first_and_how_many_answers_were_lost(changed) -> None:
    compared = changed(delta(0.2, 0.1, 0.001, name="b"), delta(-0.2, 0.1, 0.001, 0.02), gates=DROP)
    first, second = compare_rows.headline(compared)
    assert (first.way, second.way) == ("worse", "better")
    assert first.text == "qa/m fell from 0.900 to 0.700, −0.200 [−0.300, −0.100]: 15 of 60 answers lost, 2 gained."
    assert second.text == "1 other metric got better: qa/b"


def test_a_drop_that_a_gate_forbids_stands_on_the_page_as_failed(changed) -> None:
    compared = changed(delta(-0.2, 0.05, 0.0001, 0.02), gates=DROP)
    html = comparisons_html([compared])
    assert "no baseline" not in html
    assert re.search(r"✕ fail</b> <code>qa/m</code> drop ≤ 0.02", html)
    assert 'class="band"' in html


def test_a_control_that_rises_got_worse_and_lies_on_the_left(changed) -> None:
    compared = changed(delta(0.2, 0.05, 0.0001), gates=({"metric": "qa/m", "max": 0.1, "control": True},))
    (said,) = compare_rows.headline(compared)
    assert said.way == "worse"
    (row,) = forest(compared).rows
    assert row.dot is not None
    assert row.dot < row.zero
    assert "a control: low is right" in row.note


def test_an_interval_without_zero_that_decides_nothing_says_why(changed) -> None:
    found = replace(delta(-0.1, 0.05, 0.014), adjusted_p=0.19)
    (row,) = forest(changed(found)).rows
    assert (row.way, row.note) == ("open", "alone p = 0.014, among 1 metric 0.190")


def test_the_page_of_several_links_to_each_and_no_two_columns_have_one_head(small_run: Path) -> None:
    pair = compared_pair(Run(small_run), Run(small_run), Options(resamples=200))
    html = comparisons_html([pair.compared, pair.compared])
    heads = re.findall(r"<thead>.*?</thead>", html, re.DOTALL)
    assert {number for head in heads for number in re.findall(r"candidate (#\d)", head)} == {"#1", "#2"}
    for head in heads:
        cells = re.findall(r"<th[^>]*>([^<]*)</th>", head)
        assert len(set(cells)) == len(cells)
    for target in re.findall(r'href="#(comparison-\d)"', html):
        assert html.count(f'id="{target}"') == 1


def test_flips_stand_side_by_side_with_their_picture_and_the_differing_part_marked(
    small_run: Path, worse: Path
) -> None:
    pair = compared_pair(Run(small_run), Run(worse), Options(resamples=200))
    first = next(flip for one in pair.compared.flips for flip in one.samples)
    picture = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
    html = comparisons_html([pair.compared], pictures=[{(first.task, first.cell, first.sample_id): picture}])
    assert picture in html
    assert "<mark>" in html
    assert differing("17", "19") == [("1", False), ("9", True)]


_RIGHT = "return Math.max(...[...document.querySelectorAll(arguments[0])].map(c => c.getBoundingClientRect().right))"


@pytest.mark.parametrize(("width", "seen"), [(1400, 7), (390, 3)])
def test_no_number_of_the_metrics_hides_behind_their_names(page: Path, show, width: int, seen: int) -> None:
    browser = show(page.as_uri(), width=width)
    browser.find_element(By.CSS_SELECTOR, "details.every summary").click()
    heads = browser.find_element(By.CSS_SELECTOR, "details.every thead").text
    assert "adjusted p" in " ".join(heads.split())
    assert browser.execute_script(_RIGHT, f"details.every tr > :nth-child(-n+{seen})") <= width
    row = browser.find_element(By.CSS_SELECTOR, ".changes .name")
    assert "McNemar" in row.get_attribute("title")
    assert browser.execute_script(_RIGHT, ".changes td.val") <= width


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_the_page_is_sound_in_a_browser(page: Path, show, audit, picture, width: int, scheme: str) -> None:
    browser = show(page.as_uri(), width=width, scheme=scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert audit(browser) == []
    assert browser.get_log("browser") == []
    picture(browser, f"compare-{width}-{scheme}")
