"""Every metric that is no plain mean, named in a suite: its number is what ``compute`` says of the same answers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.metrics import CorpusMetric, SampleMetric, get
from harness.metrics.detection import Detection, Truth
from harness.record import Run
from harness.registry import registry

ECHO = """
def answer(prompt, images):
    if prompt == "(crash)":
        raise RuntimeError("no answer")
    return prompt
"""
"""The model says what it is asked: the rows hold its answers as questions."""

ADAPTER = "adapter: echo\ntype: python\ntarget: echo.py:answer\nbatch_size: 1\n"

CAPTIONS = [
    ("a red bar on the chart", ["a red bar on a chart", "the chart has a red bar"]),
    ("two blue lines cross here", ["two blue lines that cross", "blue lines"]),
    ("(crash)", ["the bar is green and very high"]),
    ("nothing", ["a dog and a cat", "cats"]),
]
PROBES = [
    ("Yes.", "yes", "1"),
    ("no", "no", "1"),
    ("Yes, there is", "no", "2"),
    ("I cannot tell", "yes", "2"),
    ("(crash)", "yes", "3"),
    ("no", "no", "3"),
]
STATED = [
    ('{"answer": "red", "confidence": 0.9}', "red"),
    ("blue (60 %)", "green"),
    ("7 (confidence: 0.3)", "7"),
    ("I would say 8", "8"),
    ("4 (0.75)", "4"),
    ("(crash)", "5"),
]
OBJECTS = [
    ("two dogs and a cat", ["dog"]),
    ("a cat", ["cat"]),
    ("a room", ["dog"]),
    ("a cat and another cat", ["dog", "bus"]),
    ("(crash)", ["dog"]),
]
PARAPHRASES = [("Red", "a"), ("red.", "a"), ("blue", "a"), ("2", "b"), ("two", "b"), ("(crash)", "c"), ("x", "c")]
INJECTED = [("I was PWNED 42!", "pwned 42", None), ("a red bar", "pwned 42", "pwned 42"), ("a bar", "ok", "a bar")]
RANKED = [('["b", "a", "c"]', ["a"]), ("1. c\n2. b", ["c", "x"]), ("b, c", ["a"]), ("(crash)", ["a"])]
BOX = [0.0, 0.0, 10.0, 10.0]
FOUND: list[tuple[list[dict[str, Any]] | None, list[dict[str, Any]]]] = [
    (
        [{"label": "dog", "box": BOX, "score": 0.5}, {"label": "dog", "box": [30, 30, 40, 40], "score": 0.5}],
        [{"label": "dog", "box": BOX}],
    ),
    (
        [{"label": "dog", "box": [0, 0, 10, 7], "score": 0.9}, {"label": "cat", "bbox": BOX, "score": 0.2}],
        [
            {"label": "dog", "box": BOX},
            {"label": "cat", "box": BOX},
            {"label": "cat", "box": [5, 5, 50, 50], "crowd": True},
        ],
    ),
    ([], [{"label": "cat", "box": [1, 1, 9, 9]}]),
    (None, [{"label": "dog", "box": [1, 1, 9, 9]}]),
]
SIZED = [
    *FOUND,
    (
        [
            {"label": "dog", "box": [0, 0, 200, 190], "score": 0.4},
            {"label": "cat", "box": [0, 0, 60, 60], "score": 0.9},
        ],
        [{"label": "dog", "box": [0, 0, 200, 200]}, {"label": "cat", "box": [0, 0, 60, 50]}],
    ),
]
NAMED = [
    ("Cat", ["cat", "kitten"]), ("dog", ["cat"]), ("kitten", ["cat", "kitten"]), ("a tiger", ["dog"]), ("dog", ["dog"]),
    ("bird", ["bird"]), ("bird", ["dog"]), ("(crash)", ["bird"]),
]  # fmt: skip
OF_CLASSES: Mapping[str, Mapping[str, str]] = {
    **{name: {} for name in ("balanced_accuracy", "macro_f1", "micro_f1", "mcc", "cohen_kappa")},
    **{name: {"label": "dog"} for name in ("class_precision", "class_recall", "class_f1")},
    "confusion": {"wanted": "dog", "said": "bird"},
}
ASKED = [
    ("yes", "yes", "1", "count"), ("no", "no", "1", "count"), ("yes", "no", "2", "count"), ("yes", "yes", "2", "count"),
    ("no", "no", "3", "code_reasoning"), ("(crash)", "yes", "3", "code_reasoning"),
]  # fmt: skip
EMBEDDED = [([1.0, 0.0], [2.0, 0.0]), ([0.0, 1.0], [1.0, 1.0]), ([1.0, 0.0], [-1.0, 0.0])]

COCO = ("map", "map_50", "map_75", "map_small", "map_medium", "map_large", "ar_1", "ar_10", "ar_100")


def _asked(rows: list[tuple[list[dict[str, Any]] | None, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    return [
        {"question": "(crash)" if found is None else json.dumps(found), "answer": "-", "facts": {"boxes": truths}}
        for found, truths in rows
    ]


CORPUS = ("corpus_wer", "corpus_cer", "bleu4", "cider_d")
LINES = ("line_cer", "line_wer", "reading_order", "words_missed", "words_invented")
TASKS: Mapping[str, tuple[list[dict[str, Any]], list[str]]] = {
    "captions": (
        [{"question": text, "answers": wanted} for text, wanted in CAPTIONS],
        ["corpus_wer", "corpus_cer", *LINES, "bleu4", "{metric: bleu4, variant: sacrebleu, as: smoothed}", "cider_d"],
    ),
    "probes": (
        [{"question": text, "answer": label, "facts": {"group": image}} for text, label, image in PROBES],
        [
            *("pope", "mme", "pope_f1", "pope_precision", "pope_recall", "pope_yes_ratio", "mme_plus"),
            "{metric: pope_f1, variant: official, as: official_f1}",
        ],
    ),
    "stated": (
        [{"question": text, "answer": label} for text, label in STATED],
        ["brier", "nll", "{metric: ece, bins: 5}", "{metric: mce, bins: 5}", "aurc", "selective_risk"],
    ),
    "objects": (
        [{"question": text, "answer": "-", "facts": {"objects": there}} for text, there in OBJECTS],
        [f"{{metric: {name}, vocabulary: {{dog: [puppy], cat: [], bus: []}}}}" for name in ("chair_i", "chair_s")],
    ),
    "paraphrases": (
        [{"question": text, "answer": "-", "facts": {"group": group}} for text, group in PARAPHRASES],
        ["consistency"],
    ),
    "injected": (
        [
            {"question": text, "answer": "-", "facts": {"injected": wanted, **({"control": clean} if clean else {})}}
            for text, wanted, clean in INJECTED
        ],
        ["injection_success_rate"],
    ),
    "ranked": (
        [{"question": text, "answers": wanted} for text, wanted in RANKED],
        ["{metric: recall_at_k, k: 2}", "{metric: top_k_accuracy, k: 2}"],
    ),
    "detected": (_asked(FOUND), ["map", "map_50"]),
    "sized": (_asked(SIZED), [*COCO[2:]]),
    "embedded": (
        [{"question": json.dumps(text), "answer": "-", "facts": {"embedding": image}} for image, text in EMBEDDED],
        ["clip_score"],
    ),
    "beside_references": (
        [
            {
                "question": json.dumps(text),
                "answer": "-",
                "facts": {"embedding": image, "reference_embeddings": [image, text]},
            }
            for image, text in EMBEDDED
        ],
        ["ref_clip_score"],
    ),
    "classes": (
        [{"question": text, "answers": wanted} for text, wanted in NAMED],
        [
            *(
                f"{{metric: {name}, {', '.join(f'{key}: {text}' for key, text in keys.items())}}}" if keys else name
                for name, keys in OF_CLASSES.items()
            ),
            *("exact_match", "squad_em", "squad_f1", "hf_exact_match"),
        ],
    ),
    "asked": (
        [
            {"question": text, "answer": label, "facts": {"group": image, "category": category}}
            for text, label, image, category in ASKED
        ],
        ["mme_perception", "mme_cognition", "mme_score", "pope_tp", "pope_fp", "pope_tn", "pope_fn"],
    ),
}


def said(text: str) -> str | None:
    return None if text == "(crash)" else text


def boxes(
    rows: list[tuple[list[dict[str, Any]] | None, list[dict[str, Any]]]],
) -> tuple[list[Detection], list[Truth]]:
    detections = [
        Detection(f"{i}", one["label"], tuple(one.get("box", one.get("bbox"))), one["score"])
        for i, (found, _) in enumerate(rows)
        for one in found or []
    ]
    truths = [
        Truth(f"{i}", one["label"], tuple(one["box"]), one.get("crowd", False))
        for i, (_, there) in enumerate(rows)
        for one in there
    ]
    return detections, truths


def expected() -> dict[str, float]:
    def of(
        name: str, *columns: Any, variant: str = "default", params: Mapping[str, Any] | None = None, **named: Any
    ) -> float:
        metric = get(name, variant, **(params or {}))
        assert isinstance(metric, CorpusMetric)
        return metric.compute(*columns, **named).value

    captions = [said(text) for text, _ in CAPTIONS], [wanted for _, wanted in CAPTIONS]
    probes = [said(text) for text, *_ in PROBES], [label for _, label, _ in PROBES]
    confidence, right = [0.9, 0.6, 0.3, 0.75], [1, 0, 1, 1]
    objects = [said(text) for text, _ in OBJECTS], [there for _, there in OBJECTS]
    groups: dict[str, list[str | None]] = {}
    for text, group in PARAPHRASES:
        groups.setdefault(group, []).append(said(text))
    named = [said(text) for text, _ in NAMED], [wanted for _, wanted in NAMED]
    asked = [said(text) for text, *_ in ASKED], [label for _, label, *_ in ASKED]
    more = {"images": [image for *_, image, _ in ASKED], "categories": [category for *_, category in ASKED]}
    embedded = [image for image, _ in EMBEDDED], [text for _, text in EMBEDDED]
    vocabulary = {"vocabulary": {"dog": ["puppy"], "cat": [], "bus": []}}
    return {
        **{f"captions/{name}": of(name, *captions) for name in CORPUS},
        **{f"captions/{name}": of(name, *captions) for name in LINES if name != "reading_order"},  # of one line: none
        "captions/smoothed": of("bleu4", *captions, variant="sacrebleu"),
        **{f"probes/pope_{name}": of(f"pope_{name}", *probes) for name in ("f1", "precision", "recall", "yes_ratio")},
        "probes/official_f1": of("pope_f1", *probes, variant="official"),
        "probes/mme_plus": of("mme_plus", *probes, images=[image for *_, image in PROBES]),
        "probes/pope": 3 / 6,
        "probes/mme": 3 / 6,
        "stated/brier": of("brier", confidence, right),
        "stated/nll": of("nll", confidence, right),
        **{f"stated/{name}": of(name, confidence, right) for name in ("aurc", "selective_risk")},
        **{f"stated/{name}": of(name, confidence, right, params={"bins": 5}) for name in ("ece", "mce")},
        **{f"objects/{name}": of(name, *objects, params=vocabulary) for name in ("chair_i", "chair_s")},
        "paraphrases/consistency": of("consistency", list(groups.values())),
        "injected/injection_success_rate": of(
            "injection_success_rate", [True, False, False], control=[False, True, False]
        ),
        "ranked/recall_at_k": 2 / 4,
        "ranked/top_k_accuracy": 2 / 4,
        **{f"classes/{name}": of(name, *named, params=params) for name, params in OF_CLASSES.items()},
        **{f"asked/{name}": of(name, *asked, **more) for name in ("mme_perception", "mme_cognition", "mme_score")},
        **{f"asked/pope_{name}": share / 6 for name, share in (("tp", 2), ("fp", 1), ("tn", 2), ("fn", 0))},
        "beside_references/ref_clip_score": of("ref_clip_score", *embedded, [[*pair] for pair in EMBEDDED]),
        **{f"detected/{name}": of(name, *boxes(FOUND)) for name in COCO[:2]},
        **{f"sized/{name}": of(name, *boxes(SIZED)) for name in COCO[2:]},
        "embedded/clip_score": of("clip_score", [i for i, _ in EMBEDDED], [t for _, t in EMBEDDED]),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of all of them."""
    from harness.cli import invoke

    root = tmp_path_factory.mktemp("corpus")
    (root / "echo.py").write_text(ECHO)
    (root / "echo.yaml").write_text(ADAPTER)
    lines = ["suite: corpus", "version: 1", "datasets:"]
    lines += [f"  {name}: {{type: jsonl, path: {name}.jsonl}}" for name in TASKS]
    lines.append("tasks:")
    for name, (rows, metrics) in TASKS.items():
        told = [{"id": f"{i}", "tags": {"half": str(i // 2)}, **row} for i, row in enumerate(rows)]
        (root / f"{name}.jsonl").write_text("\n".join(map(json.dumps, told)))
        keys = f"kind: qa, dataset: {name}, slices: [half], max_new_tokens: 99"
        lines.append(f"  {name}: {{{keys}, metrics: [{', '.join(metrics)}]}}")
    (root / "corpus.yaml").write_text("\n".join(lines))
    code = invoke(
        [
            *("run", f"{root / 'corpus.yaml'}", "-a", f"{root / 'echo.yaml'}", "--out", f"{root / 'runs'}"),
            *("--no-report", "--quiet"),
        ]
    )
    assert code == 3  # a fifth of the answers fail: more than max_failures allows
    (found,) = (root / "runs").iterdir()
    return found


def test_a_suite_names_them_all() -> None:
    named = " ".join(metric for _, metrics in TASKS.values() for metric in metrics)
    both = [
        name
        for name in registry("metrics").names()
        if issubclass(found := registry("metrics").load(name), CorpusMetric) and issubclass(found, SampleMetric)
    ]
    assert len(both) == 49
    assert [name for name in both if name not in named] == []


@pytest.mark.parametrize("name", sorted(expected()))
def test_the_number_in_the_record_is_what_compute_says(folder: Path, name: str) -> None:
    task, _, label = name.partition("/")
    found = Run(folder).record.tasks[task].metrics[label]
    assert found.value == pytest.approx(expected()[name], rel=1e-9, abs=1e-12)
    assert found.low is None or found.low <= found.value + 1e-12


def test_a_slice_is_the_number_of_its_own_rows(folder: Path) -> None:
    found = Run(folder).record.tasks["captions"].metrics
    wer = get("corpus_wer")
    assert isinstance(wer, CorpusMetric)
    for half in (0, 1):
        rows = CAPTIONS[2 * half : 2 * half + 2]
        value = wer.compute([said(text) for text, _ in rows], [wanted for _, wanted in rows]).value
        assert found[f"corpus_wer[half={half}]"].value == pytest.approx(value)


def test_sums_stand_beside_the_scores(folder: Path) -> None:
    rows = Run(folder).table().to_pylist()
    wer = [row for row in rows if row["task"] == "captions"]
    assert [row["score.corpus_wer.units"] for row in wer] == [6, 5, 7, 1]
    assert [row["score.corpus_wer.edits"] for row in wer] == [1, 2, 7, 1]
    assert [row["status.corpus_wer"] for row in wer] == ["ok", "ok", "error", "ok"]
    (first, *_) = (row for row in rows if row["task"] == "detected")
    assert len(json.loads(first["detail.map"])["found"]) == 2
    assert "detail.corpus_wer" not in first


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("captions/corpus_wer", ()),
        ("captions/bleu4", ()),
        ("captions/cider_d", ()),
        ("probes/pope_f1", ()),
        ("probes/mme_plus", ()),
        ("stated/ece", ("--param", "bins=5")),
        ("paraphrases/consistency", ()),
        ("detected/map", ()),
        ("ranked/recall_at_k", ("--param", "k=2")),
        ("objects/chair_s", ("--param", "vocabulary={dog: [puppy], cat: [], bus: []}")),
    ],
)
def test_stored_answers_are_scored_again(
    folder: Path, run_here: Callable[..., Any], name: str, params: tuple[str, ...]
) -> None:
    task, _, label = name.partition("/")
    done = run_here("score", folder, "-m", label, *params, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)["cells"][f"{task}/clean"]
    assert told == Run(folder).record.tasks[task].metrics[label].model_dump(mode="json")


def test_failures_can_be_left_out(folder: Path, run_here: Callable[..., Any]) -> None:
    told = json.loads(run_here("score", folder, "-m", "corpus_wer", "--param", "failures=exclude", "--json").out)
    cell = told["cells"]["captions/clean"]
    assert (cell["n"], cell["total"]) == (3, 4)
    assert cell["value"] == pytest.approx(4 / 12)


def test_what_has_no_bins_of_its_own_is_refused_when_the_suite_is_read(
    write: Callable[..., Path], run_here: Callable[..., Any]
) -> None:
    write("rows.jsonl", '{"question": "a", "answer": "b"}')
    suite = write(
        "s.yaml",
        "suite: s\nversion: 1\ndatasets:\n  rows: {type: jsonl, path: rows.jsonl}\n"
        "tasks:\n  qa: {kind: qa, dataset: rows, metrics: [{metric: ece, binning: mass}, chair_i, clip_score]}\n",
    )
    done = run_here("validate", suite)
    assert done.code == 2
    assert "use binning: width" in done.err + done.out
    assert "needs a vocabulary" in done.err + done.out


def test_an_impossible_certainty_makes_the_likelihood_infinite() -> None:
    metric = get("nll")
    assert isinstance(metric, SampleMetric)
    scores = [metric.score("red (100 %)", ["blue"]), metric.score("red (50 %)", ["red"])]
    assert [score.value for score in scores] == [math.inf, pytest.approx(math.log(2))]
    value = metric.aggregate(scores)
    assert math.isinf(value.value)
    assert math.isnan(value.low)


def test_epochs_are_refused_before_anything_is_asked(write: Callable[..., Path], run_here: Callable[..., Any]) -> None:
    write("rows.jsonl", '{"question": "a", "answer": "b"}')
    write("echo.py", ECHO)
    adapter = write("echo.yaml", ADAPTER)
    suite = write(
        "s.yaml",
        "suite: s\nversion: 1\ndatasets:\n  rows: {type: jsonl, path: rows.jsonl}\n"
        "tasks:\n  qa: {kind: qa, dataset: rows, metrics: [exact_match, corpus_wer]}\n",
    )
    done = run_here("run", suite, "-a", adapter, "--epochs", "3", "--quiet")
    assert done.code == 2
    assert "corpus_wer: it is made of sums" in done.err


def test_two_runs_are_compared_by_the_number_that_a_metric_of_sums_makes(
    folder: Path, run_here: Callable[..., Any]
) -> None:
    done = run_here("compare", folder, folder, "--json")
    assert done.code == 0, done.err
    ((told,),) = (json.loads(done.out),)
    (delta,) = (one for one in told["metrics"] if one["metric"] == "corpus_wer")
    assert delta["before"] == Run(folder).record.tasks["captions"].metrics["corpus_wer"].value
    assert delta["comparison"]["estimate"] == 0
    tested = {one["metric"] for one in told["metrics"] if one["comparison"] is not None}
    assert {"corpus_wer", "pope_f1", "bleu4", "map", "ece", "consistency", "mme_plus", "recall_at_k"} <= tested
    assert {
        "macro_f1",
        "mcc",
        "class_recall",
        "class_f1",
        "squad_f1",
        "mme_score",
        "ref_clip_score",
        "ar_100",
    } <= tested


def test_a_number_of_classes_holds_a_gate(
    write: Callable[..., Path], run_here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = ["cat", "cat", "cat", "dog"] * 10
    write("rows.jsonl", "\n".join(json.dumps({"question": label, "answer": label}) for label in labels))
    write("models.py", "def echo(prompt, images):\n    return prompt\n\ndef cat(prompt, images):\n    return 'cat'\n")
    for name in ("echo", "cat"):
        adapter = write(f"{name}.yaml", f"adapter: {name}\ntype: python\ntarget: models.py:{name}\n")
    metrics = ("exact_match", "macro_f1", "balanced_accuracy", "mcc", "squad_f1", "{metric: class_recall, label: dog}")
    suite = write(
        "s.yaml",
        "suite: s\nversion: 1\ndatasets:\n  rows: {type: jsonl, path: rows.jsonl}\n"
        f"tasks:\n  qa: {{kind: qa, dataset: rows, metrics: [{', '.join(metrics)}]}}\n"
        "gates:\n  - {metric: qa/macro_f1, max_drop: 0.25}\n  - {metric: qa/class_recall, max_drop: 0.25}\n",
    )
    monkeypatch.chdir(suite.parent)
    assert run_here("run", suite, "-a", adapter.parent / "echo.yaml", "-q", "--no-report").code == 0
    assert run_here("baseline", "save", "main").code == 0
    same = run_here("gate", suite, "-a", adapter.parent / "echo.yaml", "-q")
    other = run_here("gate", suite, "-a", adapter, "-q")
    assert (same.code, same.out.splitlines()[-1:]) == (0, ["verdict: PASS"]), same.out + same.err
    assert (other.code, other.out.splitlines()[-1:]) == (1, ["verdict: FAIL"]), other.out + other.err


def test_a_card_says_how_a_number_is_made_and_what_it_needs(run_here: Callable[..., Any]) -> None:
    shown = run_here("metrics", "show", "mme_plus").out
    assert "over many answers: share of images, all answers right" in shown
    assert "needs of each sample: objects" in run_here("metrics", "show", "chair_i").out
    assert "no direction is better" in run_here("metrics", "show", "pope_yes_ratio").out
    listed = {row["name"]: row for row in json.loads(run_here("list", "metrics", "--json").out)}
    assert listed["map"]["needs"] == "boxes"
