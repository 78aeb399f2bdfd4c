"""Planted defects: each is found with its place, and a clean copy of the same data has nothing to tell."""

import csv
import json
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness import patience
from harness.data import FileImage
from harness.data.video import VideoConfig, VideoDataset
from harness.suite.checks import KINDS, MISTAKES, Findings, Inspector, gates_of, parse_gates
from harness.suite.checks.pictures import look, near_pairs
from harness.suite.checks.run import check_path

COLUMNS = ("id", "image", "question", "answer", "choices", "boxes")
ROWS = 60
Rows = dict[str, list[dict[str, str]]]


def drawn(seed: int, size: tuple[int, int] = (48, 32)) -> Image.Image:
    """A picture of its own: soft blots of colour."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


@dataclass
class Data:
    """Two splits as CSV files beside their pictures."""

    folder: Path
    rows: Rows = field(default_factory=dict)

    def picture(self, name: str, image: Image.Image, **how: Any) -> None:
        image.save(self.folder / name, **how)

    def check(self, **keys: Any) -> Findings:
        for split, rows in self.rows.items():
            with (self.folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)
        return check_path(self.folder, kind="csv", **keys)


@pytest.fixture
def clean(tmp_path: Path) -> Data:
    """Rows without a fault: a quarter with options, a quarter yes or no, the others open, some with a box."""
    data = Data(tmp_path)
    for at, split in enumerate(("train", "test")):
        rows = []
        for number in range(ROWS):
            name = f"{split}-{number:02d}.png"
            data.picture(name, drawn(1000 * at + number))
            row = {"id": f"{split}-{number}", "image": name, "choices": "", "boxes": ""}
            if number % 4 == 0:
                options = [f"{word} {number}" for word in ("red", "blue", "green")]
                row |= {"question": f"Which colour has {split} {number}?", "choices": json.dumps(options)}
                row["answer"] = "ABC"[number // 4 % 3]
            elif number % 4 == 1:
                row |= {"question": f"Is there a dog in {split} {number}?", "answer": ("yes", "no")[number // 4 % 2]}
            else:
                row |= {"question": f"How many dots has {split} {number}?", "answer": str(number)}
                row["boxes"] = "[[2, 3, 20, 25]]" if number % 4 == 2 else ""
            rows.append(row)
        data.rows[split] = rows
    return data


def test_a_clean_copy_has_nothing_to_tell(clean: Data) -> None:
    found = clean.check()
    assert found.found == {}
    assert (found.rows, found.pictures, found.datasets) == (120, 120, {"test": 60, "train": 60})


Plant = Callable[[Data], None]


def plant(**cells: str) -> Plant:
    """Change cells of row 2 of the test split (an open question with a box)."""

    def change(data: Data) -> None:
        data.rows["test"][2] |= cells

    return change


def repaint(image: Callable[[], Image.Image], name: str = "test-02.png", **how: Any) -> Plant:
    def change(data: Data) -> None:
        data.picture(name, image(), **how)

    return change


def answers(kind: str) -> Plant:
    """Make answers of one kind the same nearly everywhere."""

    def change(data: Data) -> None:
        for number, row in enumerate(data.rows["test"]):
            if number % 4 == 0 and kind == "letters":
                row["answer"] = "A"
            elif number % 4 == 1 and kind == "yes-no":
                row["answer"] = "yes"
            elif number % 4 > 1 and kind == "majority" and number < 50:
                row["answer"] = "2"
        if kind in ("letters", "yes-no"):  # enough of them to tell it from chance
            more = [row for row in data.rows["test"] if bool(row["choices"]) == (kind == "letters")]
            more = [row for row in more if row["answer"] in ("A", "yes")]
            for turn in range(4):
                for row in more:
                    name = f"{row['id']}-{turn}"
                    data.picture(f"{name}.png", drawn(zlib.crc32(name.encode())))
                    new = {"id": name, "image": f"{name}.png", "question": f"{row['question']} {turn}"}
                    data.rows["test"].append(row | new)

    return change


@pytest.fixture(autouse=True)
def _small_is_huge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.suite.checks.pictures._HUGE", 20_000)


def turned() -> Plant:
    def change(data: Data) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        data.picture("test-03.jpg", drawn(5003), exif=exif)
        data.rows["test"][3]["image"] = "test-03.jpg"

    return change


def pages(data: Data) -> None:
    data.picture("test-03.tif", drawn(5004), save_all=True, append_images=[drawn(5005)])
    data.rows["test"][3]["image"] = "test-03.tif"


def copied(source: str, target: str, change: Callable[[Image.Image], Image.Image] = lambda image: image) -> Plant:
    def copy(data: Data) -> None:
        with Image.open(data.folder / source) as image:
            changed = change(image.copy())
        data.picture(target, changed)

    return copy


def again(**cells: str) -> Plant:
    """Ask again what row 2 asks, with other cells."""

    def add(data: Data) -> None:
        data.rows["test"].append(data.rows["test"][2] | {"id": "again"} | cells)

    return add


def without_pictures(data: Data) -> None:
    row = {"id": "text", "image": "", "question": "What is the capital?", "answer": "Paris", "choices": "", "boxes": ""}
    data.rows["train"].append(row)
    data.rows["test"].append(row | {"id": "text too"})


def truncated(data: Data) -> None:
    content = (data.folder / "test-02.png").read_bytes()
    (data.folder / "test-02.png").write_bytes(content[:80])


def nearly(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.clip(np.asarray(image, np.int16) + 4, 0, 255).astype(np.uint8)).resize((96, 64))


LINE = "test.csv:4"
DEFECTS: dict[str, tuple[Plant, str, str]] = {
    "no answer": (plant(answer=""), "broken", f"{LINE}: 'answer' is missing or empty"),
    "boxes that are none": (plant(boxes="[[1, 2, 3]]"), "broken", "the fact 'boxes' is not list"),
    "a picture that is gone": (plant(image="gone.png"), "media", "there is no such file"),
    "a picture that breaks off": (truncated, "media", "cannot be decoded"),
    "an address": (plant(image="https://example.org/a.png"), "broken", "nothing is fetched over the network"),
    "a tiny picture": (repaint(lambda: drawn(5, (9, 9)), "test-03.png"), "tiny", "test-03.png: 9 × 9 px"),
    "a huge picture": (repaint(lambda: drawn(6, (200, 150)), "test-03.png"), "huge", "200 × 150 px"),
    "a blank picture": (repaint(lambda: Image.new("RGB", (48, 32), "white"), "test-03.png"), "blank", "of one colour"),
    "a picture that EXIF turns": (turned(), "turned", "test-03.jpg: orientation 6"),
    "a picture of two pages": (pages, "pages", "test-03.tif has 2 pages"),
    "a row that stands twice": (again(), "repeated", "test.csv:62: as test.csv:4"),
    "a picture under two names": (
        copied("test-02.png", "test-03.png"), "same-picture", "its picture test-03.png is test-02.png (test.csv:4)"),
    "a picture that is nearly another": (
        copied("test-02.png", "test-03.png", nearly), "near-picture", "test-03.png is nearly test-02.png"),
    "a picture of the other split": (
        copied("train-07.png", "test-03.png"), "leakage", "is train-07.png of 'train'|is test-03.png of 'test'"),
    "a picture that is nearly one of the other split": (
        copied("train-07.png", "test-03.png", nearly), "leakage", "is nearly train-07.png|is nearly test-03.png"),
    "a question of the other split": (without_pictures, "leakage", "question and answer stand in"),
    "another answer to the same": (again(answer="99"), "contradiction", "'99', and test.csv:4 says '2'"),
    "an answer that is no option": (
        plant(choices='["one", "two"]', answer="three"), "no-option", "'three' is none of ['one', 'two']"),
    "an option that stands twice": (
        plant(choices='["one", "one", "two"]', answer="two"), "options", "two of its options are 'one'"),
    "an empty option": (plant(choices='["one", ""]', answer="one"), "options", "one of its 2 options is empty"),
    "letters": (answers("letters"), "letters", "A is right in"),
    "yes and no": (answers("yes-no"), "yes-no", "who always says so scores"),
    "the same answer": (answers("majority"), "majority", "'2' is right in"),
    "a box outside": (plant(boxes="[[2, 3, 60, 25]]"), "box", "[2, 3, 60, 25] reaches beyond 48 × 32"),
    "a flat box": (plant(boxes="[[20, 3, 2, 25]]"), "box", "has no area"),
    "markers": (plant(question="<image> or <image>?"), "marker", "2 markers `<image>` for 1 image"),
    "an empty question": (plant(question=" "), "length", "the question is empty"),
    "a long question": (plant(question="why " * 3000), "length", "12,000 characters"),
    "another script": (plant(question="这里有多少个点?"), "script", "Cjk where others are Latin"),
}  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found_at_its_place_and_nothing_else_is(clean: Data, defect: str) -> None:
    change, kind, said = DEFECTS[defect]
    change(clean)
    found = clean.check()
    kinds = {name for name, _ in found.found}
    beside = {"yes and no": {"yes-no"}, "letters": {"letters"}}.get(defect, {kind})
    assert kinds == beside
    told = "\n".join(map(str, next(iter(found.found.values()))))
    assert any(part in told for part in said.split("|")), told
    assert found.unusable == (kind in ("broken", "media"))


def test_more_than_twenty_defects_of_most_kinds_are_planted() -> None:
    assert len(DEFECTS) >= 20
    assert set(KINDS) - {kind for _, kind, _ in DEFECTS.values()} == {"window"}


def test_gates_decide_the_exit_code_and_json_says_which(clean: Data, run_here) -> None:
    copied("train-07.png", "test-03.png")(clean)
    clean.check()
    path = clean.folder
    assert run_here("data", "check", path, "--type", "csv").code == 0
    assert run_here("data", "check", path, "--type", "csv", "--strict").code == 1
    assert run_here("data", "check", path, "--type", "csv", "--gate", "leakage=1").code == 0
    done = run_here("data", "check", path, "--type", "csv", "--gate", "leakage=0.5%", "--json")
    assert done.code == 1
    told = json.loads(done.out)
    assert told["gates"] == [{"gate": "leakage=0.5%", "count": 1, "met": False}]
    assert [(one["kind"], one["count"]) for one in told["findings"]] == [("leakage", 1)]
    assert told["rows"] == 120
    failed = run_here("data", "check", path, "--type", "csv", "--gate", "leakage=0")
    assert failed.code == 1
    assert "gate leakage=0: failed, 1 of 120 rows" in failed.err
    wrong = run_here("data", "check", path, "--gate", "leak=0")
    assert wrong.code == 2
    assert "did you mean 'leakage'?" in wrong.err
    assert run_here("data", "check", path, "--type", "csv", "--gate", "leakage=many").code == 2


def test_gates_of_a_file_stand_under_those_of_the_command_line(clean: Data, run_here) -> None:
    copied("train-07.png", "test-03.png")(clean)
    clean.check()
    gates = clean.folder / "gates.yaml"
    gates.write_text("gates:\n  mistakes: 0\n  tiny: 1%\n")
    done = run_here("data", "check", clean.folder, "--type", "csv", "--gates", gates, "--json")
    assert done.code == 1
    told = {one["gate"]: one["met"] for one in json.loads(done.out)["gates"]}
    assert [gate for gate, met in told.items() if not met] == ["leakage=0"]
    assert set(told) == {f"{kind}=0" for kind in MISTAKES} | {"tiny=1%"}
    over = ("--gates", gates, "--gate", "leakage=1%")
    assert run_here("data", "check", clean.folder, "--type", "csv", *over).code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gates: {leakge: 0}", "gates.yaml:1:9: unknown key 'leakge'|did you mean 'leakage'?"),
        ("gates:\n  tiny: -1", "gates.yaml:2:9: gates.tiny: expected a count, a share below 1|got -1"),
        ("gates: {tiny: 1.5}", "a share below 1, or a share such as `1%`; got 1.5"),
        ("gates: {tiny: many}", "got 'many'"),
        ("gates: [leakage]", "gates.yaml:1:8: expected a mapping, got a list"),
        ("gates: {}", "there are no `gates:`|mistakes: 0"),
        ("suite: s", "unknown key 'suite'"),
        ("- a", "expected a mapping"),
    ],
)
def test_a_mistake_in_a_file_of_gates_is_told_at_its_place(
    text: str, said: str, run_here, tmp_path: Path, write
) -> None:
    write("rows.csv", "question,answer\nq,a\n")
    write("gates.yaml", text)
    done = run_here("data", "check", tmp_path / "rows.csv", "--gates", tmp_path / "gates.yaml")
    assert done.code == 2
    assert all(part in done.err for part in said.split("|")), done.err
    assert run_here("data", "check", tmp_path / "rows.csv", "--gates", tmp_path / "gone.yaml").code == 2


def test_gates_stand_in_the_datasets_of_a_suite_and_count_these_rows_alone(clean: Data, run_here) -> None:
    copied("train-07.png", "test-03.png")(clean)
    clean.check()
    text = """\
