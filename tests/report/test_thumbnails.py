"""Pictures of every sample, drawn again from the data that the run had."""

import base64
import io
import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from selenium.webdriver.common.by import By

from harness.comparison.asked import asked_answers
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.engine.thumbnails import keep_thumbnails, keep_wrong
from harness.errors import UsageError
from harness.labels import AnswerLabel, LabelWriter
from harness.record import Run
from harness.record.folder import RUN_FILE
from harness.record.thumbnails import THUMBNAILS_FILE as FILE
from harness.record.thumbnails import Thumbnails
from harness.report.html import write_html
from harness.report.samples import browser_data
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


TWO = """\
suite: two
version: 1
datasets:
  red: {type: jsonl, path: red.jsonl}
  blue: {type: jsonl, path: blue.jsonl}
tasks:
  red: {kind: qa, dataset: red, metrics: [exact_match]}
  blue: {kind: qa, dataset: blue, metrics: [exact_match]}
  blind: {kind: blind, of: blue}
"""


@pytest.fixture
def two(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of two data sets with the same ids, and pictures of other colours."""
    monkeypatch.chdir(tmp_path)
    for colour in ("red", "blue"):
        Image.new("RGB", (32, 32), colour).save(f"{colour}.png")
        row = {"id": "s", "image": f"{colour}.png", "question": "Which colour?", "answer": colour}
        write(f"{colour}.jsonl", json.dumps(row) + "\n")
    write("two.yaml", TWO)
    right = write("right.yaml", "adapter: right\ntype: mock\nerror_rate: 0\n")
    options = RunOptions(tmp_path / "runs")
    return Run(run_suite(load_suite("two.yaml"), read_adapter(str(right)), options, Silent())[0])


def colour_of(webp: bytes | None) -> str:
    assert webp is not None
    with Image.open(io.BytesIO(webp)) as image:
        red, _, blue = image.convert("RGB").getpixel((16, 16))  # type: ignore[misc]  # three bands
    return "red" if red > blue else "blue"


def test_two_data_sets_with_the_same_ids_keep_their_own_pictures(two: Run) -> None:
    assert keep_thumbnails(two.folder) == 2
    kept = Thumbnails.read(two.folder, two.record)
    assert [colour_of(kept.of(task, "s")) for task in ("red", "blue", "blind")] == ["red", "blue", "blue"]
    data = browser_data(two.folder, two.record, two.table())
    pictures = [colour_of(base64.b64decode(data["pictures"]["webp"][code])) for code in data["pictures"]["of"]]
    targets = [references for (references,) in data["samples"]["references"]]
    assert pictures == targets


def test_pictures_that_an_earlier_version_kept_by_sample_are_shown(two: Run) -> None:
    keep_thumbnails(two.folder)
    file = two.folder / FILE
    table = pq.ParquetFile(file).read()
    pq.write_table(table.drop_columns(["dataset"]).slice(0, 1), file)
    kept = Thumbnails.read(two.folder, two.record)
    assert colour_of(kept.of("blue", "s")) == colour_of(kept.of("red", "s")) == "red"


def said_wrong(run: Run, file: Path) -> None:
    """Let somebody call the answers of two tasks wrong."""
    with LabelWriter(file) as out:
        for asked in asked_answers(run):
            if asked.task in ("red", "blue"):
                out.append(*(AnswerLabel(*one, 0.0, "ann", "2026-03-01T12:00:00+00:00") for one in asked.answers))


def test_a_right_answer_that_people_call_wrong_has_its_picture(two: Run, tmp_path: Path, run_here) -> None:
    said_wrong(two, tmp_path / "labels.jsonl")
    done = run_here("report", two.folder, "--labels", tmp_path / "labels.jsonl", "-o", tmp_path / "page.html")
    assert done.code == 0, done.err
    panel = (tmp_path / "page.html").read_text().split("People say otherwise than the score")[1].split("</section>")[0]
    shown = [colour_of(base64.b64decode(one)) for one in re.findall(r"image/webp;base64,([^\"]+)", panel)]
    assert set(shown) == {"blue", "red"}
    assert "no pictures kept" not in panel


def test_where_there_are_no_pictures_the_page_says_how_to_have_them(two: Run, tmp_path: Path, run_here) -> None:
    said_wrong(two, tmp_path / "labels.jsonl")
    (tmp_path / "red.jsonl").unlink()
    done = run_here("report", two.folder, "--labels", tmp_path / "labels.jsonl", "-o", tmp_path / "page.html")
    assert done.code == 0, done.err
    page = (tmp_path / "page.html").read_text()
    assert f"no pictures kept: <code>harness report {two.record.run_id} --pictures" in page
