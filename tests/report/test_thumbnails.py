"""Pictures of every sample, drawn again from the data that the run had."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from selenium.webdriver.common.by import By

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.engine.thumbnails import FILE, keep_thumbnails, keep_wrong
from harness.errors import UsageError
from harness.record.folder import RUN_FILE
from harness.report.html import write_html
from harness.suite.adapters import read_adapter
from harness.suite.bind import load_suite
from tests.edited import put

SUITE = """\
suite: thumbs
version: 1
datasets: {charts: {type: charts, limit: 6}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
"""


@pytest.fixture
def run(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write("thumbs.yaml", SUITE)
    return run_suite(load_suite("thumbs.yaml"), read_adapter("mock"), RunOptions(tmp_path / "runs"), Silent())[0]


def test_every_sample_has_its_picture_and_the_browser_shows_it(run: Path, show) -> None:
    assert keep_thumbnails(run) == 6
    assert pq.ParquetFile(run / FILE).metadata.num_rows == 6
    browser = show(write_html(run, run / "report.html").as_uri())
    image = browser.find_element(By.CSS_SELECTOR, ".detail button.zoom img")
    browser.execute_async_script("arguments[0].decode().then(arguments[1])", image)
    assert image.get_attribute("naturalWidth") == "140"
    assert browser.get_log("browser") == []


def test_data_that_have_changed_since_give_no_pictures(run: Path, write) -> None:
    write("thumbs.yaml", SUITE.replace("limit: 6", "limit: 7"))
    with pytest.raises(UsageError, match="no longer those of"):
        keep_thumbnails(run)


def test_a_hostile_thumbnail_file_costs_the_pictures_alone(run: Path) -> None:
    (run / FILE).parent.mkdir(exist_ok=True)
    (run / FILE).write_bytes(b"PAR1 not really")
    html = write_html(run, run / "report.html").read_text(encoding="utf-8")
    assert '"pictures":{"webp":[],"of":[],"seen":{}}' in html


def test_a_run_without_its_suite_says_which_is_missing(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    record = json.loads((copy / RUN_FILE).read_text())
    record["suite"]["file"] = "gone.yaml"
    put(copy, record)
    with pytest.raises(UsageError, match="gone"):
        keep_thumbnails(copy)


def test_a_wrong_answer_has_what_the_model_saw_beside_what_the_data_set_has(
    write, show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("thumbs.yaml", SUITE + "  sweep: {kind: sweep, of: qa, corruptions: [rotation], severities: [5]}\n")
    poor = write("poor.yaml", "adapter: poor\ntype: mock\nerror_rate: 0\nerror_per_severity: 1\n")
    options = RunOptions(tmp_path / "runs")
    suite = load_suite("thumbs.yaml")
    folder = run_suite(suite, read_adapter(str(poor)), options, Silent())[0]
    assert keep_wrong(folder, suite) == 6
    rows = pq.ParquetFile(folder / FILE).read().to_pylist()
    own = {row["sample_id"]: row["webp"] for row in rows if row["task"] is None}
    shown = [row for row in rows if row["task"] is not None]
    assert {(row["task"], row["cell"]) for row in shown} == {("sweep", "rotation@5")}
    assert len(own) == len(shown) == 6
    assert all(row["webp"] != own[row["sample_id"]] for row in shown)
    page = write_html(folder, folder / "report.html").as_uri()
    (folder / "artifacts" / "flips.json").unlink()  # flips have pictures of their own
    page = write_html(folder, folder / "report.html").as_uri()
    browser = show(f"{page}#samples?at=sweep/rotation@5/{shown[0]['sample_id']}")
    pictures = browser.find_elements(By.CSS_SELECTOR, ".detail button.zoom img")
    assert [one.get_attribute("alt") for one in pictures] == [
        "image as the model saw it",
        "image as the data set has it",
    ]
    assert browser.get_log("browser") == []
