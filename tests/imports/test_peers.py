"""Two real runs of every other harness: count, ids and scores are the log's, numbers are those that it prints."""

import json
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import harness
from harness.imports import bring_in, look_at
from harness.record import Run
from tests.imports.conftest import LOGS
from tests.imports.zipped import members

Scores = dict[str, dict[str, float | None]]
"""By column, by id (with ``#epoch`` where there are several): what the peer's own file says, read with other means."""


def lines(side: str, pattern: str) -> list[dict[str, Any]]:
    (file,) = (LOGS / side).glob(pattern)
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def whole(side: str, pattern: str) -> Any:
    (file,) = (LOGS / side).glob(pattern)
    return json.loads(file.read_text(encoding="utf-8"))


def lmms_vqa(side: str) -> Scores:
    rows = lines(f"lmms-eval/{side}", "*_samples_toy_vqa.jsonl")
    names = ("relaxed_overall", "relaxed_human_split", "out_len")
    return {name: {str(row["doc_id"]): row.get(name) for row in rows} for name in names}


def lmms_pope(side: str) -> Scores:
    rows = lines(f"lmms-eval/{side}", "*_samples_toy_pope.jsonl")
    return {"pope_accuracy": {str(row["doc_id"]): row["pope_accuracy"]["score"] for row in rows}}


LETTERS = {"C": 1.0, "I": 0.0}


def inspect_eval(side: str) -> Scores:
    rows = [
        json.loads(text) for name, text in members(LOGS / f"inspect/{side}/toy.eval") if name.startswith("samples/")
    ]
    return _inspect([(f"{row['id']}#{row['epoch']}", row) for row in rows])


def inspect_json(side: str) -> Scores:
    return _inspect([(row["id"], row) for row in whole(f"inspect/{side}-json", "toy.json")["samples"]])


def _inspect(rows: list[tuple[str, dict[str, Any]]]) -> Scores:
    judged = {name: row["scores"] for name, row in rows}
    return {
        "match": {name: LETTERS[one["match"]["value"]] if one else None for name, one in judged.items()},
        "multi.len": {name: one["multi"]["value"]["len"] if one else None for name, one in judged.items()},
    }


def lighteval(task: str, score: str) -> Callable[[str], Scores]:
    def read(side: str) -> Scores:
        (file,) = (LOGS / f"lighteval/{side}").rglob(f"details_{task}*.parquet")
        rows = pq.read_table(file).to_pylist()
        return {score: {row["doc"]["id"]: row["metric"][score] for row in rows}}

    return read


def evalscope(subset: str, score: str) -> Callable[[str], Scores]:
    def read(side: str) -> Scores:
        rows = lines(f"evalscope/{side}", f"*/reviews/*/{subset}.jsonl")
        return {score.lower(): {str(row["index"]): row["sample_score"]["score"]["value"][score] for row in rows}}

    return read


def helm(side: str) -> Scores:
    rows = whole(f"helm/{side}", "*/per_instance_stats.json")
    found = {row["instance_id"]: {one["name"]["name"]: one["mean"] for one in row["stats"]} for row in rows}
    return {"exact_match": {name: one["exact_match"] for name, one in found.items()}}


def promptfoo(side: str) -> Scores:
    rows = whole(f"promptfoo/{side}", "results.json")["results"]["results"]
    return {
        "contains": {str(row["testIdx"]): row["namedScores"].get("contains") for row in rows},
        "success": {str(row["testIdx"]): None if row["failureReason"] == 2 else float(row["success"]) for row in rows},
    }


def openai_evals(side: str) -> Scores:
    rows = [row for row in lines(f"openai-evals/{side}", "*.jsonl") if row.get("type") == "match"]
    return {"correct": {row["sample_id"].rpartition(".")[2]: float(row["data"]["correct"]) for row in rows}}


def deepeval(side: str) -> Scores:
    cases = whole(f"deepeval/{side}", "*.json")["testCases"]
    return {"Exact Match": {case["name"]: case["metricsData"][0]["score"] for case in cases}}


