"""Right answers by keyboard in a real browser: typed, accepted, skipped, taken back, and gone on with after a kill."""

import json
import signal
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import harness
from harness.picks import pick
from tests.report.labelling import Start, press

SUITE = """\
suite: pool
version: 1
datasets:
  charts: {type: charts, split: train, limit: 12}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a simulated run and five picks of it."""
    (tmp_path / "pool.yaml").write_text(SUITE)
    (tmp_path / "mock.yaml").write_text("adapter: mock\ntype: mock\nerror_rate: 0.5\n")
    run = harness.run(tmp_path / "pool.yaml", tmp_path / "mock.yaml", out=tmp_path / "results/runs", report=False)
    lines = [json.dumps(one.plain()) + "\n" for one in pick([run], 5).picks]
    (tmp_path / "picks.jsonl").write_text("".join(lines))
    return tmp_path


def test_right_answers_are_written_by_keyboard_alone_across_a_kill(
    show, audit, picture, start: Start, folder: Path
) -> None:  # type: ignore[no-untyped-def]
    killed, address = start("@1", "--picks", "picks.jsonl", "--by", "ann")
    assert audit(show(address, width=360, scheme="dark")) == []
    browser = show(address)
    WebDriverWait(browser, 20).until(lambda b: b.find_element(By.ID, "prompt").text)
    picture(browser, "write")
    assert audit(browser) == []
    assert browser.execute_script("return [...document.images].every(i => i.complete && i.naturalWidth > 0)")
    said = browser.find_element(By.ID, "answers").text
    press(browser, f"u z 12{Keys.ENTER}", 1)  # letters are letters
    press(browser, Keys.ENTER, 2)
    press(browser, Keys.ARROW_UP, 1)
    press(browser, Keys.ENTER, 2)
    press(browser, Keys.ESCAPE, 3)
    assert browser.get_log("browser") == []
    lines = [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]
    assert [line["answer"] for line in lines] == ["u z 12", lines[1]["facts"]["provenance"]["model"]]
    assert lines[0]["facts"]["provenance"]["model"] == said
    assert all((folder / line["image"]).is_file() for line in lines)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    ActionChains(browser).send_keys(f"lost{Keys.ENTER}").perform()
    WebDriverWait(browser, 20).until(lambda b: "Nothing was kept" in b.find_element(By.ID, "problem").text)
    assert browser.find_element(By.ID, "text").get_attribute("value") == "lost"

    _, address = start("@1", "--picks", "picks.jsonl", "--by", "ann")
    browser = show(address)
    WebDriverWait(browser, 20).until(lambda b: b.find_element(By.ID, "count").text == "3 of 5")
    press(browser, f"7{Keys.ENTER}", 4)
    press(browser, Keys.ENTER, 5)
    assert "type: jsonl, path: training.jsonl" in browser.find_element(By.ID, "done").text
    assert len((folder / "training.jsonl").read_text().splitlines()) == 4
