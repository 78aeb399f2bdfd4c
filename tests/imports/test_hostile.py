"""Logs that mean harm, or were cut off: refused by name or harmless, never a traceback."""

import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError, UsageError
from harness.imports import _place, _xlsx, _xml, _zip, bring_in, kinds
from harness.record import Run
from tests.imports.conftest import LOGS
from tests.imports.zipped import members, zipped

LINE = {"doc_id": 0, "doc": {"q": "x"}, "target": "1", "arguments": {"gen_args_0": {"arg_0": "x", "arg_1": {}}},
        "resps": [["1"]], "filtered_resps": ["1"], "filter": "none", "metrics": ["acc"], "acc": 1.0,
        "doc_hash": "0"}  # fmt: skip
NAME = "samples_t_2026-01-01T00-00-00.jsonl"


def test_an_archive_that_unpacks_to_more_than_it_says_is_refused(imported, write, monkeypatch) -> None:
    parts = dict(members(LOGS / "inspect/a/toy.eval"))
    bomb = {**parts, "samples/q000_epoch_1.json": b" " * (1 << 24)}
    monkeypatch.setattr(_zip, "MOST_MEMBER", 1 << 20)
    monkeypatch.setattr(_zip.Archive.read, "__defaults__", (1 << 20,))
    for sizes in (None, {"samples/q000_epoch_1.json": 10}):
        with pytest.raises(UsageError, match=r"samples/q000_epoch_1\.json unpacks to more than 1 MiB"):
            imported(write("toy.eval", zipped(bomb, sizes)))


@pytest.mark.parametrize("name", ["../../evil.json", "/etc/evil.json", "samples/../../../evil_epoch_1.json"])
def test_names_of_members_lead_nowhere(imported: Callable[..., Run], write, tmp_path: Path, name: str) -> None:
    parts = dict(members(LOGS / "inspect/a/toy.eval"))
    sample = json.loads(parts["samples/q001_epoch_1.json"])
    run = imported(write("in/toy.eval", zipped({**parts, name: json.dumps({**sample, "id": "evil"}).encode()})))
    assert not [*tmp_path.rglob("evil*")]
    assert run.metrics["toy/match"].value is not None


def test_an_archive_that_is_none_or_damaged_is_refused(imported: Callable[..., Run], write) -> None:
    with pytest.raises(UsageError, match="is no zip archive that can be read"):
        imported(write("toy.eval", b"PK\x03\x04 and no more"))
    whole = bytearray((LOGS / "inspect/a/toy.eval").read_bytes())
    whole[400:420] = bytes(20)
    with pytest.raises(UsageError, match=r"toy\.eval:.* (cannot be unpacked|is damaged)"):
        imported(write("toy.eval", bytes(whole)))
    with pytest.raises(UsageError, match=r"has neither header\.json nor _journal/start\.json"):
        imported(write("toy.eval", zipped({"samples/a_epoch_1.json": b"{}"})))


def test_a_run_that_never_ended_is_read_and_is_not_complete(imported: Callable[..., Run], write) -> None:
    parts = {name: data for name, data in members(LOGS / "inspect/a/toy.eval") if name.startswith("samples/")}
    header = json.loads(dict(members(LOGS / "inspect/a/toy.eval"))["header.json"])
    start = {"version": 2, "eval": header["eval"], "plan": header["plan"]}
    run = imported(write("toy.eval", zipped({**parts, "_journal/start.json": json.dumps(start).encode()})))
    assert (run.record.status, run.record.reason) == ("interrupted", "its log says 'started'")
    assert run.metrics["toy/match"].n == 30


def test_a_deflated_archive_of_an_earlier_version_is_read(imported: Callable[..., Run], tmp_path: Path) -> None:
    file = tmp_path / "old.eval"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members(LOGS / "inspect/a/toy.eval"):
            opened.writestr(name, data)
    assert imported(file).metrics["toy/match"].value == pytest.approx(0.8333333333333334)


def test_lines_without_end_are_refused(imported: Callable[..., Run], write, monkeypatch) -> None:
    monkeypatch.setattr(_place, "MOST_LINE", 10_000)
    long = json.dumps({**LINE, "doc_id": 1, "resps": [["9" * 20_000]]})
    with pytest.raises(UsageError, match=rf"{NAME}:2: a line of more than"):
        imported(write(NAME, json.dumps(LINE) + "\n" + long + "\n"))