def junit(side: str) -> Scores:
    found: dict[str, float | None] = {}
    for case in ET.parse(LOGS / f"junit/{side}/junit.xml").getroot().iter("testcase"):  # noqa: S314 - our own file
        skipped, failed = case.find("skipped") is not None, case.find("failure") is not None
        found[f"{case.get('classname')}::{case.get('name')}"] = None if skipped else float(not failed)
    return {"pass": found}


def vlmevalkit(dataset: str, score: str) -> Callable[[str], Scores]:
    def read(side: str) -> Scores:
        fitting = [file for file in (LOGS / f"vlmevalkit/{side}").rglob(f"*_{dataset}_*.xlsx") if "esult" in file.name]
        (file,) = fitting or (LOGS / f"vlmevalkit/{side}").rglob(f"*_{dataset}_auxmatch.xlsx")
        header, *rows = workbook(file)
        places = header.index("index"), header.index(score)
        return {score: {row[places[0]]: float(row[places[1]]) for row in rows}}

    return read


def workbook(file: Path) -> list[list[str]]:
    """The first sheet's cells, of which none is missing in the columns that are read."""
    with zipfile.ZipFile(file) as opened:
        texts = [
            "".join(one.itertext())
            for one in ET.fromstring(opened.read("xl/sharedStrings.xml")).iter(f"{MAIN}si")  # noqa: S314
        ]
        rows = list(ET.fromstring(opened.read("xl/worksheets/sheet1.xml")).iter(f"{MAIN}row"))  # noqa: S314
    letters = [re.sub(r"\d", "", cell.get("r", "")) for cell in rows[0]]
    found = []
    for row in rows:
        cells = {re.sub(r"\d", "", cell.get("r", "")): (cell.get("t"), cell.findtext(f"{MAIN}v", "")) for cell in row}
        values = [cells.get(letter, ("", "")) for letter in letters]
        found.append([texts[int(word)] if kind == "s" else word for kind, word in values])
    return found


MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@dataclass(frozen=True)
class Case:
    """One number of one peer."""

    log: str
    task: str
    number: str
    read: Callable[[str], Scores]
    counts: tuple[int, int, int]
    """Scored in a, in b, and pairs."""
    means: tuple[float, float]
    """Over the pairs."""
    p: float | None
    """Two-sided; None where all samples share one image, so that nothing can be tested."""
    cell: str = ""
    worth: float | None = None
    """What the origin counts for an answer that never came."""


