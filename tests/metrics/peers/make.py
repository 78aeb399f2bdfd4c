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


_TYPING = {
    "Any": Any, "Callable": Callable, "Optional": list, "Sequence": list, "List": list, "Dict": dict, "Tuple": tuple,
}  # fmt: skip
"""What annotations name; what they say does not matter here."""

_LMMS, _KIT, _PIX = "EvolvingLMMs-Lab/lmms-eval", "open-compass/VLMEvalKit", "google-research/pix2struct"
_STAR, _HALLUCINATION = "deepopinion/anls_star_metric", "LisaAnne/Hallucination"
_LMMS_TASKS, _KIT_UTILS = "lmms_eval/tasks", "vlmeval/dataset/utils"

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
)


def make(peer: Peer, checkouts: Path) -> None:
    """Write the file of one peer."""
    folder = checkouts / peer.repository.split("/")[1]
    commit = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "HEAD"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    judge, cases = peer.ask(checkouts), []
    for case in peer.cases(random.Random(f"{SEED}{peer.cases.__name__}")):  # noqa: S311
        # Where the published code fails, there is nothing to be compatible with.
        with contextlib.suppress(ZeroDivisionError, IndexError):
            cases.append(case | {"value": judge(case)})
    head = {"metric": peer.metric, "variant": peer.variant, "repository": peer.repository, "path": peer.path}
    head |= {"commit": commit, "seed": SEED} | ({"params": dict(peer.params)} if peer.params else {})
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