def test_json_that_is_nested_deeply_is_refused(imported: Callable[..., Run], write) -> None:
    deep = json.dumps(LINE)[:-1] + ', "x": ' + "[" * 100_000 + "]" * 100_000 + "}"
    with pytest.raises(UsageError, match=rf"{NAME}:2: nested too deeply"):
        imported(write(NAME, json.dumps(LINE) + "\n" + deep + "\n"))
    with pytest.raises(UsageError, match="is not a run; nor is it a log of"):
        imported(write("deep.json", '{"evalId": ' + "[" * 100_000))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]\n", "list where an object is expected"),
        ('{"doc_id": \n', "no JSON"),
        ("\xff\n", "no JSON"),
        (
            json.dumps({key: value for key, value in LINE.items() if key != "doc_id"}) + "\n",
            "a sample without `doc_id`",
        ),
        ('{"doc_id": ' + "9" * 5000 + "}\n", "no JSON"),
    ],
)
def test_a_broken_line_is_named(imported: Callable[..., Run], write, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=rf"{NAME}:2: {said}"):
        imported(write(NAME, (json.dumps(LINE) + "\n").encode() + text.encode("latin-1")))


def test_numbers_that_are_none_have_no_score_and_huge_texts_are_cut(imported: Callable[..., Run], write) -> None:
    odd: list[dict[str, Any]] = [
        {**LINE, "doc_id": 1, "acc": float("nan")},
        {**LINE, "doc_id": 2, "acc": 10**400},
        {**LINE, "doc_id": 3, "acc": "1"},
        {**LINE, "doc_id": 4, "acc": [1, 2]},
        {**LINE, "doc_id": 5, "resps": [["\ud800" + "x" * 400_000]]},
        {**LINE, "doc_id": -1, "acc": 0.0},
    ]
    run = imported(write(NAME, "".join(json.dumps(row) + "\n" for row in [LINE, *odd])))
    assert (run.metrics["t/acc"].n, run.metrics["t/acc"].statuses) == (3, {"ok": 3, "undefined": 4})
    assert len(run.table()["response"][5].as_py()) < 300_000


def test_xml_with_a_document_type_is_refused(imported: Callable[..., Run], write) -> None:
    entities = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]>'
    bomb = f'<?xml version="1.0"?>{entities}<testsuite><testcase name="&c;"/></testsuite>'
    with pytest.raises(UsageError, match=r"junit\.xml:1: a document type, which is not read"):
        imported(write("junit.xml", bomb))
    file = '<!DOCTYPE a SYSTEM "file:///etc/passwd"><testsuite/>'
    with pytest.raises(UsageError, match="a document type"):
        imported(write("junit.xml", file))
    with pytest.raises(UsageError, match=r"junit\.xml:1: no XML"):
        imported(write("junit.xml", "<testsuite><testcase>"))
    nested = "<testsuite>" * (_xml.DEEPEST + 1)
    with pytest.raises(UsageError, match="nested too deeply"):
        imported(write("junit.xml", nested))


def workbook(tmp_path: Path, rows: str, texts: str = "") -> Path:
    file = tmp_path / "m" / "m_Set_exact_matching_result.xlsx"
    file.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("xl/worksheets/sheet1.xml", f"<worksheet><sheetData>{rows}</sheetData></worksheet>")
        if texts:
            opened.writestr("xl/sharedStrings.xml", f"<sst>{texts}</sst>")
    return file


HEADER = '<row r="1">' + "".join(
    f'<c r="{letter}1" t="inlineStr"><is><t>{name}</t></is></c>'
    for letter, name in zip("ABCD", ("index", "prediction", "answer", "hit"), strict=True)
) + "</row>"  # fmt: skip


def test_a_formula_is_read_as_the_value_that_it_had_and_never_computed(
    imported: Callable[..., Run], tmp_path: Path
) -> None:
    cells = '<c r="A2"><v>1</v></c><c r="B2" t="str"><f>HYPERLINK("http://x","y")</f><v>A</v></c>'
    rows = f'{HEADER}<row r="2">{cells}<c r="C2" t="str"><v>A</v></c><c r="D2"><f>1/0</f><v>1</v></c></row>'
    run = imported(workbook(tmp_path, rows))
    assert run.table()["response"].to_pylist() == ["A"]
    assert run.metrics["Set/hit"].value == 1.0


