"""`harness data show` and `harness init --from`: what lies there, by looking at it, and a suite over it."""

import json
from pathlib import Path

import pytest

from harness.data import recognise
from harness.spec.document import parse_document
from harness.suite.bind import bind_suite
from harness.suite.starter import keys_for, layout, starter
from tests.data.test_layouts import LAYOUTS

FOLDERS = {
    "A-OKVQA": "aokvqa", "A-OKVQA-hf-M4": "aokvqa", "AI2D": "ai2d", "AI2D-hf-lmms": "ai2d",
    "ActivityNet-Captions": "activitynet_captions", "COCO": "coco", "COCO-Caption-hf-lmms": "coco_captions",
    "COCO-karpathy": "coco_captions", "CORD": "cord", "CORD-hf-v2": "cord", "ChartQA": "chartqa",
    "ChartQA-hf-M4": "chartqa", "ChartQA-hf-ahmed-masry": "chartqa", "ChartQA-hf-lmms": "chartqa",
    "ChartQAPro": "chartqapro", "DocVQA": "docvqa", "DocVQA-hf-lmms": "docvqa", "FUNSD": "funsd",
    "Flickr30k": "flickr30k", "Flickr30k-hf-lmms": "flickr30k", "GQA": "gqa", "GQA-hf-lmms": "gqa",
    "ImageNet": "imagenet", "ImageNet-C": "imagenet_c", "InfographicVQA": "infographicvqa",
    "InfographicVQA-hf-lmms": "infographicvqa", "LLaVA": "llava", "LVIS": "lvis", "MMBench": "mmbench",
    "MMBench-hf-lmms": "mmbench", "MME": "mme", "MME-hf-lmms": "mme", "MME-vlmevalkit-tsv": "mme", "MMMU": "mmmu",
    "MVBench": "mvbench", "MathVista": "mathvista", "NExT-QA": "nextqa", "NExT-QA-hf-lmms": "nextqa",
    "NLVR2": "nlvr2", "OCRBench": "ocrbench", "OCRBench-hf": "ocrbench", "OCRBench-vlmevalkit-tsv": "ocrbench",
    "OK-VQA": "okvqa", "OK-VQA-hf-lmms": "okvqa", "POPE": "pope", "POPE-hf-lmms": "pope",
    "RefCOCO-hf-lmms": "refcoco", "SEED-Bench": "seed_bench", "SEED-Bench-hf-lmms": "seed_bench", "SROIE": "sroie",
    "ScienceQA": "scienceqa", "ScienceQA-hf": "scienceqa", "ShareGPT": "sharegpt", "TextVQA": "textvqa",
    "TextVQA-hf-lmms": "textvqa", "VLMEvalKit-tsv": "vlmevalkit", "VQAv2": "vqav2", "VQAv2-hf-lmms": "vqav2",
    "Video-MME": "video_mme", "YOLO": "yolo", "csv": "csv", "hf-arrow-folder/datasetdict": "parquet",
    "hf-parquet-image": "parquet", "imagefolder-classes": "image_folder",
    "imagefolder-metadata-csv": "image_folder", "imagefolder-metadata-jsonl": "image_folder",
    "webdataset": "webdataset",
}  # fmt: skip
ELSEWHERE = {"LVIS": "../COCO", "COCO-karpathy": "../VQAv2"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_is_known_by_looking_and_gets_a_suite_that_binds(folder: str) -> None:
    found, _ = layout(LAYOUTS / folder)
    assert found.type == FOLDERS[folder]
    keys = keys_for(found, LAYOUTS / folder)
    if folder in ELSEWHERE:
        keys["images"] = ELSEWHERE[folder]
    text = starter(found, LAYOUTS / folder, "s", LAYOUTS, keys)
    suite = bind_suite(parse_document(text, LAYOUTS / "suite.yaml"))
    assert len(suite.datasets["s"])
    assert f"type: {found.type}" in text


def test_every_layout_has_a_folder_here() -> None:
    there = {entry.name for entry in LAYOUTS.iterdir() if entry.is_dir()}
    assert {name.split("/")[0] for name in FOLDERS} == there - {"RefCOCO"}


@pytest.mark.parametrize("folder", ["ChartQA", "POPE-hf-lmms", "MMMU", "webdataset", "YOLO", "COCO-Caption-hf-lmms"])
def test_data_is_shown_gets_a_suite_and_is_run(run_here, tmp_path: Path, folder: str) -> None:
    shown = run_here("data", "show", LAYOUTS / folder)
    assert shown.code == 0, shown.err
    assert f"`type: {FOLDERS[folder]}`" in shown.out
    made = run_here("init", tmp_path, "--from", "auto", LAYOUTS / folder)
    assert made.code == 0, made.err
    (suite,) = (tmp_path / "suites").iterdir()
    done = run_here("run", suite, "-a", "mock", "--root", LAYOUTS, "--out", tmp_path / "runs")
    assert done.code == 0, done.err
    again = run_here("init", tmp_path, "--from", FOLDERS[folder], LAYOUTS / folder)
    assert again.code == 2
    assert "--force" in again.err


def test_rows_are_shown_as_json_with_what_their_pictures_are(run_here) -> None:
    told = json.loads(run_here("data", "show", LAYOUTS / "DocVQA", "--rows", "1", "--json").out)
    assert told["type"] == "docvqa"
    assert told["parts"] == [{"config": "", "split": "test"}, {"config": "", "split": "val"}]
    assert told["shown"] == {"split": "val"}, "the split with answers"
    assert told["metrics"] == [{"metric": "anls", "variant": "lmms-eval@75571cf"}]
    assert told["count"] == 2
    (row,) = told["rows"]
    assert row["answers"] == ["42.50", "$42.50"]
    assert row["images"] == [{"name": "aaaa0001_1.png", "width": 140, "height": 80, "mode": "RGB"}]


def test_columns_are_proposed_or_asked_for(run_here, write, tmp_path: Path) -> None:
    file = write("rows.csv", "query,gold,url\nq,a,u\n")
    asked = run_here("data", "show", file)
    assert asked.code == 2
    assert "which column is the answer cannot be told: there are query, gold, url" in asked.err
    shown = run_here("data", "show", file, "--field", "answer=gold", "--json")
    assert json.loads(shown.out)["shown"] == {
        "fields": {"answer": "gold", "question": "query"},
        "extra": "ignore",
    }
    assert run_here("init", tmp_path, "--from", "csv", file, "--field", "answer=gold").code == 0
    assert "fields: {answer: gold, question: query}" in (tmp_path / "suites/rows.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("data", "show", LAYOUTS / "RefCOCO"), "python -c 'import json, pickle"),
        (("data", "show", LAYOUTS / "gone"), "there is no file or folder"),
        (("data", "show", LAYOUTS / "README.md"), "in no layout that is known"),
        (("data", "show", LAYOUTS / "ChartQA", "--type", "docvqa"), "it could be read as chartqa"),
        (("data", "show", LAYOUTS / "ChartQA", "--type", "chartqq"), "did you mean 'chartqa'?"),
        (("data", "show", LAYOUTS / "DocVQA", "--split", "minitest"), "there: test, val"),
        (("data", "show", LAYOUTS / "csv", "--field", "answer"), "NAME=COLUMN"),
        (("init", "--split", "val"), "--from"),
    ],
)
def test_a_mistake_is_a_sentence_with_what_to_do(run_here, arguments: tuple[object, ...], said: str) -> None:
    done = run_here(*arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_folder_of_something_else_is_no_layout(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(Exception, match="in no layout that is known"):
        recognise(tmp_path)
