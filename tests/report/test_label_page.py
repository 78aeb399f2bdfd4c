"""Labels by keyboard in a real browser: sixty pairs, a kill in between, blind, and closed to every other page."""

import http.client
import json
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import harness
from harness.labels import LabelSet, LabelWriter, PairLabel, read_labels
from harness.record import Run
from harness.report.label_session import Session, plan_of
from tests.conftest import Done
from tests.report.labelling import Start, press

SUITE = """\
suite: asked
version: 1
datasets:
  charts: {type: charts, limit: 90}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
gates:
  - {metric: qa/relaxed_accuracy, max_drop: 0.1}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite and two simulated runs of it, ``old`` and ``new``; most of their answers differ."""
    here = tmp_path_factory.mktemp("asked")
    (here / "asked.yaml").write_text(SUITE)
    for name, rate in (("old", 0.02), ("new", 0.85)):
        (here / f"{name}.yaml").write_text(f"adapter: {name}\ntype: mock\nerror_rate: {rate}\n")
        harness.run(here / "asked.yaml", here / f"{name}.yaml", out=here / "results/runs", report=False)
    return here


def test_sixty_pairs_are_labelled_by_keyboard_alone_across_a_kill(  # type: ignore[no-untyped-def]
    show, audit, picture, start: Start, folder: Path, run_apart: Callable[..., Done]
) -> None:
    file = folder / "labels.jsonl"
    killed, address = start("@2", "@1", "--by", "ann")
    assert audit(show(address, width=390, scheme="dark")) == []
    browser = show(address)
    WebDriverWait(browser, 20).until(lambda b: b.find_element(By.ID, "prompt").text)
    picture(browser, "label")
    assert audit(browser) == []
    assert browser.execute_script("return [...document.images].every(i => i.complete && i.naturalWidth > 0)")
    text = browser.find_element(By.TAG_NAME, "body").text
    assert not any(word in text for word in ("old", "new", "baseline", "candidate"))
    ways = [Keys.ARROW_LEFT, "2", "0", "1", Keys.ARROW_RIGHT, Keys.ARROW_DOWN]
    for i in range(25):
        press(browser, ways[i % 6], i + 1)
    press(browser, "u", 24)
    assert len(read_labels(file)) == 24
    press(browser, "2", 25)
    assert browser.get_log("browser") == []
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    ActionChains(browser).send_keys("1").perform()
    WebDriverWait(browser, 20).until(lambda b: "Nothing was kept" in b.find_element(By.ID, "problem").text)
    assert len(read_labels(file)) == 25

    _, address = start("@2", "@1", "--by", "ann")
    browser = show(address)
    WebDriverWait(browser, 20).until(lambda b: b.find_element(By.ID, "count").text == "25 of 60")
    press(browser, "z", 25)
    assert browser.find_element(By.ID, "zoom").get_attribute("aria-pressed") == "true"
    for i in range(25, 60):
        press(browser, ways[i % 6], i + 1)
    assert browser.find_element(By.ID, "done").is_displayed()
    assert "harness compare @2 @1 --labels labels.jsonl" in browser.find_element(By.ID, "done").text
    labels = read_labels(file)
    assert (len(labels), labels.annotators) == (60, ["ann"])
    assert sorted(one.draw.number for one in labels if one.draw is not None) == list(range(1, 61))
    told = run_apart("compare", "@2", "@1", "--labels", "labels.jsonl", cwd=folder)
    assert "60 of" in told.out
    gate = run_apart("gate", "asked.yaml", "-a", "new.yaml", "--candidate", "@1", "--baseline", "@2", "--labels",
                     "labels.jsonl", cwd=folder)  # fmt: skip
    assert "qa/labels" in gate.out, gate.err


def test_the_page_of_single_answers_stands_at_360_px_and_in_the_dark(
    show, audit, picture, start: Start, folder: Path
) -> None:  # type: ignore[no-untyped-def]
    _, address = start("@1", "--by", "bob", "--budget", "3", "--labels", "single.jsonl", "--references")
    browser = show(address, width=360, scheme="dark")
    WebDriverWait(browser, 20).until(lambda b: b.find_element(By.ID, "right").text.startswith("right: "))
    picture(browser, "label-narrow")
    assert audit(browser) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    for i, key in enumerate("120"):
        press(browser, key, i + 1)
    found = read_labels(folder / "single.jsonl")
    assert sorted(one.value for people in found.answers.values() for one in people.values()) == [0.0, 0.5, 1.0]  # type: ignore[type-var]


