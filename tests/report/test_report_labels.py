"""Labels on the pages of runs: is it right, how sure, show me; each label beside its own answer, and no other."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from harness.comparison.asked import asked_answers, asked_pairs
from harness.comparison.compare import Options
from harness.comparison.labelled import WithLabels
from harness.errors import UsageError
from harness.labels import AnswerLabel, Label, LabelSet, LabelWriter, PairLabel
from harness.record import Run
from harness.report.compare_html import compare_html, compared_pair
from harness.report.html import write_html
from harness.report.label_marks import Mark, marks_of_pair, marks_of_run
from harness.report.markdown import markdown
from harness.report.overview import write_overview
from tests.conftest import Done

AT = "2026-03-01T12:00:00+00:00"
SPY = "<script>window.owned = 1</script>"
Made = Callable[..., Run]


def rows(prefix: str = "answer") -> dict[str, dict[str, str]]:
    return {f"s{i:04d}": {"response": f"{prefix} {i}"} for i in range(40)}


@pytest.fixture
def run(make_run: Made) -> Run:
    """40 answers, of which the score finds the first 30 right."""
    return make_run("one", [1.0] * 30 + [0.0] * 10, rows())


def labels_of(run: Run, values: dict[str, dict[str, float]]) -> list[AnswerLabel]:
    """Label some samples: by sample and person."""
    (asked,) = asked_answers(run)
    of = dict(zip(asked.side.ids(), asked.answers, strict=True))
    return [AnswerLabel(*of[one], value, by, AT) for one, said in values.items() for by, value in said.items()]


def written(file: Path, labels: Iterable[Label]) -> WithLabels:
    with LabelWriter(file) as out:
        out.append(*labels)
    found = WithLabels.asked_for(file, {}, Path("suite.yaml"))
    assert found is not None
    return found


def test_a_mark_is_what_people_say_together_and_whether_the_score_says_otherwise(run: Run) -> None:
    said = {
        "s0000": {"ann": 1.0},
        "s0001": {"ann": 0.0},
        "s0002": {"ann": 0.5},
        "s0030": {"ann": 1.0, "bob": 1.0, "eve": 0.0},
        "s0031": {"ann": 0.0, "bob": 1.0},
    }
    marks = marks_of_run(run, LabelSet.of(labels_of(run, said)))
    assert {sample: mark for (_, _, sample), mark in marks.items()} == {
        "s0000": Mark("right"),
        "s0001": Mark("wrong", apart=True),
        "s0002": Mark("partly right"),
        "s0030": Mark("right", "2 of 3 people say so", apart=True),
        "s0031": Mark("partly right", "0 of 2 people say so"),
    }
    assert marks["qa", "clean", "s0030"].said == "right (2 of 3 people say so); the score says otherwise"


def test_a_label_of_another_answer_or_of_an_edited_picture_marks_nothing(run: Run, make_run: Made) -> None:
    labels = LabelSet.of(labels_of(run, {"s0000": {"ann": 1.0}}))
    assert len(marks_of_run(run, labels)) == 1
    answered = make_run("other", [1.0] * 40, rows("another"))
    edited = make_run("edited", [1.0] * 40, {k: v | {"request_hash": "f" * 64} for k, v in rows().items()})
    assert marks_of_run(answered, labels) == marks_of_run(edited, labels) == {}


@pytest.mark.parametrize("swapped", [False, True])
def test_a_pair_is_marked_from_the_candidates_side_in_whichever_order_it_was_shown(
    swapped: bool, make_run: Made
) -> None:
    before, after = make_run("old", [1.0] * 40, rows()), make_run("new", [0.0] * 40, rows("changed"))
    (asked,) = asked_pairs(before, after)
    better = {"s0000": "b", "s0001": "a", "s0002": "tie"}
    made = []
    for name, (key, a, b) in zip((asked.sides[1].ids()[i] for i in asked.differing), asked.pairs, strict=True):
        if name in better:
            said = {"a": "b", "b": "a"}.get(better[name], "tie") if swapped else better[name]
            made.append(PairLabel(key, *((b, a) if swapped else (a, b)), said, "ann", AT))  # type: ignore[arg-type]
    marks = marks_of_pair(before, after, LabelSet.of(made))
    assert [marks["qa", "clean", one] for one in better] == [Mark("better", apart=True), Mark("worse"), Mark("neither")]


def test_the_page_says_how_right_how_sure_and_shows_what_people_dispute(  # type: ignore[no-untyped-def]
    show, audit, picture, run: Run, tmp_path: Path
) -> None:
    said = {f"s{i:04d}": {SPY: float(i != 3)} for i in range(12)} | {"s0035": {SPY: 1.0}, "s0036": {SPY: 0.0}}
    given = written(tmp_path / "labels.jsonl", labels_of(run, said))
    page = write_html(run.folder, tmp_path / "report.html", given)
    assert SPY not in page.read_text(), "who labelled stands on no page"
    browser = show(f"{page.as_uri()}#samples?label=!", width=1280)
    panel = browser.find_element(By.CSS_SELECTOR, "[aria-labelledby=labels]")
    assert "14 labels of 40 answers · the score alone: 0.750" in panel.text
    assert "2 where the score says otherwise" in panel.text
    assert len(panel.find_elements(By.CSS_SELECTOR, ".shot")) == 2
    cells = [row.text for row in browser.find_elements(By.CSS_SELECTOR, ".rows tbody tr[id]")]
    assert len(cells) == 2
    assert "wrong" in cells[0]
    assert "right" in cells[1]
    assert "the score says otherwise" in browser.find_element(By.CSS_SELECTOR, ".detail").text
    assert audit(browser) == []
    picture(browser, "labels-of-a-run")
    narrow = show(page.as_uri(), width=390, scheme="dark")
    assert narrow.execute_script("return document.documentElement.scrollWidth") <= 390
    assert audit(narrow) == []
    assert narrow.get_log("browser") == []
    picture(narrow, "labels-of-a-run-narrow")


def test_a_page_without_labels_offers_no_column_and_no_filter(show, run: Run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    browser = show(write_html(run.folder, tmp_path / "report.html").as_uri())
    assert not browser.find_element(By.NAME, "label").is_displayed()
    assert "label" not in [one.text for one in browser.find_elements(By.CSS_SELECTOR, ".rows thead th")]
    assert browser.find_elements(By.CSS_SELECTOR, "[aria-labelledby=labels]") == []


def test_the_suites_own_labels_are_taken_and_a_bad_row_in_them_costs_no_more_than_a_note(
    make_run: Made, tmp_path: Path
) -> None:
    suite = {"content": {"labels": {}}, "file": str(tmp_path / "suite.yaml")}
    run = make_run("own", [1.0] * 40, rows(), suite=suite)
    page = tmp_path / "report.html"
    assert "By labels" not in write_html(run.folder, page).read_text(), "nobody has labelled yet"
    written(tmp_path / "labels.jsonl", labels_of(run, {"s0000": {"ann": 1.0}, "s0001": {"ann": 0.0}}))
    assert "By labels" in write_html(run.folder, page).read_text()
    assert "2 of 40" in markdown(run.folder)
    (tmp_path / "labels.jsonl").write_text('{"key": 1}\n', encoding="utf-8")
    assert "labels.jsonl:1:1: needs either" in write_html(run.folder, page).read_text()
    assert "labels.jsonl:1:1: needs either" in markdown(run.folder).replace("&#58;", ":").replace("&#46;", ".")


def test_of_a_run_whose_samples_are_weighted_no_label_is_told(make_run: Made, tmp_path: Path) -> None:
    suite = {"content": {"labels": {}}, "file": str(tmp_path / "suite.yaml")}
    run = make_run("drawn", [1.0] * 40, rows(), suite=suite, limit_rule="informative")
    given = written(tmp_path / "labels.jsonl", labels_of(run, {"s0000": {"ann": 1.0}}))
    text = write_html(run.folder, tmp_path / "report.html").read_text()
    assert "labels know no weights, and are left out" in text
    assert "By labels" not in text
    with pytest.raises(UsageError, match="labels know no weights"):
        write_html(run.folder, tmp_path / "report.html", given)


def test_labels_that_are_named_and_bad_or_of_another_run_are_told(
    run: Run, make_run: Made, tmp_path: Path, run_here: Callable[..., Done]
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("[]\n", encoding="utf-8")
    done = run_here("report", run.folder, "--labels", bad)
    assert (done.code, f"{bad}:1:1: a label is an object" in done.err) == (2, True)
    assert run_here("report", "--all", "--labels", bad).code == 2
    other = make_run("other", [1.0] * 40, rows("another"))
    written(tmp_path / "other.jsonl", labels_of(other, {"s0000": {"ann": 1.0}}))
    out = tmp_path / "told.html"
    assert run_here("report", run.folder, "--labels", tmp_path / "other.jsonl", "-o", out).code == 0
    assert "is of a single answer of this run" in out.read_text()


def test_comparisons_and_overviews_show_labels_beside_the_answers_they_are_of(make_run: Made, tmp_path: Path) -> None:
    before, after = make_run("old", [1.0] * 40, rows()), make_run("new", [1.0] * 30 + [0.0] * 10, rows("changed"))
    (asked,) = asked_pairs(before, after)
    ids = [asked.sides[1].ids()[i] for i in asked.differing]
    pairs = [
        PairLabel(*one, "b" if name == "s0031" else "a", "ann", AT)
        for name, one in zip(ids, asked.pairs, strict=True)
        if name in ("s0030", "s0031")
    ]
    single = labels_of(after, {"s0032": {"ann": 1.0}, "s0039": {"ann": 0.0}})
    given = written(tmp_path / "labels.jsonl", [*pairs, *single])
    page = compare_html(compared_pair(before, after, Options(resamples=200, labels=given)))
    flips = page[page.index('id="flips-1"') : page.index('id="all-1"')]
    assert [flips.count(f"label: {word}") for word in ("better", "worse", "right")] == [1, 1, 1]
    assert "2 where the score says otherwise" in page
    data = json.loads(page.split('id="sample-data">')[1].split("</script>")[0])
    told = {data["samples"]["id"][data["rows"]["sample"][i]]: data["labels"]["said"][code]["word"]
            for i, code in enumerate(data["labels"]["of"]) if code >= 0}  # fmt: skip
    assert told == {"s0030": "worse", "s0031": "better", "s0032": "right", "s0039": "wrong"}
    many = write_overview([before.folder, after.folder], tmp_path / "overview.html", labels=[given, given]).read_text()
    assert "2 labels of 40 answers" in many
    assert "is of a single answer of this run" in many, "the other run's answers have none"
    assert many.count("label: right") == many.count("label: wrong") == 1
