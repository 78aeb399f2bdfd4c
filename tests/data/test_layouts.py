"""Public layouts: each small set is read by its name alone, and gives what its files say, worked out by hand."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from harness.data._layout import FilesDataset
from harness.errors import ConfigError
from harness.registry import registry
from harness.types import Sample

LAYOUTS: Final = Path(__file__).parent / "layouts"


@dataclass(frozen=True)
class Set:
    """A set on disk, how it is named in a suite, and what its rows must be."""

    path: str
    type: str
    rows: list[dict[str, Any]]
    keys: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.path} as {self.type}"


def opened(kind: str, path: str, **keys: Any) -> Any:
    cls = registry("datasets").load(kind)
    config = cls.Config.model_validate({"path": path, **keys})
    return cls.from_config(config, LAYOUTS, (LAYOUTS,))


def choice(identity: str, letter: str, choices: list[str], **more: Any) -> dict[str, Any]:
    """A row of a multiple-choice set: the letter, and the words unless these are a letter or a picture."""
    words = choices[ord(letter) - ord("A")]
    told = (letter,) if len(words) == 1 or "<image" in words else (letter, words)
    return {"id": identity, "references": told, "choices": choices, **more}


SQUARES = ["the red one", "the blue one", "both are equal"]
KATE = "selfMade0000000000001a"
BESIDE = ["a tree", "a blue square", "a cat", "a lake"]
RECEIPT = {
    "menu": [{"nm": "Tea", "cnt": "2", "price": "5.00"}, {"nm": "Cake", "price": "37.50"}],
    "total": {"total_price": "42.50", "cashprice": "50.00", "changeprice": "7.50"},
}
FIELDS = {"company": "SELF MADE SDN BHD", "date": "03/05/2026", "address": "1, ROAD ONE, TOWN", "total": "42.50"}
RED = [10, 20, 30, 40]
BLUE = [50, 20, 80, 50]
TEN = ("red",) * 8 + ("dark red", "maroon")

SETS = [
    Set("ChartQA", "chartqa", [
        {"id": "test-augmented-00000", "references": ("40",), "cluster": "two_bars_1.png",
         "tags": {"source": "augmented"}, "question": "What is the value of the second bar?"},
        {"id": "test-human-00000", "references": ("3",), "cluster": "two_bars_1.png", "tags": {"source": "human"}},
        {"id": "test-human-00001", "references": ("Yes",), "cluster": "00000002.png", "tags": {"source": "human"}},
    ]),
    Set("ChartQA-hf-lmms", "chartqa", [
        {"references": ("3",), "tags": {"source": "human"}}, {"references": ("50",), "tags": {"source": "augmented"}},
    ]),
    Set("ChartQA-hf-M4", "chartqa", [
        {"references": ("3",), "tags": {"source": "human"}}, {"references": ("50",), "tags": {"source": "augmented"}},
    ]),
    Set("ChartQA-hf-ahmed-masry", "chartqa", [
        {"references": ("3",), "tags": {"source": "human"}, "cluster": "two_bars_1.png"},
    ]),
    Set("ChartQAPro", "chartqapro", [
        {"references": ("40",), "tags": {"type": "Factoid", "year": "NO"}},
        {"references": ("10",), "tags": {"type": "Conversational", "year": "NO"},
         "question": "Which bar is lowest?\nthe second\n\nAnd its value?"},
        {"references": ("[2001, 2002]",), "tags": {"type": "Factoid", "year": "YES,YES"},
         "question": "Bars show 2001, 2002 and 2003.\n\nIn which years do the bars match?"},
    ]),
    Set("DocVQA", "docvqa", [
        {"id": "1001", "references": ("42.50", "$42.50"), "cluster": "aaaa0001", "tags": {"question_type": "form"}},
        {"id": "1002", "references": ("A. Bee", "A Bee"), "cluster": "aaaa0002", "tags": {"question_type": "form"}},
    ], {"split": "val"}),
    Set("DocVQA-hf-lmms", "docvqa", [
        {"id": "1001", "references": ("42.50", "$42.50"), "cluster": "aaaa0001"},
        {"id": "1002", "references": ("A. Bee",), "cluster": "aaaa0002", "tags": {"question_type": "layout"}},
    ], {"split": "val"}),
    Set("InfographicVQA", "infographicvqa", [
        {"id": "70001", "references": ("42.50",), "cluster": "90001.jpeg",
         "tags": {"answer_type": "single span", "evidence": "text"}},
        {"id": "70002", "references": ("3", "three"), "cluster": "90001.jpeg",
         "tags": {"answer_type": "non-extractive", "evidence": "visual/layout", "operation": "counting"}},
    ]),
    Set("InfographicVQA-hf-lmms", "infographicvqa", [{"id": "70001", "references": ("42.50",)}]),
    Set("TextVQA", "textvqa", [
        {"id": "34602", "references": ("17",) * 7 + ("no 17",) * 3, "cluster": "0000a1b2c3d4e5f6"},
        {"id": "34603", "references": ("a. bee",) * 7 + ("bee",) * 3, "cluster": "0000a1b2c3d4e5f7"},
    ]),
    Set("TextVQA-hf-lmms", "textvqa", [{"id": "34602", "cluster": "0000a1b2c3d4e5f6"}]),
    Set("VQAv2", "vqav2", [
        {"id": "42000", "cluster": "42", "tags": {"answer_type": "other", "question_type": "what color is the"}},
        {"id": "42001", "cluster": "42", "tags": {"answer_type": "number", "question_type": "how many"}},
        {"id": "73000", "cluster": "73", "tags": {"answer_type": "yes/no", "question_type": "is there a"}},
    ]),
    Set("VQAv2-hf-lmms", "vqav2", [{"id": "42000"}, {"id": "42001"}, {"id": "73000", "cluster": "73"}]),
    Set("OK-VQA", "okvqa", [
        {"id": "425", "cluster": "42", "tags": {"answer_type": "other", "question_type": "eight"}},
    ]),
    Set("OK-VQA-hf-lmms", "okvqa", [{"id": "425"}], {"split": "val2014"}),
    Set("GQA", "gqa", [
        {"id": "05515938", "references": ("red",), "cluster": "2370799",
         "tags": {"structural": "query", "semantic": "attr", "detailed": "categoryAttr"}},
    ], {"split": "testdev_balanced"}),
    Set("GQA-hf-lmms", "gqa", [{"id": "05515938", "references": ("red",), "cluster": "2370799"}], {"split": "testdev"}),
    Set("A-OKVQA", "aokvqa", [choice(KATE, "B", BESIDE, cluster="42")]),
    Set("A-OKVQA", "aokvqa", [
        {"id": KATE, "references": ("blue square",) * 6 + ("square",) * 4, "choices": None},
    ], {"ask": "direct"}),
    Set("A-OKVQA-hf-M4", "aokvqa", [choice(KATE, "B", BESIDE)]),
    Set("ScienceQA", "scienceqa", [
        choice("1", "B", ["the red square", "the blue square"], images=1,
               tags={"subject": "natural science", "topic": "physics", "grade": "grade2", "modality": "image"}),
        choice("2", "B", ["3", "4"], images=0, question="Add.\nWhat is 2 + 2?") | {"references": ("B", "4")},
    ], {"split": "test"}),
    Set("ScienceQA", "scienceqa", [{"id": "1"}], {"split": "minitest"}),
    Set("ScienceQA-hf", "scienceqa", [
        {"references": ("B", "the blue square")}, {"references": ("B", "4"), "images": 0},
    ]),
    Set("AI2D", "ai2d", [choice("0.png-0", "B", ["A", "B", "C", "D"], cluster="0.png", tags={"labels": "letters"})],
        {"split": "test"}),
    Set("AI2D-hf-lmms", "ai2d", [{"references": ("B",)}, {"references": ("C", "square")}]),
    Set("MathVista/annot_testmini.json", "mathvista", [
        {"id": "1", "references": ("40",), "choices": None},
        choice("2", "B", ["first", "second", "third"]),
        {"id": "3", "references": ("1.33",), "facts": {"precision": 2.0}},
    ]),
    Set("MathVista/data", "mathvista", [{"id": "1", "references": ("40",)}, {"id": "2", "references": ("B", "second")},
                                        {"id": "3", "references": ("1.33",)}]),
    Set("MMMU", "mmmu", [
        choice("validation_Math_1", "B", ["the red one", "the blue one", "can't tell"], images=1),
        {"id": "validation_Math_2", "references": ("3",), "images": 2, "choices": None},
        choice("validation_Math_3", "B", ["<image 1>", "<image 2>"], images=2, question="Which of these is green?"),
    ], {"config": "Math"}),
    Set("MMBench/MMBench_DEV_EN.tsv", "mmbench", [
        choice("241", "B", SQUARES),
        choice("252", "A", ["green", "pink"], question="Look at the middle.\nWhat color is the square?"),
    ]),
    Set("MMBench/circular_MMBench_DEV_EN.tsv", "mmbench", [
        choice("241", "B", SQUARES, group="241"),
        choice("1000241", "C", [SQUARES[2], SQUARES[0], SQUARES[1]], group="241"),
        choice("2000241", "A", [SQUARES[1], SQUARES[2], SQUARES[0]], group="241"),
    ]),
    Set("MMBench-hf-lmms", "mmbench", [
        choice("241", "B", SQUARES, question="Which square is larger?", tags={
            "category": "attribute_comparison", "l2-category": "finegrained_perception (cross-instance)",
            "split": "dev", "source": "self-made"}),
    ]),
    Set("VLMEvalKit-tsv/multi_image.tsv", "vlmevalkit", [
        choice("0", "A", ["first", "second"], images=2), choice("1", "B", ["first", "second"], images=2),
    ]),
    Set("VLMEvalKit-tsv/image_path.tsv", "vlmevalkit", [
        {"id": "0", "references": ("B", "2"), "images": 1, "cluster": "images/a.jpg"},
        choice("1", "B", ["first", "second"], images=2),
    ]),
    Set("VLMEvalKit-tsv/vqa_open.tsv", "vlmevalkit", [
        {"id": "0", "references": ("red",), "choices": None}, {"id": "1", "references": ("2",), "images": 1},
    ]),
    Set("MME", "mme", [
        {"id": "existence/000000000042/1", "references": ("yes",), "group": "existence/000000000042"},
        {"id": "existence/000000000042/2", "references": ("no",), "group": "existence/000000000042"},
        {"id": "posters/tt0000001/1", "references": ("yes",), "tags": {"category": "posters"}},
        {"id": "posters/tt0000001/2", "references": ("no",), "group": "posters/tt0000001"},
    ]),
    Set("MME-hf-lmms", "mme", [
        {"references": ("yes",), "group": "existence/000000000042.png"},
        {"references": ("no",), "group": "existence/000000000042.png"},
    ]),
    Set("MME-vlmevalkit-tsv", "mme", [{"id": "0", "references": ("yes",)}, {"id": "1", "references": ("no",)}]),
    Set("POPE", "pope", [
        {"id": "adversarial-1", "references": ("yes",), "tags": {"category": "adversarial"}},
        {"id": "adversarial-2", "references": ("no",), "cluster": "COCO_val2014_000000000042.jpg"},
    ]),
    Set("POPE-hf-lmms", "pope", [
        {"id": "adversarial-1", "references": ("yes",)},
        {"id": "adversarial-2", "references": ("no",), "cluster": "COCO_val2014_000000000042"},
    ]),
    Set("SEED-Bench", "seed_bench", [
        choice("101669", "B", ["Red", "Blue", "Green", "None"], cluster="1_2",
               tags={"type": "Scene Understanding", "data_type": "image"}),
    ]),
    Set("SEED-Bench-hf-lmms", "seed_bench", [
        choice("101669", "B", ["Red", "Blue", "Green", "None"], images=1),
        choice("201669", "A", ["opens", "closes", "turns", "stays"], images=2),
    ]),
    Set("OCRBench", "ocrbench", [
        {"id": "0", "references": ("INVOICE",), "tags": {"dataset": "IIIT5K", "type": "Regular Text Recognition"}},
    ]),
    Set("OCRBench-hf", "ocrbench", [{"references": ("INVOICE",)}, {"references": ("1 7",), "tags": {
        "dataset": "HME100k", "type": "Handwritten Mathematical Expression Recognition"}}]),
    Set("OCRBench-vlmevalkit-tsv", "ocrbench", [{"id": "0", "references": ("INVOICE",)}]),
    Set("RefCOCO-hf-lmms", "refcoco", [
        {"id": "0-0", "question": "small square", "boxes": [RED], "cluster": "COCO_train2014_000000000042.jpg"},
        {"id": "0-1", "question": "red one", "boxes": [RED], "references": ("[10.0, 20.0, 30.0, 40.0]",)},
    ]),
    Set("NLVR2", "nlvr2", [
        {"id": "dev-850-0-0", "references": ("True",), "images": 2, "cluster": "dev-850-0"},
        {"id": "dev-850-0-1", "references": ("False",), "images": 2, "cluster": "dev-850-0"},
    ]),
    Set("COCO", "coco", [
        {"id": "42", "cluster": "42", "facts": {"size": [96, 64], "boxes": [
            {"box": RED, "label": "red square", "area": 400.0}, {"box": BLUE, "label": "blue square", "area": 900.0}]}},
        {"id": "73", "facts": {"size": [96, 64], "boxes": [
            {"box": [20, 10, 60, 50], "label": "green square", "crowd": True, "area": 80}]}},
    ], {"config": "instances", "split": "val2017"}),
    Set("COCO", "coco_captions", [
        {"id": "42", "references": ("A red and a blue square on green.", "Two squares of unequal size.")},
        {"id": "73", "references": ("One green square.",)},
    ]),
    Set("COCO-Caption-hf-lmms", "coco_captions", [{"id": "42"}]),
    Set("COCO-karpathy", "coco_captions", [{"id": "42", "references": ("Two squares",)}],
        {"split": "restval", "images": "../VQAv2"}),
    Set("LVIS", "lvis", [{"id": "42", "facts": {
        "size": [96, 64], "absent": ["dog"], "partly": ["square"],
        "boxes": [{"box": RED, "label": "square", "area": 400.0}]}}], {"images": "../COCO"}),
    Set("Flickr30k", "flickr30k", [{"id": "0", "references": ("Two squares.", "A red shape.")}], {"split": "test"}),
    Set("Flickr30k/results_20130124.token", "flickr30k", [
        {"id": "1000092795.jpg", "references": ("Two squares .", "A red shape .")}]),
    Set("Flickr30k-hf-lmms", "flickr30k", [{"id": "0", "references": ("Two squares.", "A red shape.")}]),
    Set("LLaVA/llava_v1_5_mix.json", "llava", [
        {"id": "000000000042", "question": "<image>\nHow many squares?", "references": ("Two.",), "images": 1},
        {"id": "txt1", "references": ("Hi.",), "images": 0},
        {"id": "two", "references": ("The second.",), "images": 2},
    ]),
    Set("LLaVA/llava_v1_5_mix.json", "llava", [
        {"id": "000000000042", "references": ("The blue one.",),
         "question": "User: <image>\nHow many squares?\nAssistant: Two.\nUser: Which is larger?"},
        {"id": "txt1", "question": "Say hi."}, {"id": "two", "images": 2},
    ], {"turn": "last"}),
    Set("ShareGPT/sharegpt.json", "sharegpt", [
        {"question": "Be brief.\n<image>How many squares?", "references": ("Two",), "images": 1}]),
    Set("ShareGPT/openai_style_messages.json", "sharegpt", [{"references": ("Two",), "images": 1}]),
    Set("ShareGPT/openai_chat.jsonl", "sharegpt", [{"references": ("Two",), "images": 1}]),
    Set("ImageNet", "imagenet", [
        {"id": "ILSVRC2012/val/n01440764/ILSVRC2012_val_00000001.JPEG", "label": "n01440764",
         "references": ("tench", "Tinca tinca", "n01440764")},
        {"references": ("goldfish", "Carassius auratus", "n01443537"), "label": "n01443537"},
    ], {"split": "val"}),
    Set("ImageNet-C", "imagenet_c", [
        {"tags": {"corruption": "fog", "severity": severity}, "cluster": f"ILSVRC2012_val_0000000{number}"}
        for severity in "13" for number in "12"
    ], {"config": "fog"}),
    Set("YOLO", "yolo", [
        {"id": "images/val/a.jpg", "boxes": [
            {"box": RED, "label": "red square"}, {"box": BLUE, "label": "blue square"}]},
        {"id": "images/val/empty.jpg", "boxes": [], "references": ("[]",)},
    ], {"split": "val"}),
    Set("CORD", "cord", [{"id": "receipt_00000", "references": (json.dumps({"total": {"total_price": "42.50"}}),),
                          "boxes": [{"box": [4, 28, 60, 40], "label": "total.total_price"}]}], {"split": "test"}),
    Set("CORD-hf-v2", "cord", [{"references": (json.dumps(RECEIPT),)}]),
    Set("FUNSD", "funsd", [{"id": "83443897", "facts": {"links": [[0, 1]], "boxes": [
        {"box": [4, 28, 60, 40], "label": "question"}, {"box": [40, 28, 80, 40], "label": "answer"},
        {"box": [4, 4, 90, 14], "label": "header"}]}}], {"split": "test"}),
    Set("SROIE", "sroie", [{"id": "000", "references": (json.dumps(FIELDS),), "boxes": [
        {"box": [4, 4, 90, 14], "label": "INVOICE No 17"},
        {"box": [4, 28, 90, 40], "label": "TOTAL, INCL. TAX 42.50"}]}]),
    Set("Video-MME", "video_mme", [
        choice("001-1", "B", ["One.", "Two.", "Three.", "Four."], cluster="selfMade001", clip="selfMade001.mp4")]),
    Set("MVBench", "mvbench", [
        choice("action_sequence-0", "A", ["red", "blue"], spans=((1.2, 6.4),), clip="b1.mp4"),
        choice("moving_direction-0", "B", ["moves left", "moves right", "stays"], spans=()),
    ]),
    Set("NExT-QA", "nextqa", [
        choice("4882821564_1", "B", ["it slept", "it was painted", "it left", "it fell", "it ran"],
               tags={"type": "CW", "kind": "causal"}, clip="4882821564.mp4")]),
    Set("NExT-QA-hf-lmms", "nextqa", [{"id": "4882821564_1", "references": ("B", "it was painted")}]),
    Set("ActivityNet-Captions", "activitynet_captions", [
        {"id": "v_selfMade0001-0", "question": "A square turns red.", "spans": ((0.5, 4.0),)},
        {"id": "v_selfMade0001-1", "question": "The square leaves.", "spans": ((4.0, 9.9),)},
    ], {"config": "val_1"}),
    Set("csv/data.csv", "csv", [
        {"id": "1", "question": "How many, in all?", "references": ("2",), "choices": ["1", "2"]},
        {"id": "2", "question": "Line one\nline two?", "references": ("NA",), "choices": None},
    ], {"fields": {"choices": "options"}}),
    Set("hf-parquet-image", "parquet", [{"id": "a", "references": ("2",)}, {"id": "b", "references": ("green",)}]),
    Set("hf-arrow-folder/dataset", "parquet", [{"id": "a"}]),
    Set("hf-arrow-folder/datasetdict", "parquet", [{"id": "a"}], {"split": "test"}),
    Set("imagefolder-classes", "image_folder", [{"references": ("green",)}, {"references": ("red",)}],
        {"question": "What?"}),
    Set("imagefolder-metadata-csv", "image_folder", [
        {"id": "0001.jpg", "references": ("two squares, one red",)}, {"id": "sub/0002.jpg"}],
        {"question": "What?", "fields": {"answer": "text"}}),
    Set("webdataset", "webdataset", [
        {"id": f"d{shard}/sample_{shard}{at}", "references": (said,), "tags": {"cls": cls}}
        for shard in "01" for at, said, cls in (("0", "2", "0"), ("1", "1", "1"))
    ], {"fields": {"tags": ["cls"]}}),
]  # fmt: skip


def told(sample: Sample, name: str) -> Any:
    """What a sample says under a name of the tables above."""
    if name in ("choices", "boxes", "group", "label"):
        return sample.facts.get(name)
    if name == "images":
        return len(sample.images)
    if name == "clip":
        return Path(sample.clip.path).name  # type: ignore[union-attr]
    value = getattr(sample, name)
    return dict(value) if isinstance(value, Mapping) else value


@pytest.mark.parametrize("case", SETS, ids=str)
def test_a_layout_gives_what_its_files_say(case: Set) -> None:
    dataset = opened(case.type, case.path, **case.keys)
    samples = list(dataset)
    assert len(dataset) == len(samples) == len(case.rows)
    assert [sample.problem for sample in samples] == [None] * len(samples)
    for sample, row in zip(samples, case.rows, strict=True):
        assert {name: told(sample, name) for name in row} == row
        assert sample.origin
        assert all(image.load().size > (1, 1) for image in sample.images)
    assert len({sample.id for sample in samples}) == len(samples)
    assert [sample.id for sample in opened(case.type, case.path, limit=1, **case.keys)] == [samples[0].id]


def test_every_folder_of_layouts_is_read_by_a_test() -> None:
    read = {case.path.split("/")[0] for case in SETS}
    left_out = {"RefCOCO", "MMBench", "hf-arrow-folder", "imagefolder-metadata-jsonl", "README.md"}
    assert {entry.name for entry in LAYOUTS.iterdir()} == read | left_out


def test_ten_annotators_are_ten_references() -> None:
    for path in ("VQAv2", "VQAv2-hf-lmms"):
        assert [len(sample.references) for sample in opened("vqav2", path)] == [10, 10, 10]
    for path in ("OK-VQA", "OK-VQA-hf-lmms"):
        assert [len(sample.references) for sample in opened("okvqa", path)] == [10]


@pytest.mark.parametrize(
    ("kind", "path", "keys", "said"),
    [
        ("docvqa", "DocVQA", {}, "several splits, and which is meant is not said"),
        ("docvqa", "DocVQA", {"split": "test"}, "the split 'test' of DocVQA has no answers"),
        ("docvqa", "ChartQA", {}, "is not in the layout of DocVQA"),
        ("coco", "COCO", {}, "several configurations"),
        ("activitynet_captions", "ActivityNet-Captions", {}, "several configurations"),
        ("lvis", "LVIS", {}, "the pictures are not there"),
        ("imagenet", "ImageNet/flat_val", {}, "in the devkit's order"),
        ("refcoco", "RefCOCO", {}, r"refs\(unc\).p is a pickle"),
        ("llava", "LLaVA/eval/questions.jsonl", {}, "has no answers"),
        ("chartqa", "gone", {}, "there is no file or folder"),
        ("seed_bench", "SEED-Bench", {"data_type": "video"}, ""),
    ],
)
def test_what_a_layout_leaves_open_is_asked_for(kind: str, path: str, keys: dict[str, Any], said: str) -> None:
    if said:
        with pytest.raises(ConfigError, match=said):
            opened(kind, path, **keys)
    else:
        assert "the videos lie elsewhere" in str(next(iter(opened(kind, path, **keys))).problem)


def test_a_split_without_answers_can_be_asked_all_the_same() -> None:
    samples = list(opened("docvqa", "DocVQA", split="test", unanswered="ask"))
    assert [(sample.id, sample.references) for sample in samples] == [("1001", ()), ("1002", ())]


def test_refcoco_is_read_when_its_pickle_was_made_json(tmp_path: Path) -> None:
    source = LAYOUTS / "RefCOCO/refcoco"
    for name in ("instances.json", "refs(unc).as.json"):
        shutil.copy(source / name, tmp_path / name.replace(".as", ""))
    (tmp_path / "images").mkdir()
    for picture in (LAYOUTS / "COCO/val2017").iterdir():
        shutil.copy(picture, tmp_path / "images" / picture.name)
    cls = registry("datasets").load("refcoco")
    split = json.loads((tmp_path / "refs(unc).json").read_text())[0]["split"]
    dataset = cls.from_config(cls.Config(path=".", split=split), tmp_path, (tmp_path,))
    boxes = [sample.facts["boxes"] for sample in dataset]
    assert boxes == [[RED]] * len(boxes)
    assert all(sample.images[0].load().size == (96, 64) for sample in dataset)


ON_DISK = [entry.name for entry in registry("datasets") if issubclass(entry.load(), FilesDataset)]


@pytest.mark.parametrize("kind", ON_DISK)
def test_a_layout_names_its_source_and_metrics_that_there_are(kind: str) -> None:
    cls = registry("datasets").load(kind)
    assert cls.title
    if cls.official is not None:
        assert "Source:" in (cls.__doc__ or "")
        for metric in cls.official.metrics:
            name = metric if isinstance(metric, str) else metric["metric"]
            assert name in registry("metrics")


def test_the_guide_names_every_type_that_reads_files() -> None:
    page = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")
    assert [kind for kind in ON_DISK if f"`{kind}`" not in page] == []
