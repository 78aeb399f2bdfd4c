"""Ask the code of public repositories for its numbers on generated answers: what our variants are held against.

For developers, and only when a repository is read anew. Each repository is a checkout in one folder, under its own
name; nothing of it is imported: the functions that are asked are lifted out of their file, without what the file
imports. ``test_peers.py`` replays the files that this writes.

    python tests/metrics/peers/make.py CHECKOUTS [anls-lmms-eval ...]
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import importlib.metadata
import io
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import fuzz  # beside this script

HERE = Path(__file__).parent
SEED = 20_261_129


@dataclass(frozen=True)
class Peer:
    """Where a variant's numbers come from."""

    metric: str
    variant: str
    repository: str
    path: str
    cases: Callable[[random.Random], Iterable[dict[str, Any]]]
    ask: Callable[[Path], Callable[[dict[str, Any]], float]]
    """Takes the folder of checkouts, returns what scores one case; a peer that fails on a case gives no number."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Of our metric."""
    digits: int = 9
    """After the point, to which the published code tells its numbers."""


def lifted(file: Path, *names: str, **given: Any) -> SimpleNamespace:
    """Return top-level functions, classes and values of a source file, with ``given`` in place of its imports."""
    text = file.read_text(encoding="utf-8")
    text = re.sub(r"^(\s*)print +(.+)$", r"\1print(\2)", text, flags=re.MULTILINE)  # Python 2
    text = re.sub(r"print\(\((.*)\)\)$", r"print(\1)", text, flags=re.MULTILINE)
    tree = ast.parse(_closed(text))
    kept = [node for node in tree.body if _name(node) in names]
    missing = set(names) - {_name(node) for node in kept}
    if missing:
        raise SystemExit(f"{file} has no {', '.join(sorted(missing))}")
    space: dict[str, Any] = {"re": re, **given}
    exec(compile(ast.Module(kept, []), str(file), "exec"), space)  # noqa: S102  # that is what it is for
    return SimpleNamespace(**{name: space[name] for name in names})


def _closed(text: str) -> str:
    """Return Python 2 source whose prints over several lines are left out."""
    return re.sub(r"^( *)print\(.*%\($(?:\n.*)*?\)\)?$", r"\1pass", text, flags=re.MULTILINE)