suite: s
version: 1
datasets:
  train: {{type: csv, path: train.csv, gates: {{leakage: 0}}}}
  test: {{type: csv, path: test.csv{gates}}}
tasks:
  qa: {{kind: qa, dataset: test, metrics: [exact_match]}}
"""
    file = clean.folder / "suite.yaml"
    file.write_text(text.format(gates=""))
    assert run_here("data", "check", file).code == 0, "the row stands in the other dataset"
    file.write_text(text.format(gates=", gates: {leakage: 1%}"))
    done = run_here("data", "check", file)
    assert done.code == 1
    assert "gate leakage=1% of 'test': failed, 1 of 60 rows" in done.err
    assert "gates.leakage: 1%" in run_here("explain", file).out.replace('"', "")
    file.write_text(text.format(gates=", gates: {leak: 1}"))
    for command in (("validate", file), ("data", "check", file)):
        done = run_here(*command)
        assert done.code == 2
        assert f"{file.name}:5:" in done.err
        assert "did you mean 'leakage'?" in done.err


def test_a_picture_that_never_comes_is_a_finding_and_holds_nobody(clean: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    over, load = threading.Event(), FileImage.load

    def stuck(self: FileImage) -> Image.Image:
        if self.path.name == "test-07.png":
            over.wait(20)
        return load(self)

    monkeypatch.setattr(FileImage, "load", stuck)
    monkeypatch.setattr(patience, "LONGEST", 0.3)
    found = clean.check()
    over.set()
    assert {key: [str(row) for row in rows] for key, rows in found.found.items()} == {
        ("media", "test"): ["test.csv:9: test-07.png: no end of it within 0.3 s"]
    }
    assert found.rows == 120


def test_one_split_is_looked_at_alone_where_it_is_named(clean: Data) -> None:
    copied("train-07.png", "test-03.png")(clean)
    found = clean.check(split="test")
    assert (found.rows, found.found) == (60, {})


def test_the_splits_of_a_suite_are_compared_and_parts_of_one_file_are_not(clean: Data, run_here) -> None:
    clean.check()
    text = """\
