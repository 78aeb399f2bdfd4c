"""Clips on the page for labels: a strip of frames with their times, opened and walked through by keyboard alone."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import harness
from harness.errors import SampleError
from harness.labels import LabelSet, LabelWriter, read_labels
from harness.record import Run
from harness.report.label_frames import FRAMES, Strip, strip_of
from harness.report.label_pictures import Pictures
from harness.report.label_serve import Labelling, label_server
from harness.report.label_session import Session, plan_of
from harness.types import ClipData

SUITE = """\
suite: clips
version: 1
datasets:
  clips: {type: video, path: clips.jsonl}
tasks:
  when: {kind: temporal, dataset: clips, frames: 4, metrics: [recall_at_1_iou], controls: [shuffled]}
"""


def images(folder: Path, count: int) -> tuple[Path, ...]:
    """Write frames that are all of another grey."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for i in range(count):
        made.append(folder / f"{i:03d}.png")
        Image.new("RGB", (64, 48), (5 * i % 256,) * 3).save(made[-1])
    return tuple(made)


LONG, BROKEN = ("when", "long"), ("when", "broken")


@dataclass(frozen=True)
class Source:
    data: ClipData | None

    def fetch(self) -> ClipData:
        if self.data is None:
            raise SampleError("walk.mp4: there is no such file")
        return self.data


def greys(strip: Strip) -> list[int]:
    return [int(np.asarray(Image.open(io.BytesIO(one)))[0, 0, 0]) for one in strip.frames]


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return images(tmp_path_factory.mktemp("sequence"), 50)


@given(count=st.integers(1, 50), most=st.integers(2, 12))
def test_a_strip_lies_evenly_from_the_first_frame_to_the_last_and_times_are_those_of_its_frames(
    count: int, most: int, sequence: tuple[Path, ...]
) -> None:
    strip = strip_of(Source(ClipData("walk", sequence[:count], 4.0)), most)
    assert (strip.of, strip.seconds, strip.why_not) == (count, count / 4, "")
    assert len(strip.frames) == len(strip.times) == min(count, most)
    places = [round(time * 4) for time in strip.times]
    assert greys(strip) == [5 * place for place in places]
    assert (places[0], places[-1]) == (0, count - 1)
    steps = np.diff(places)
    assert count == 1 or (steps.min() >= 1 and steps.max() - steps.min() <= 1)


@pytest.mark.parametrize("data", [None, ClipData("walk.mp4", b"no video at all"), ClipData("walk.mp4", b"")])
def test_a_clip_that_cannot_be_shown_says_why(data: ClipData | None) -> None:
    strip = strip_of(Source(data))
    assert strip.frames == ()
    assert "walk.mp4" in strip.why_not


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A simulated run over a long clip and one that is broken."""
    here = tmp_path_factory.mktemp("clips")
    (here / "clips.yaml").write_text(SUITE)
    images(here / "walk", 40)
    (here / "broken.gif").write_bytes(b"GIF89a, and then nothing")
    rows = [
        f'{{"id": "{name}", "clip": "{clip}", "rate": 4, "question": "When is it bright?", "spans": [[2, 4]]}}'
        for name, clip in (("long", "walk"), ("broken", "broken.gif"))
    ]
    (here / "clips.jsonl").write_text("\n".join(rows))
    return harness.run(here / "clips.yaml", "mock", out=here / "runs", report=False)


@pytest.fixture
def here(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where the suite lies, as whoever labels does."""
    monkeypatch.chdir(run.folder.parent.parent)