ALL = (30, 30, 30)
CASES = [
    Case("lmms-eval", "toy_vqa", "relaxed_overall", lmms_vqa, ALL, (0.7666667, 0.9666667), 0.03125),
    Case("lmms-eval", "toy_vqa", "relaxed_human_split", lmms_vqa, (20, 20, 20), (0.65, 0.95), 0.03125),
    Case("lmms-eval", "toy_vqa", "out_len", lmms_vqa, ALL, (2.1333333, 2.0), 0.0434),
    Case("lmms-eval", "toy_pope", "pope_accuracy", lmms_pope, ALL, (0.7666667, 0.9666667), 0.03125),
    Case("inspect", "toy", "match", inspect_eval, (30, 29, 29), (0.8275862, 0.8620690), 0.1609),
    Case("lighteval", "toy_gen:0", "em", lighteval("toy_gen", "em"), ALL, (0.7, 0.9), 0.03125),
    Case("lighteval", "toy_mc:0", "acc", lighteval("toy_mc", "acc"), ALL, (0.7, 0.9), 0.03125),
    Case("evalscope", "general_vmcq", "accuracy", evalscope("general_vmcq_default", "accuracy"), ALL,
         (0.5333333, 0.6333333), 0.25),
    Case("evalscope", "general_vqa", "rouge-l-r", evalscope("general_vqa_small", "Rouge-L-R"), (15, 15, 15),
         (0.5333333, 0.6), None, cell="small"),
    Case("evalscope", "general_vqa", "rouge-l-r", evalscope("general_vqa_large", "Rouge-L-R"), (15, 15, 15),
         (0.5333333, 0.6666667), None, cell="large"),
    Case("helm", "simple_mcqa", "exact_match", helm, ALL, (0.3333333, 0.7), 0.0009766),
    Case("promptfoo", "tests", "contains", promptfoo, (30, 29, 29), (0.5172414, 0.6206897), 0.25),
    Case("promptfoo", "tests", "success", promptfoo, ALL, (0.5333333, 0.6), 0.625, worth=0.0),
    Case("openai-evals", "toy.dev.v0", "correct", openai_evals, ALL, (0.5333333, 0.6333333), 0.25),
    Case("deepeval", "tests", "Exact Match", deepeval, ALL, (0.5333333, 0.6333333), 0.25),
    Case("vlmevalkit", "ToyMCQ", "hit", vlmevalkit("ToyMCQ", "hit"), ALL, (0.5333333, 0.6333333), 0.25),
    Case("vlmevalkit", "MMBench_DEV_EN", "hit", vlmevalkit("MMBench_DEV_EN", "hit"), ALL, (0.4333333, 0.6), 0.0625),
    Case("vlmevalkit", "ChartQA_TEST", "eval_score", vlmevalkit("ChartQA_TEST", "eval_score"), ALL,
         (0.5333333, 0.6), 0.625, worth=0.0),
    Case("vlmevalkit", "POPE", "score", vlmevalkit("POPE", "score"), ALL, (0.5333333, 0.7), 0.0625),
    Case("junit", "tests", "pass", junit, (29, 29, 29), (0.5172414, 0.5862069), 0.625),
]  # fmt: skip
IDS = [f"{one.log}-{one.task}-{one.cell}{one.number}" for one in CASES]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Every peer's a and b."""
    out = tmp_path_factory.mktemp("runs")
    logs = [f"{log}/{side}" for log in dict.fromkeys(one.log for one in CASES) for side in "ab"]
    return {log: Run(bring_in(LOGS / log, out)) for log in logs}


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_record_holds_every_sample_with_its_id_and_scores(runs: dict[str, Run], case: Case, side: str) -> None:
    rows = [row for row in runs[f"{case.log}/{side}"].table().to_pylist() if row["task"] == case.task]
    rows = [row for row in rows if not case.cell or row["cell"] == case.cell]
    for score, wanted in case.read(side).items():
        found = {row["sample_id"]: row[f"score.{score}"] for row in rows}
        assert len(rows) == len(found)
        # A chart of VLMEvalKit whose answer never came has a score there and an error here.
        lost = {row["sample_id"] for row in rows if row["status"] == "error"}
        assert found == {name: None if name in lost else value for name, value in wanted.items()}


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_mean_is_that_of_the_log(runs: dict[str, Run], case: Case, side: str) -> None:
    task = runs[f"{case.log}/{side}"].record.tasks[case.task]
    value = (task.cells[case.cell].metrics if case.cell else task.metrics)[case.number]
    scores = [case.worth if one is None else one for one in case.read(side)[case.number].values()]
    counted = [one for one in scores if one is not None]
    assert value.value == pytest.approx(sum(counted) / len(counted), abs=1e-12)
    assert value.n == case.counts[side == "b"]


@pytest.mark.parametrize("log", dict.fromkeys(one.log for one in CASES))
@pytest.mark.parametrize("side", ["a", "b"])
def test_our_numbers_are_the_origin_s_to_its_last_printed_digit(runs: dict[str, Run], log: str, side: str) -> None:
    known = {"pope_f1_score,none": "it is no mean of them", "bleu": "of which no sample has a score here"}
    for task in runs[f"{log}/{side}"].record.tasks.values():
        rows = [row for table in task.tables for row in table.rows]
        assert rows
        for label, origin, _, ours in rows:
            digits = 4 if log == "evalscope" else 12
            if not any(str(label).startswith(name) for name in known):
                assert round(float(ours), digits) == pytest.approx(float(origin), abs=1e-12), label
        odd = [one.text for one in task.findings if " says " in one.text and "whether more or less" not in one.text]
        assert all(any(said in one for said in known.values()) for one in odd), odd


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_and_b_are_paired_and_compared_as_the_table_of_truths_says(runs: dict[str, Run], case: Case) -> None:
    compared = harness.compare(runs[f"{case.log}/a"], runs[f"{case.log}/b"])
    assert [said for said in compared.warnings if said.startswith(f"{case.task}: ")] == []
    if case.cell:
        found = next(one for one in compared.cells if one.metric == f"{case.cell}: {case.number}")
    else:
        found = next(one for one in compared.deltas if one.name == f"{case.task}/{case.number}")
    assert found.comparison is not None
    assert found.comparison.n == case.counts[2]
    assert (found.before, found.after) == pytest.approx(case.means, abs=5e-7)
    if case.p is not None:
        assert found.comparison.p_value == pytest.approx(case.p, abs=5e-5)