def _name(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return getattr(node, "name", None)


def plain_distance(first: str, second: str) -> int:
    """Levenshtein's distance, for repositories that import it."""
    row = list(range(len(second) + 1))
    for i, one in enumerate(first, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(second, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (one != other))
    return row[-1]


def undecorated(**_: Any) -> Callable[[Any], Any]:
    return lambda function: function


# The peers ------------------------------------------------------------------------------------------------------------


def anls_pix2struct(at: Path) -> Callable[[dict[str, Any]], float]:
    code = lifted(
        at / "pix2struct/pix2struct/metrics.py",
        "aggregate_metrics",
        "anls_metric",
        editdistance=SimpleNamespace(eval=plain_distance),
        **_TYPING,
    )
    return lambda case: (
        code.aggregate_metrics(
            targets=[case["references"]],
            predictions=[case["prediction"]],
            metric_fn=code.anls_metric,
            normalize_fn=lambda v: v.lower(),
        )
        / 100
    )


def anls_lmms_eval(at: Path) -> Callable[[dict[str, Any]], float]:
    file = at / "lmms-eval/lmms_eval/api/metrics.py"
    code = lifted(file, "levenshtein_distance", "anls", register_metric=undecorated)
    code = SimpleNamespace(anls=code.anls)
    return lambda case: code.anls(case["references"], [case["prediction"]])["anls"]


def _vlmevalkit(at: Path) -> SimpleNamespace:
    import numpy as np

    misc = lifted(at / "VLMEvalKit/vlmeval/smp/misc.py", "istype", "listinstr", "process_punctuation")
    names = (
        "_process_digit_article", "hit_calculate", "relaxed_correctness", "levenshtein_distance", "anls_compute",
        "process_answer", "process_line",
    )  # fmt: skip
    return lifted(at / "VLMEvalKit/vlmeval/dataset/utils/vqa_eval.py", *names, np=np, **vars(misc), **_TYPING)


def through_vlmevalkit(method: str, dataset: str) -> Callable[[Path], Callable[[dict[str, Any]], float]]:
    def ask(at: Path) -> Callable[[dict[str, Any]], float]:
        code = _vlmevalkit(at)

        def scored(case: dict[str, Any]) -> float:
            line = {"answer": repr(list(case["references"])), "prediction": case["prediction"]}
            return float(code.hit_calculate([code.process_line(line, method)], dataset)[0])

        return scored

    return ask


def anls_star(at: Path, read: Callable[[str], Any]) -> Callable[[dict[str, Any]], float]:
    sys.path.insert(0, str(at / "anls_star_metric/src"))  # a package without imports that cost anything
    from anls_star import anls_score

    if str(at) not in str(sys.modules["anls_star"].__file__):
        raise SystemExit("another anls_star was imported than that of the checkout")
    return lambda case: float(anls_score(tuple(map(read, case["references"])), read(case["prediction"])))


def _annotated(references: list[str]) -> list[dict[str, Any]]:
    return [{"answer": text, "answer_id": i} for i, text in enumerate(references)]


def vqa_official(at: Path) -> Callable[[dict[str, Any]], float]:
    code = lifted(at / "VQA/PythonEvaluationTools/vqaEvaluation/vqaEval.py", "VQAEval", sys=sys)

    def scored(case: dict[str, Any]) -> float:
        asked = {"answers": _annotated(case["references"]), "question_type": "is", "answer_type": "other"}
        wanted = SimpleNamespace(qa={1: asked}, getQuesIds=lambda: [1])
        with contextlib.redirect_stdout(io.StringIO()):
            judge = code.VQAEval(wanted, SimpleNamespace(qa={1: {"answer": case["prediction"]}}), n=12)
            judge.evaluate()
        return float(judge.evalQA[1] / 100)

    return scored


def vqa_lmms_eval(at: Path) -> Callable[[dict[str, Any]], float]:
    root = at / "lmms-eval/lmms_eval/tasks"
    processor = lifted(root / "_task_utils/vqa_eval_metric.py", "EvalAIAnswerProcessor").EvalAIAnswerProcessor
    code = lifted(
        root / "vqav2/utils.py", "vqav2_process_results", statistics=statistics, EvalAIAnswerProcessor=processor
    )

    def scored(case: dict[str, Any]) -> float:
        doc = {"answers": _annotated(case["references"]), "question_id": 1}
        return float(code.vqav2_process_results(doc, [case["prediction"]])["exact_match"])

    return scored


def ocrbench_lmms_eval(at: Path) -> Callable[[dict[str, Any]], float]:
    file = at / "lmms-eval/lmms_eval/tasks/ocrbench/utils.py"
    code = lifted(file, "_fold_fullwidth_ascii", "ocrbench_process_results")

    def scored(case: dict[str, Any]) -> float:
        doc = {"answer": list(case["references"]), "question_type": "", **case["tags"]}
        return float(code.ocrbench_process_results(doc, [case["prediction"]])["ocrbench_accuracy"]["score"])

    return scored


def yes_no_lmms_eval(kind: str) -> Callable[[Path], Callable[[dict[str, Any]], float]]:
    def ask(at: Path) -> Callable[[dict[str, Any]], float]:
        names = ("parse_pred_ans", "eval_type_dict") if kind == "mme" else ()
        code = lifted(at / f"lmms-eval/lmms_eval/tasks/{kind}/utils.py", f"{kind}_process_results", *names)
        judge = getattr(code, f"{kind}_process_results")

        def scored(case: dict[str, Any]) -> float:
            doc = {"answer": case["references"][0], "question_id": 1, "category": "color"}
            (first, *_) = judge(doc, [case["prediction"]]).values()
            return float(first["score"])

        return scored

    return ask


def yes_no_vlmevalkit(at: Path) -> Callable[[dict[str, Any]], float]:
    punctuation = lifted(at / "VLMEvalKit/vlmeval/smp/misc.py", "process_punctuation").process_punctuation
    file = at / "VLMEvalKit/vlmeval/dataset/utils/yorn.py"
    read = lifted(file, "YOrN_Extraction", process_punctuation=punctuation).YOrN_Extraction
    return lambda case: float(read(case["prediction"]) == case["references"][0].capitalize())


def pope_official(at: Path) -> Callable[[dict[str, Any]], float]:
    source = (at / "POPE/evaluate.py").read_text(encoding="utf-8")

    def scored(case: dict[str, Any]) -> float:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            answers, labels = Path(folder, "answers"), Path(folder, "labels")
            answers.write_text(json.dumps({"answer": case["prediction"]}), encoding="utf-8")
            labels.write_text(json.dumps({"label": case["references"][0]}), encoding="utf-8")
            said = source.replace("ans_file = ''", f"ans_file = {str(answers)!r}")
            said = said.replace("label_file = ''", f"label_file = {str(labels)!r}")
            space: dict[str, Any] = {}
            # Rates of one probe divide by zero, after what it is read as is known.
            with contextlib.suppress(ZeroDivisionError):
                exec(compile(said, "evaluate.py", "exec"), space)  # noqa: S102
        return float(space["pred_list"] == space["label_list"])

    return scored


def mme_official(at: Path) -> Callable[[dict[str, Any]], float]:
    code = lifted(at / "Deco/eval_tool/calculation.py", "calculate_metrics")
    read = code.calculate_metrics().parse_pred_ans
    return lambda case: float(read(case["prediction"].lower()) == case["references"][0].lower())


def relaxed_pix2struct(at: Path) -> Callable[[dict[str, Any]], float]:
    judge = lifted(at / "pix2struct/pix2struct/metrics.py", "relaxed_correctness", **_TYPING).relaxed_correctness
    return lambda case: float(max(judge(text, case["prediction"]) for text in case["references"]))


def relaxed_lmms_eval(at: Path) -> Callable[[dict[str, Any]], float]:
    judge = lifted(at / "lmms-eval/lmms_eval/tasks/chartqa/utils.py", "relaxed_correctness").relaxed_correctness
    return lambda case: float(max(judge(case["prediction"], text) for text in case["references"]))


def relaxed_chartqapro(at: Path) -> Callable[[dict[str, Any]], float]:
    from anls import anls_score

    names = (
        "fix_list_format", "parse_to_list", "to_float", "evaluate_single_answer", "relaxed_correctness_chartqapro",
        "evaluate_predictions_chartqapro",
    )  # fmt: skip
    file = at / "ChartQAPro/evaluate_predictions.py"
    code = lifted(file, *names, ast=ast, anls_score=anls_score, **_TYPING)

    def scored(case: dict[str, Any]) -> float:
        row = {"Answer": case["references"], "prediction": case["prediction"], "Question Type": "Factoid"}
        row |= {"Year": case["tags"]["year"].split(",")}
        return float(code.evaluate_predictions_chartqapro([row])["Overall"])

    return scored


def chair(at: Path, whole: bool) -> Callable[[dict[str, Any]], float]:
    from nltk.tokenize import NLTKWordTokenizer

    names = (
        "plural_prepositions", "singular_rules", "singular_uninflected", "singular_uncountable", "singular_ie",
        "singular_irregular", "singularize",
    )  # fmt: skip
    pattern = lifted(at / "pattern/pattern/text/en/inflect.py", *names, NOUN="NN")
    sentences = re.compile(r"(?<=[.!?])\s+")  # for nltk's own splitter, whose data must be downloaded
    treebank = NLTKWordTokenizer()
    nltk = SimpleNamespace(
        word_tokenize=lambda text: [word for part in sentences.split(text) for word in treebank.tokenize(part)]
    )
    file = at / "Hallucination/utils/chair.py"
    code = lifted(file, "CHAIR", "load_generated_captions", nltk=nltk, singularize=pattern.singularize, json=json)

    def scored(case: dict[str, Any]) -> float:
        measures = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR", "CIDEr", "SPICE", "ROUGE_L")
        zeros = dict.fromkeys(measures, 0)
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            Path("data").mkdir()
            lines = (", ".join([name, *others]) for name, others in fuzz.VOCABULARY.items())
            Path("data/synonyms.txt").write_text("\n".join(lines), encoding="utf-8")
            judge = code.CHAIR([1], "")
            judge.imid_to_objects = {1: {judge.inverse_synonym_dict[name] for name in case["objects"]}}
            caption = {"image_id": 1, "caption": case["prediction"], **zeros}
            content = {"overall": zeros, "imgToEval": {"1": caption}}
            Path("captions.json").write_text(json.dumps(content), encoding="utf-8")
            try:
                found = judge.compute_chair("captions.json")["sentences"][0]["metrics"]
            except ZeroDivisionError:  # no mention in all captions, here in the only one
                return 0.0
        return float(found["CHAIRs"] if whole else found["CHAIRi"])

    return scored


def deplot(at: Path, kind: str) -> Callable[[dict[str, Any]], float]:
    import dataclasses
    import itertools

    import numpy as np
    from scipy import optimize

    distance = SimpleNamespace(eval=plain_distance)
    anls = lifted(at / "pix2struct/pix2struct/metrics.py", "anls_metric", editdistance=distance, **_TYPING)
    names = (
        "_to_float", "_get_relative_distance", "_table_numbers_match", "_get_table_numbers", "_permute", "Table",
        "_parse_table", "_get_table_datapoints", "_get_datapoint_metric", "_table_datapoints_precision_recall_f1",
        "table_number_accuracy_per_point", "table_datapoints_precision_recall_per_point",
        "table_datapoints_precision_recall",
    )  # fmt: skip
    given = {"dataclasses": dataclasses, "itertools": itertools, "np": np, "optimize": optimize}
    code = lifted(at / "google-research/deplot/metrics.py", *names, pix2struct_metrics=anls, **given, **_TYPING)

    def scored(case: dict[str, Any]) -> float:
        rows = [case["references"]], [case["prediction"]]
        if kind == "numbers":
            return float(code.table_number_accuracy_per_point(*rows)[0])
        points = code.table_datapoints_precision_recall_per_point(*rows)
        if kind == "per_point":
            return float(points["f1"][0])
        if kind == "f1":  # the mistake is in the list of points: of one table, the rates give what F1 is
            precision, recall = points["precision"][0], points["recall"][0]
            return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0
        return float(points[kind][0])

    return scored


def squad(at: Path, name: str) -> Callable[[dict[str, Any]], float]:
    import collections
    import string

    names = ("normalize_answer", "get_tokens", "compute_exact", "compute_f1")
    file = at / "SQuAD-explorer/evaluate-v2.0.py"
    judge = getattr(lifted(file, *names, string=string, collections=collections), name)
    return lambda case: float(max(judge(text, case["prediction"]) for text in case["references"]))


def _window_code(at: Path) -> SimpleNamespace:
    from collections import defaultdict

    import numpy as np

    names = (
        "compute_temporal_iou_batch_paired", "compute_temporal_iou_batch_cross", "interpolated_precision_recall",
        "compute_average_precision_detection",
    )  # fmt: skip
    utils = lifted(at / "moment_detr/standalone_eval/utils.py", *names, np=np)
    names = ("compute_average_precision_detection_wrapper", "compute_mr_ap", "compute_mr_r1")
    return lifted(at / "moment_detr/standalone_eval/eval.py", *names, np=np, defaultdict=defaultdict, **vars(utils))


def moments(at: Path, kind: str) -> Callable[[dict[str, Any]], float]:
    code = _window_code(at)

    def scored(case: dict[str, Any]) -> float:
        said = [{"qid": 1, **json.loads(case["prediction"])}]
        wanted = [{"qid": 1, "relevant_windows": json.loads(case["references"][0])}]
        if kind == "recall":
            return float(code.compute_mr_r1(said, wanted)["0.5"] / 100)
        return float(code.compute_mr_ap(said, wanted, num_workers=1)["average"] / 100)  # to two digits of a per cent

    return scored


def next_gqa(at: Path, place: int) -> Callable[[dict[str, Any]], float]:
    """Return what reads a figure of the printed line: 0 is Acc@GQA, 1 mIoP, 4 mIoU."""
    source = (at / "NExT-GQA/code/TempGQA/eval_ground.py").read_text(encoding="utf-8").replace(":.1f}", ":.12f}")
    tree = ast.parse(source)
    kept = [node for node in tree.body if _name(node) in ("get_tIoU", "eval_ground")]
    space: dict[str, Any] = {}
    exec(compile(ast.Module(kept, []), "eval_ground.py", "exec"), space)  # noqa: S102

    def scored(case: dict[str, Any]) -> float:
        said = json.loads(case["prediction"])
        window = (said["spans"] if isinstance(said, dict) else said)[0]
        true = json.loads(case["evidence"])["spans"] if "evidence" in case else json.loads(case["references"][0])
        answered = {"1_1": {"answer": "B", "prediction": said["answer"]}} if isinstance(said, dict) else None
        with contextlib.redirect_stdout(io.StringIO()) as told:
            space["eval_ground"]({"1": {"location": {"1": true}, "duration": 99}}, {"1_1": window}, answered)
        return float(told.getvalue().splitlines()[-1].split()[place]) / 100

    return scored


def package(name: str, function: Callable[[Any], Callable[[str, str], float]]) -> Callable[[Path], Any]:
    """Ask a package that is installed: ``function`` takes its module, and returns what judges an answer."""

    def ask(_: Path) -> Callable[[dict[str, Any]], float]:
        judge = function(importlib.import_module(name))
        return lambda case: max(float(judge(text, case["prediction"])) for text in case["references"])

    return ask


_JIWER = {kind: package("jiwer", lambda of, kind=kind: getattr(of, kind)) for kind in ("wer", "cer")}
_TORCHMETRICS = {
    kind: package(
        "torchmetrics.functional.text",
        lambda of, name=name: lambda wanted, said: getattr(of, name)([said], [wanted]),
    )
    for kind, name in {"wer": "word_error_rate", "cer": "char_error_rate"}.items()
}
_ROUGE = package(
    "rouge_score.rouge_scorer",
    lambda of: lambda wanted, said: of.RougeScorer(["rougeL"]).score(wanted, said)["rougeL"].fmeasure,
)


_TYPING = {
    "Any": Any, "Callable": Callable, "Optional": list, "Sequence": list, "List": list, "Dict": dict, "Tuple": tuple,
}  # fmt: skip
"""What annotations name; what they say does not matter here."""

_LMMS, _KIT, _PIX = "EvolvingLMMs-Lab/lmms-eval", "open-compass/VLMEvalKit", "google-research/pix2struct"
_STAR, _HALLUCINATION = "deepopinion/anls_star_metric", "LisaAnne/Hallucination"
_LMMS_TASKS, _KIT_UTILS = "lmms_eval/tasks", "vlmeval/dataset/utils"

_GOOGLE, _DEPLOT = "google-research/google-research", "deplot/metrics.py"
_SQUAD = "rajpurkar/SQuAD-explorer"
_DETR, _DETR_FILE = "jayleicn/moment_detr", "standalone_eval/eval.py"
_GQA, _GQA_FILE = "doc-doc/NExT-GQA", "code/TempGQA/eval_ground.py"

_VOCABULARY = {"vocabulary": fuzz.VOCABULARY}

PEERS = (
    Peer("anls", "pix2struct", _PIX, "pix2struct/metrics.py", fuzz.spellings, anls_pix2struct),
    Peer("anls", "lmms-eval", _LMMS, "lmms_eval/api/metrics.py", fuzz.spellings, anls_lmms_eval),
    Peer(
        "anls",
        "vlmevalkit",
        _KIT,
        f"{_KIT_UTILS}/vqa_eval.py",
        fuzz.spellings,
        through_vlmevalkit("anls", "DocVQA_VAL"),
    ),
    Peer("anls", "anls-star", _STAR, "src/anls_star/anls_star.py", fuzz.spellings, lambda at: anls_star(at, str)),
    Peer(
        "anls_star",
        "anls-star",
        _STAR,
        "src/anls_star/anls_star.py",
        fuzz.structures,
        lambda at: anls_star(at, json.loads),
    ),
    Peer(
        "vqa_accuracy",
        "official",
        "GT-Vision-Lab/VQA",
        "PythonEvaluationTools/vqaEvaluation/vqaEval.py",
        fuzz.annotated,
        vqa_official,
    ),
    Peer("vqa_accuracy", "lmms-eval", _LMMS, f"{_LMMS_TASKS}/vqav2/utils.py", fuzz.annotated, vqa_lmms_eval),
    Peer(
        "vqa_accuracy",
        "vlmevalkit",
        _KIT,
        f"{_KIT_UTILS}/vqa_eval.py",
        fuzz.annotated,
        through_vlmevalkit("vqa_score", "TextVQA_VAL"),
    ),
    Peer("ocrbench", "lmms-eval", _LMMS, f"{_LMMS_TASKS}/ocrbench/utils.py", fuzz.read_texts, ocrbench_lmms_eval),
    Peer("pope", "official", "RUCAIBox/POPE", "evaluate.py", fuzz.probes, pope_official),
    Peer("pope", "lmms-eval", _LMMS, f"{_LMMS_TASKS}/pope/utils.py", fuzz.probes, yes_no_lmms_eval("pope")),
    Peer("pope", "vlmevalkit", _KIT, f"{_KIT_UTILS}/yorn.py", fuzz.probes, yes_no_vlmevalkit),
    Peer("mme", "official", "zjunlp/Deco", "eval_tool/calculation.py", fuzz.probes, mme_official),
    Peer("mme", "lmms-eval", _LMMS, f"{_LMMS_TASKS}/mme/utils.py", fuzz.probes, yes_no_lmms_eval("mme")),
    Peer("mme", "vlmevalkit", _KIT, f"{_KIT_UTILS}/yorn.py", fuzz.probes, yes_no_vlmevalkit),
    Peer("relaxed_accuracy", "pix2struct", _PIX, "pix2struct/metrics.py", fuzz.chart_answers, relaxed_pix2struct),
    Peer(
        "relaxed_accuracy", "lmms-eval", _LMMS, f"{_LMMS_TASKS}/chartqa/utils.py", fuzz.chart_answers, relaxed_lmms_eval
    ),
    Peer(
        "relaxed_accuracy",
        "vlmevalkit",
        _KIT,
        f"{_KIT_UTILS}/vqa_eval.py",
        fuzz.chart_answers,
        through_vlmevalkit("relaxed_accuracy", "ChartQA_TEST"),
    ),
    Peer(
        "relaxed_accuracy",
        "chartqapro",
        "vis-nlp/ChartQAPro",
        "evaluate_predictions.py",
        fuzz.chart_lists,
        relaxed_chartqapro,
    ),
    Peer(
        "chair_i",
        "official",
        _HALLUCINATION,
        "utils/chair.py",
        fuzz.captions,
        lambda at: chair(at, whole=False),
        _VOCABULARY,
    ),
    Peer(
        "chair_s",
        "official",
        _HALLUCINATION,
        "utils/chair.py",
        fuzz.captions,
        lambda at: chair(at, whole=True),
        _VOCABULARY,
    ),
    *(
        Peer(f"rms_{kind}", "deplot", _GOOGLE, _DEPLOT, fuzz.chart_tables, lambda at, kind=kind: deplot(at, kind))
        for kind in ("precision", "recall", "f1")
    ),
    Peer("rms_f1", "deplot-per-point", _GOOGLE, _DEPLOT, fuzz.chart_tables, lambda at: deplot(at, "per_point")),
    Peer("rnss", "deplot", _GOOGLE, _DEPLOT, fuzz.chart_tables, lambda at: deplot(at, "numbers")),
    Peer("squad_em", "official", _SQUAD, "evaluate-v2.0.py", fuzz.spellings, lambda at: squad(at, "compute_exact")),
    Peer("squad_f1", "official", _SQUAD, "evaluate-v2.0.py", fuzz.sentences, lambda at: squad(at, "compute_f1")),
    Peer("exact_match", "squad", _SQUAD, "evaluate-v2.0.py", fuzz.spellings, lambda at: squad(at, "compute_exact")),
    Peer("recall_at_1_iou", "official", _DETR, _DETR_FILE, fuzz.windows, lambda at: moments(at, "recall")),
    Peer("moment_map", "official", _DETR, _DETR_FILE, fuzz.windows, lambda at: moments(at, "precision"), digits=4),
    Peer("acc_at_gqa", "official", _GQA, _GQA_FILE, fuzz.grounded_answers, lambda at: next_gqa(at, 0)),
    Peer("iop", "official", _GQA, _GQA_FILE, fuzz.one_window, lambda at: next_gqa(at, 1)),
    Peer("miou", "official", _GQA, _GQA_FILE, fuzz.one_window, lambda at: next_gqa(at, 4)),
    *(Peer(kind, "jiwer", "jiwer", f"jiwer.{kind}", fuzz.sentences, ask) for kind, ask in _JIWER.items()),
    *(
        Peer(
            kind, "torchmetrics", "torchmetrics", f"torchmetrics.functional.text.{name}", fuzz.sentences, ask, digits=6
        )
        for (kind, ask), name in zip(_TORCHMETRICS.items(), ("word_error_rate", "char_error_rate"), strict=True)
    ),
    Peer("rouge_l", "rouge-score", "rouge-score", "rouge_score.rouge_scorer", fuzz.sentences, _ROUGE),
)


def state_of(repository: str, checkouts: Path) -> str:
    """Return the commit of a checkout, or the version of a package.

    Of a repository that is too large to be had whole, the folder holds the files that are read, and COMMIT the commit.
    """
    if "/" not in repository:
        return importlib.metadata.version(repository)
    folder = checkouts / repository.split("/")[1]
    if (folder / "COMMIT").is_file():
        return (folder / "COMMIT").read_text(encoding="utf-8").strip()
    asked = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def make(peer: Peer, checkouts: Path) -> None:
    """Write the file of one peer."""
    commit = state_of(peer.repository, checkouts)
    judge, cases = peer.ask(checkouts), []
    for case in peer.cases(random.Random(f"{SEED}{peer.cases.__name__}")):  # noqa: S311
        # Where the published code fails, there is nothing to be compatible with.
        with contextlib.suppress(ZeroDivisionError, IndexError):
            cases.append(case | {"value": judge(case)})
    head = {"metric": peer.metric, "variant": peer.variant, "repository": peer.repository, "path": peer.path}
    head |= {"commit": commit, "seed": SEED} | ({"params": dict(peer.params)} if peer.params else {})
    head |= {"digits": peer.digits} if peer.digits != 9 else {}
    rows = ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases)
    text = json.dumps(head)[:-1] + f', "cases": [\n{rows}\n]}}\n'
    file = HERE / f"{peer.metric}-{peer.variant}.json"
    file.write_text(text, encoding="utf-8")
    mean = statistics.mean(case["value"] for case in cases)
    sys.stdout.write(f"{file.name}: {len(cases)} cases, {len(text) // 1000} kB, mean {mean:.3f}\n")


def main() -> None:
    """Write the files of all peers, or of those that are named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("checkouts", type=Path, help="folder of checkouts, each under its repository's name")
    parser.add_argument("names", nargs="*", help="METRIC-VARIANT; all by default")
    chosen = parser.parse_args()
    for peer in PEERS:
        if not chosen.names or f"{peer.metric}-{peer.variant}" in chosen.names:
            make(peer, chosen.checkouts.resolve())


if __name__ == "__main__":
    main()
