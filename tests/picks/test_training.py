"""Right answers as rows to train on: read by the project's own data set, taken back, gone on with, kept from leaks."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import harness
from harness.data import picture_file
from harness.errors import UsageError
from harness.picks import How, Leaks, pick
from harness.picks.training import TrainingFile
from harness.report.label_write import Writing, wanted_of
from harness.types import Sample
from tests.conftest import Done
from tests.picks.conftest import Make, rows


@pytest.fixture
def picks(make: Make, folder: Path) -> Path:
    """Six picks of a pool, the least sure first: q28, q27, …, q23."""
    found = pick([make(rows())], 6, How(spread=False))
    file = folder / "picks.jsonl"
    file.write_text("".join(json.dumps(one.plain()) + "\n" for one in found.picks))
    return file


def sitting(picks: Path, file: Path, against: Leaks | None = None) -> Writing:
    wanted, _ = wanted_of(harness.load_run(), picks, against)
    return Writing.begin(wanted, "ann", TrainingFile(file))


def answer(one: Writing, text: str | None) -> None:
    assert one.current is not None
    one.write(one.current.key, text)


def trained_on(file: Path) -> dict[str, Sample]:
    """Read the rows as a suite does."""
    suite = file.with_name("training.yaml")
    suite.write_text(f"suite: t\nversion: 1\ndatasets:\n  rows: {{type: jsonl, path: {file.name}}}\n"
                     "tasks:\n  ask: {kind: qa, dataset: rows, metrics: [exact_match]}\n")  # fmt: skip
    samples = list(harness.load_suite(str(suite)).datasets["rows"])
    assert [one.problem for one in samples] == [None] * len(samples)
    return {one.id: one for one in samples}


def test_what_is_written_is_a_data_set_with_where_it_is_from(picks: Path, folder: Path) -> None:
    file = folder / "out/training.jsonl"
    one = sitting(picks, file)
    assert one.state()["reason"].startswith("its least sure token has 25%")
    answer(one, "  forty-two ")
    answer(one, "")  # as the model says
    answer(one, None)  # there is none to give
    answer(one, "1 ")
    read = trained_on(file)
    assert {name: sample.references for name, sample in read.items()} == {
        "q28": ("forty-two",), "q27": ("6",), "q25": ("1",)
    }  # fmt: skip
    told = read["q28"].facts["provenance"]
    assert (told["by"], told["model"], told["corrected"], told["picked"]["rank"]) == ("ann", "0", True, 1)  # type: ignore[index, call-overload]
    assert read["q27"].facts["provenance"]["corrected"] is False  # type: ignore[index, call-overload]
    assert read["q28"].images[0].load().tobytes() == Image.open(folder / "28.png").convert("RGB").tobytes()
    assert [json.loads(line)["id"] for line in (folder / "out/training.skipped.jsonl").read_text().splitlines()] == [
        "q26"
    ]
    again = sitting(picks, file)
    assert again.state()["done"] == 4
    assert again.current is not None
    assert again.current.sample.id == "q24"


def test_a_row_is_taken_back_and_a_stale_press_keeps_nothing(picks: Path, folder: Path) -> None:
    file = folder / "training.jsonl"
    file.write_text('{"id": "q28", "question": "mine?", "answer": "kept"}\n{"id": "torn')
    one = sitting(picks, file)
    assert one.current is not None
    first = one.current.key
    answer(one, "a")
    one.write(first, "b")
    assert len(one.done) == 1
    assert {name[:3] for name in trained_on(file)} == {"q28"}
    assert len(trained_on(file)) == 2  # the id was taken
    answer(one, None)
    one.undo()
    one.undo()
    one.undo()
    assert one.current.key == first
    assert list(trained_on(file)) == ["q28"]
    assert (folder / "training.skipped.jsonl").read_text() == ""


def test_what_an_evaluation_asks_is_not_asked_here(picks: Path, make: Make, folder: Path) -> None:
    run = harness.load_run()
    make(rows([28, 27]), "held")
    wanted, notes = wanted_of(run, picks, Leaks.of(harness.load_suite("held.yaml").datasets))
    assert [one.sample.id for one in wanted] == ["q26", "q25", "q24", "q23"]
    assert notes == [f"q{n} is left out: rows/q{n} asks the same about the same pixels" for n in (28, 27)]
    with pytest.raises(UsageError, match="was not picked from"):
        wanted_of(harness.load_run(), picks)  # that is the evaluation's run now


@pytest.mark.parametrize(
    ("line", "said"),
    [("{", "picks.jsonl:1:1: this is no line of JSON"), ("{}", "picks.jsonl:1:1: a pick has"), ("", "no task")],
)
def test_a_file_of_no_picks_is_refused(picks: Path, line: str, said: str, run_here: Callable[..., Done]) -> None:
    picks.write_text(line + "\n")
    told = run_here("label", "@1", "--picks", picks, "--no-open")
    assert (told.code, said in told.err) == (2, True), told.err


def test_options_of_picks_go_with_picks_alone(picks: Path, run_here: Callable[..., Done]) -> None:
    assert run_here("label", "@1", "--training", "t.jsonl", "--no-open").code == 2
    assert run_here("label", "@1", "@1", "--picks", picks, "--no-open").code == 2


def test_a_row_that_is_none_is_named_by_its_line(folder: Path) -> None:
    (folder / "t.jsonl").write_text('{"id": "a"}\n[1]\n')
    with pytest.raises(UsageError, match=r"t\.jsonl:2:1: a row is an object"):
        TrainingFile(folder / "t.jsonl")


def test_a_picture_that_is_read_unusually_is_kept_as_it_is_seen(folder: Path) -> None:
    turned = Image.open(folder / "1.png").resize((40, 20))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(folder / "turned.png", exif=exif)
    (folder / "t.jsonl").write_text('{"question": "a", "answer": "b", "image": "turned.png"}\n')
    for keep, size in (("turn", (20, 40)), ("keep", (40, 20))):
        (folder / "s.yaml").write_text(f"suite: s\nversion: 1\ndatasets:\n  rows: {{type: jsonl, path: t.jsonl, "
                                       f"exif: {keep}}}\ntasks:\n  ask: {{kind: qa, dataset: rows, "
                                       "metrics: [exact_match]}\n")  # fmt: skip
        (sample,) = harness.load_suite("s.yaml").datasets["rows"]
        content, ending = picture_file(sample.images[0])
        (folder / f"{keep}{ending}").write_bytes(content)
        (folder / "k.jsonl").write_text(json.dumps({"question": "a", "answer": "b", "image": f"{keep}{ending}"}))
        (folder / "k.yaml").write_text((folder / "s.yaml").read_text().replace("t.jsonl", "k.jsonl")
                                       .replace(f"exif: {keep}", "exif: turn"))  # fmt: skip
        (again,) = harness.load_suite("k.yaml").datasets["rows"]
        assert sample.images[0].load().size == again.images[0].load().size == size