def test_errors_are_kept_as_errors_and_counted_as_their_harness_does(runs: dict[str, Run]) -> None:
    lost = {
        log: {row["sample_id"]: row["error"] for row in runs[log].table().to_pylist() if row["status"] == "error"}
        for log in ("inspect/b", "promptfoo/b", "vlmevalkit/b", "evalscope/b")
    }
    assert {*lost["inspect/b"]} == {"q007#1", "q007#2"}
    assert lost["promptfoo/b"] == {"7": "503 overloaded"}
    assert lost["vlmevalkit/b"] == {"7": "Failed to obtain answer via API."}
    assert lost["evalscope/b"] == {}
    tasks = runs["promptfoo/b"].record.tasks["tests"]
    assert (tasks.columns["success"].worth, tasks.columns["contains"].worth) == (0.0, None)
    assert runs["inspect/b"].record.tasks["toy"].columns["match"].worth is None


def test_repeats_subsets_and_scorers_are_told_apart(runs: dict[str, Run]) -> None:
    assert runs["inspect/a"].record.tasks["toy"].epochs == 2
    assert [*runs["inspect/a"].record.tasks["toy"].metrics] == ["match", "multi.len", "multi.num"]
    assert runs["inspect/a"].record.tasks["toy"].metrics["multi.len"].direction == "none"
    assert [*runs["evalscope/a"].record.tasks["general_vqa"].cells] == ["large", "small"]
    assert runs["evalscope/a"].record.tasks["general_vqa"].metrics["rouge-l-r"].n == 30


def test_one_image_that_all_share_is_one_unit(runs: dict[str, Run]) -> None:
    rows = [row for row in runs["evalscope/a"].table().to_pylist() if row["task"] == "general_vqa"]
    assert len({row["cluster"] for row in rows}) == 1
    assert runs["evalscope/a"].record.tasks["general_vqa"].metrics["rouge-l-r"].method == "Gaffke over clusters"


def test_answers_targets_tokens_and_endings_come_along(runs: dict[str, Run]) -> None:
    first = {log.partition("/")[0]: run.table().to_pylist()[0] for log, run in runs.items() if log.endswith("/b")}
    assert first["inspect"]["tokens_out"] > 0
    assert first["inspect"]["finish"] == "stop"
    assert (first["promptfoo"]["response"], first["promptfoo"]["references"][0]) == ("The answer is 33", "33")
    assert (first["promptfoo"]["tokens_in"], first["promptfoo"]["tokens_out"]) == (15, 5)
    assert first["helm"]["response"] in ("Even", "Odd")
    assert first["helm"]["references"] == ["Even"]
    assert first["evalscope"]["finish"] == "stop"
    assert first["lighteval"]["references"] == ["41"]
    assert all(row["prompt"] for log, row in first.items() if log != "junit")


def test_simulated_models_are_marked(runs: dict[str, Run]) -> None:
    marked = {log.partition("/")[0] for log, run in runs.items() if run.record.adapter.simulated}
    assert marked == {"inspect", "lmms-eval", "evalscope"}


def test_json_logs_of_inspect_are_read_as_archives_are(imported: Callable[..., Run]) -> None:
    run = imported("inspect/a-json")
    rows = run.table().to_pylist()
    assert {row["sample_id"]: row["score.match"] for row in rows} == inspect_json("a")["match"]
    assert run.metrics["toy/match"].value == 0.75


def test_every_log_is_known_by_looking_and_by_no_other(runs: dict[str, Run]) -> None:
    for log in runs:
        assert look_at(LOGS / log).kind == log.partition("/")[0]


def test_a_report_of_every_log_can_be_written(runs: dict[str, Run], run_here, tmp_path: Path) -> None:
    for log in ("inspect/b", "evalscope/b"):
        done = run_here("report", runs[log].folder, "-o", tmp_path / "page.html")
        assert done.code == 0, done.err
        assert run_here("report", runs[log].folder, "--format", "markdown").code == 0