def test_other_pages_can_neither_read_nor_label(start: Start) -> None:
    _, address = start("@2", "@1", "--by", "eve", "--labels", "eve.jsonl")
    parts = urlsplit(address)
    own = f"http://{parts.netloc}"

    def ask(method: str, path: str, body: object = None, **headers: str) -> int:
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        status = connection.getresponse().status
        connection.close()
        return status

    kind = "application/json"
    assert ask("GET", parts.path) == 200
    assert ask("GET", "/") == ask("GET", "/guess/state") == ask("GET", f"/{'x' * 32}/") == 403
    assert ask("GET", f"{parts.path}state", Host="evil.example") == 403
    undo = f"{parts.path}undo"
    assert ask("POST", undo, {}, Content_Type=kind, Origin=own) == 200
    assert ask("POST", undo, {}, Content_Type=kind) == 403
    assert ask("POST", undo, {}, Content_Type=kind, Origin="http://evil.example") == 403
    assert ask("POST", undo, {}, Content_Type="text/plain", Origin=own) == 403
    assert ask("POST", undo, {}, Content_Type=kind, Origin=own, Sec_Fetch_Site="cross-site") == 403
    assert ask("POST", undo, "x" * 5000, Content_Type=kind, Origin=own) == 400
    wrong = [{"choice": "left"}, {"choice": "up", "question": "q"}, [], {"choice": "left", "question": 1}]
    assert {ask("POST", f"{parts.path}label", one, Content_Type=kind, Origin=own) for one in wrong} == {400}
    assert ask("GET", f"{parts.path}picture/0/99999999") == ask("GET", f"{parts.path}picture/../x") == 404


@pytest.fixture
def runs(folder: Path) -> tuple[Run, Run]:
    found = {
        Run(one.parent).record.adapter.name: Run(one.parent) for one in (folder / "results/runs").glob("*/run.json")
    }
    return found["old"], found["new"]


def session(runs: tuple[Run, ...], file: Path, by: str, budget: int = 40) -> Session:
    kept = read_labels(file) if file.exists() else LabelSet()
    return Session.begin(plan_of(runs, kept, budget, by), by, LabelWriter(file), kept)


def test_nobody_can_tell_which_run_is_which_and_the_labels_know(runs: tuple[Run, Run], tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    one = session(runs, file, "ann")
    turned = [question.turned for question in one.plan.questions]
    assert 10 <= sum(turned) <= 30
    wanted = {question.name: question.texts[1] for question in one.plan.questions}
    while (question := one.current) is not None:  # the new run's answer is always preferred, wherever it stands
        state = json.dumps(one.state())
        assert not any(word in state for word in ("old", "new", "baseline", "candidate", runs[0].record.run_id))
        one.choose(question.name, "left" if question.shown[0] == wanted[question.name] else "right")
    signs = {label.sign for people in read_labels(file).pairs.values() for label in people.values()}
    assert signs == {1}


def test_a_second_person_is_asked_the_same_and_sides_are_laid_out_anew(runs: tuple[Run, Run], tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    ann = session(runs, file, "ann")
    for _ in range(10):
        ann.choose(ann.current.name, "left")  # type: ignore[union-attr]
    bob = session(runs, file, "bob")
    assert [one.name for one in bob.plan.questions] == [one.name for one in ann.plan.questions]
    assert [one.turned for one in bob.plan.questions] != [one.turned for one in ann.plan.questions]
    assert len(bob.done) == 0
    assert len(session(runs, file, "ann").done) == 10


def test_a_larger_budget_goes_on_and_what_was_known_before_is_not_asked(runs: tuple[Run, Run], tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    first = session(runs, file, "ann", 10)
    known = session(runs, tmp_path / "none.jsonl", "ann", 60).plan.questions[50]
    with LabelWriter(file) as out:  # somebody labelled this one elsewhere
        out.append(PairLabel(known.key, *known.digests, "tie", "zoe", "2026-03-01"))  # type: ignore[call-arg, arg-type]
    again = session(runs, file, "ann", 60)
    assert known.name not in {one.name for one in again.plan.questions}
    again.choose(again.current.name, "left")  # type: ignore[union-attr]
    more = session(runs, file, "ann", 61)
    assert [one.name for one in more.plan.questions][:60] == [one.name for one in again.plan.questions][:60]
    assert len(first.plan.questions) == 10


def test_a_stale_press_labels_nothing(runs: tuple[Run, Run], tmp_path: Path) -> None:
    one = session(runs, tmp_path / "labels.jsonl", "ann")
    name = one.current.name  # type: ignore[union-attr]
    one.choose(name, "left")
    one.choose(name, "right")
    assert len(one.done) == 1
    one.undo()
    one.undo()
    assert one.current is not None
    assert one.current.name == name
    assert len(read_labels(tmp_path / "labels.jsonl")) == 0


def test_runs_that_answer_alike_have_nothing_to_prefer(runs: tuple[Run, Run], run_here: Callable[..., Done]) -> None:
    told = run_here("label", runs[0].folder, runs[0].folder, "--no-open")
    assert (told.code, "same answers to every question" in told.err) == (2, True)
    wrong = run_here("label", *(one.folder for one in runs), "--task", "qq", "--no-open")
    assert (wrong.code, "did you mean 'qa'" in wrong.err or "known: qa" in wrong.err) == (2, True)