suite: s
version: 1
datasets:
  train: {type: csv, path: train.csv}
  test: {type: csv, path: test.csv}
  few: {type: csv, path: test.csv, limit: 5}
tasks:
  qa: {kind: qa, dataset: test, metrics: [exact_match]}
"""
    (clean.folder / "suite.yaml").write_text(text)
    done = run_here("data", "check", clean.folder / "suite.yaml")
    assert (done.code, done.out.count("\n")) == (0, 1), done.out
    copied("train-07.png", "test-03.png")(clean)
    done = run_here("data", "check", clean.folder / "suite.yaml", "--gate", "leakage=0")
    assert done.code == 1
    assert "its picture test-03.png is train-07.png of 'train' (train.csv:9)" in done.out


def test_a_window_beyond_the_clip_is_found(write, tmp_path: Path) -> None:
    write("clips/a.mp4", b"x")
    row = {"clip": "clips/a.mp4", "question": "q", "answer": "a", "spans": [[1, 9]], "duration": 5}
    write("rows.jsonl", json.dumps(row))
    inspector = Inspector()
    inspector.see("clips", VideoDataset.from_config(VideoConfig(path="rows.jsonl"), tmp_path, (tmp_path,)))
    assert [kind for kind, _ in inspector.done().found] == ["window"]


@pytest.mark.parametrize("change", ["jpeg", "size", "bright"])
def test_versions_of_a_picture_are_near_and_others_are_not(change: str, tmp_path: Path) -> None:
    image = drawn(1, (200, 150))
    if change == "jpeg":
        image.save(tmp_path / "a.jpg", quality=70)
        version = Image.open(tmp_path / "a.jpg").convert("RGB")
    else:
        version = image.resize((100, 75)) if change == "size" else image.point(lambda level: min(255, level + 6))
    seen = [look(one) for one in (image, version, drawn(2, (200, 150)), drawn(3, (200, 150)))]
    assert list(near_pairs(seen)) == [(0, 1)]


def test_charts_that_differ_in_one_bar_are_not_near() -> None:
    charts = []
    for height in (40, 52):
        pixels = np.full((96, 128, 3), 255, np.uint8)
        for at, top in enumerate((30, height, 60)):
            pixels[top:90, 20 + at * 34 : 40 + at * 34] = (60, 90, 160)
        charts.append(look(Image.fromarray(pixels)))
    assert list(near_pairs(charts)) == []


def test_a_gate_says_itself_as_it_was_written() -> None:
    def told(*texts: str) -> list[str]:
        return [str(gate) for gate in gates_of(parse_gates(texts))]

    assert told("repeated=1.5%", "leakage=0") == ["repeated=1.5%", "leakage=0"]
    assert told("tiny=0.02", "tiny=3") == ["tiny=3"]
    assert told("mistakes=0") == [f"{kind}=0" for kind in KINDS if kind in MISTAKES]
    own = [f"{kind}={5 if kind == 'leakage' else 0}" for kind in KINDS if kind in MISTAKES]
    assert told("leakage=5", "mistakes=0") == told("mistakes=0", "leakage=5") == own