def test_workbooks_that_are_wrong_are_refused(imported: Callable[..., Run], tmp_path: Path, monkeypatch) -> None:
    lost = f'{HEADER}<row r="2"><c r="A2" t="s"><v>99</v></c></row>'
    with pytest.raises(UsageError, match="row 2 names a text that is not there"):
        imported(workbook(tmp_path, lost))
    wide = f'{HEADER}<row r="2"><c r="ZZZ2"><v>1</v></c></row>'
    with pytest.raises(UsageError, match="row 2 has more than 2,000 columns"):
        imported(workbook(tmp_path, wide))
    monkeypatch.setattr(_xlsx, "MOST", 10_000)
    with pytest.raises(UsageError, match="not a run; nor is it a log of"):
        imported(workbook(tmp_path, HEADER + " " * 20_000))


def test_pickles_are_never_opened(imported: Callable[..., Run], tmp_path: Path) -> None:
    folder = tmp_path / "mock-a"
    shutil.copytree(LOGS / "vlmevalkit/a/mock-a", folder)
    (folder / "mock-a_ToyMCQ_exact_matching_result.pkl").write_bytes(b"cos\nsystem\n(S'touch evil'\ntR.")
    assert imported(folder).metrics["ToyMCQ/hit"].n == 30
    assert not Path("evil").exists()


def test_answers_without_scores_say_what_to_do(imported: Callable[..., Run], tmp_path: Path) -> None:
    shutil.copy(LOGS / "vlmevalkit/a/mock-a/mock-a_ToyMCQ.xlsx", tmp_path)
    with pytest.raises(UsageError, match="holds answers and no scores: let VLMEvalKit evaluate them first"):
        imported(tmp_path / "mock-a_ToyMCQ.xlsx")


def test_secrets_of_a_log_stay_out_of_the_record(imported: Callable[..., Run], changed, tmp_path: Path) -> None:
    told = json.loads((LOGS / "promptfoo/a/results.json").read_text(encoding="utf-8"))
    told["config"]["providers"][0]["config"]["apiKey"] = "sk-very-secret"
    told["config"]["providers"][0]["config"]["url"] = "https://ann:hunter2@example.org/v1"
    (tmp_path / "results.json").write_text(json.dumps(told))
    text = (imported(tmp_path / "results.json").folder / "run.json").read_text(encoding="utf-8")
    assert "sk-very-secret" not in text
    assert "hunter2" not in text


def test_folders_without_end_are_refused(imported: Callable[..., Run], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(_place, "MOST_FILES", 5)
    for i in range(9):
        (tmp_path / f"f{i}").touch()
    with pytest.raises(UsageError, match="holds more than 5 files; name the folder of one run"):
        imported(tmp_path)


FILES = sorted(
    file for file in LOGS.rglob("*") if file.is_file() and file.suffix in (".json", ".jsonl", ".xml", ".csv")
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FILES), st.integers(0, 10**6), st.sampled_from(["cut", "null", "list", "byte"]))
@example(next(file for file in FILES if file.name.startswith("samples_toy_gen")), 7320, "list")
def test_a_log_that_is_damaged_anywhere_is_read_or_refused(tmp_path: Path, file: Path, seed: int, way: str) -> None:
    data = bytearray(file.read_bytes())
    place = random.Random(seed).randrange(len(data))  # noqa: S311
    if way == "cut":
        del data[place:]
    elif way == "byte":
        data[place] = seed % 256
    else:
        start = data.find(b":", place)
        end = min((at for at in (data.find(b",", start), data.find(b"}", start)) if at > 0), default=-1)
        if 0 < start < end:
            data[start + 1 : end] = b"null" if way == "null" else b"[[]]"
    copy = tmp_path / "damaged" / file.name
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(bytes(data))
    for kind in (None, file.relative_to(LOGS).parts[0]):
        try:
            bring_in(copy, tmp_path / "runs", kind)
        except HarnessError:
            continue


def test_the_kinds_are_those_that_are_promised() -> None:
    assert kinds() == ["deepeval", "evalscope", "helm", "inspect", "junit", "lighteval", "lm-eval", "lmms-eval",
                       "openai-evals", "promptfoo", "table", "vlmevalkit"]  # fmt: skip