@pytest.fixture
def address(run: Run, here: None, tmp_path: Path) -> Iterator[str]:
    plan = plan_of([run], LabelSet(), 60, "ann")
    with LabelWriter(tmp_path / "labels.jsonl") as writer:
        pictures = Pictures(run, {question.about for question in plan.questions})
        labelling = Labelling(Session.begin(plan, "ann", writer, LabelSet()), pictures, "done")
        with label_server(labelling) as serving:
            Thread(target=serving.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{serving.server_port}/{labelling.token}/"
            serving.shutdown()


def test_frames_are_seen_enlarged_and_walked_through_by_keyboard_and_nothing_is_labelled_by_that(  # type: ignore[no-untyped-def]
    show, audit, picture, address: str, tmp_path: Path
) -> None:
    browser = show(address)
    WebDriverWait(browser, 20).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#frames img"))
    assert browser.find_element(By.ID, "clip").text == "A clip of 10.00 s: 24 of its 40 frames, as the data have it."
    assert not browser.find_element(By.ID, "zoom").is_displayed(), "there is no picture to zoom"
    WebDriverWait(browser, 20).until(
        lambda b: b.execute_script("return [...document.images].every(i => i.complete && i.naturalWidth > 0)")
    )
    frames = browser.find_elements(By.CSS_SELECTOR, "#frames img")
    assert len(frames) == FRAMES
    assert frames[-1].get_attribute("alt") == "frame 24 of 24, at 9.75 s"
    picture(browser, "label-clip")
    assert audit(browser) == []

    def press(*keys: str) -> None:
        ActionChains(browser).send_keys(*keys).perform()

    def at() -> str:
        return str(browser.find_element(By.ID, "at").text)

    press("f")
    assert at() == "frame 1 of 24, at 0.00 s"
    assert audit(browser) == []
    press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert at().startswith("frame 2 of 24")
    press("1", "2", "0", Keys.ARROW_DOWN, Keys.END)
    assert at() == "frame 24 of 24, at 9.75 s"
    press(Keys.ARROW_RIGHT, Keys.ESCAPE)
    assert not browser.find_element(By.ID, "frame").is_displayed()
    assert browser.switch_to.active_element.find_element(By.TAG_NAME, "img").get_attribute("alt").startswith("frame 24")
    press(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ENTER)
    assert at().startswith("frame 22 of 24")
    press("f")
    assert len(read_labels(tmp_path / "labels.jsonl")) == 0, "arrows among frames are no labels"
    press("1")
    WebDriverWait(browser, 20).until(lambda b: b.find_element(By.TAG_NAME, "body").get_attribute("data-done") == "1")
    assert len(read_labels(tmp_path / "labels.jsonl")) == 1
    assert browser.get_log("browser") == []
    narrow = show(address, width=390, scheme="dark")
    WebDriverWait(narrow, 20).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#frames img"))
    assert narrow.execute_script("return document.documentElement.scrollWidth") <= 390
    press("f")
    assert narrow.find_element(By.ID, "frame").rect["width"] <= 390
    picture(narrow, "label-clip-narrow")


@pytest.mark.usefixtures("here")
def test_pictures_come_first_then_frames_and_no_others(run: Run) -> None:
    pictures = Pictures(run, {LONG, BROKEN})
    assert (pictures.count(LONG), len(pictures.strip(LONG).frames)) == (0, FRAMES)
    first, last = pictures.png(LONG, 0), pictures.png(LONG, FRAMES - 1)
    assert first is not None
    assert last is not None
    assert first != last
    assert pictures.png(LONG, FRAMES) is None
    assert pictures.png(("when", "nobody"), 0) is None
    assert "broken.gif" in pictures.strip(BROKEN).why_not
    assert pictures.png(BROKEN, 0) is None


def test_a_task_shows_the_pictures_of_its_own_data_where_another_set_has_the_same_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = "suite: two\nversion: 1\ndatasets:\n"
    for name, grey in (("dark", 10), ("light", 200)):
        Image.new("RGB", (8, 8), (grey,) * 3).save(tmp_path / f"{name}.png")
        row = f'{{"id": "same", "image": "{name}.png", "question": "Which?", "answer": "{name}"}}'
        (tmp_path / f"{name}.jsonl").write_text(row)
        suite += f"  {name}: {{type: jsonl, path: {name}.jsonl}}\n"
    suite += "tasks:\n  one: {kind: qa, dataset: dark, metrics: [exact_match]}\n"
    suite += "  two: {kind: qa, dataset: light, metrics: [exact_match]}\n"
    suite += "  judged: {kind: judge, of: two, judge: mock, known: {limit: 1}}\n"
    (tmp_path / "two.yaml").write_text(suite)
    monkeypatch.chdir(tmp_path)
    run = harness.run("two.yaml", "mock", out=tmp_path / "runs", report=False)
    pictures = Pictures(run, {(task, "same") for task in ("one", "two", "judged")})
    shown = {task: pictures.png((task, "same"), 0) for task in ("one", "two", "judged")}
    greys = {task: np.asarray(Image.open(io.BytesIO(png or b"")))[0, 0, 0] for task, png in shown.items()}
    assert greys == {"one": 10, "two": 200, "judged": 200}
