"""What metrics are measured beside: other packages, and plain loops as other harnesses write them."""

import contextlib
import io
import itertools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.metrics.detection import Detection, Truth


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Levenshtein distance as lmms-eval and VLMEvalKit write it: two rows of a table, in Python."""
    above = list(range(len(second) + 1))
    for i, left in enumerate(first, 1):
        row = [i]
        for j, right in enumerate(second, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (left != right)))
        above = row
    return above[-1]


def plain_anls(answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    scores = []
    for answer, wanted in zip(answers, references, strict=True):
        said, best = " ".join(answer.lower().split()), 0.0
        for text in wanted:
            target = " ".join(text.lower().split())
            best = max(best, 1 - edit_distance(said, target) / max(len(said), len(target), 1))
        scores.append(best if best >= 0.5 else 0.0)
    return scores


def plain_relaxed(answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[bool]:
    def number(text: str) -> float | None:
        try:
            return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
        except ValueError:
            return None

    def right(answer: str, target: str) -> bool:
        value, wanted = number(answer), number(target)
        if value is not None and wanted:
            return abs(value - wanted) / abs(wanted) <= 0.05
        return answer.lower() == target.lower()

    return [max(right(answer, text) for text in wanted) for answer, wanted in zip(answers, references, strict=True)]


def plain_vqa(answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """VQA accuracy as the official script goes about it: normalise, then leave each annotator out."""
    from harness.metrics.vqa import official_punctuation, official_words

    scores = []
    for answer, wanted in zip(answers, references, strict=True):
        said, texts = answer, list(wanted)
        if len(set(texts)) > 1:
            said, texts = (
                official_words(official_punctuation(said)),
                [official_words(official_punctuation(text)) for text in texts],
            )
        shares = [min(1, sum(text == said for j, text in enumerate(texts) if j != i) / 3) for i in range(len(texts))]
        scores.append(sum(shares) / len(shares))
    return scores


def plain_rms(answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """RMS F1 cell pair by cell pair, with an edit distance and an assignment in C, as DePlot's script has them."""
    return [
        max(plain_table_f1(answer, text, flip) for text in wanted for flip in (True, False))
        for answer, wanted in zip(answers, references, strict=True)
    ]


def plain_table_f1(answer: str, reference: str, flip: bool) -> float:
    from rapidfuzz.distance import Levenshtein
    from scipy.optimize import linear_sum_assignment

    def cells(text: str, flipped: bool) -> list[tuple[str, str]]:
        rows = [tuple(cell.strip() for cell in line.split(" | ")) for line in text.lower().splitlines()]
        if flipped:
            rows = list(itertools.zip_longest(*rows, fillvalue=""))
        return [(f"{row[0]} {head}", c) for row in rows[1:] for head, c in zip(rows[0][1:], row[1:], strict=False)]

    def alike(first: str, second: str) -> float:
        share = Levenshtein.distance(first, second) / max(len(first), len(second), 1)
        return 1 - share if share <= 0.5 else 0.0

    def near(value: str, target: str) -> float:
        try:
            gap = abs(float(value) - float(target)) / abs(float(target))
        except ValueError:
            return alike(value, target)
        return 1 - gap if gap < 0.1 else 0.0

    wanted, given = cells(reference, False), cells(answer, flip)
    gain = np.array([[alike(key, other) * near(c, cell) for other, c in given] for key, cell in wanted])
    rows, columns = linear_sum_assignment(-gain)
    return 2 * float(gain[rows, columns].sum()) / (len(wanted) + len(given))


def plain_iou(first: Any, second: Any) -> list[float]:
    shares = []
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
        union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
        shares.append(shared / union if union else 0.0)
    return shares


def coco_ap(detections: Sequence[Detection], truths: Sequence[Truth], package: str) -> float:
    """Mean average precision by pycocotools or faster-coco-eval, from the same lists."""
    if package == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval as Evaluation
    else:
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as Evaluation
    images = {name: i + 1 for i, name in enumerate(sorted({row.image for row in [*detections, *truths]}))}
    labels = {name: i + 1 for i, name in enumerate(sorted({row.label for row in truths}))}

    def entry(row: Detection | Truth) -> dict[str, Any]:
        x1, y1, x2, y2 = row.box
        size = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
        return {"image_id": images[row.image], "category_id": labels[row.label], **size}

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": i} for i in images.values()],
            "categories": [{"id": i, "name": name} for name, i in labels.items()],
            "annotations": [{**entry(row), "id": i + 1, "iscrowd": 0} for i, row in enumerate(truths)],
        }
        coco.createIndex()
        run = Evaluation(coco, coco.loadRes([{**entry(row), "score": row.score} for row in detections]), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return float(run.stats[0])


def sklearn_ranking(scores: Any, labels: Any) -> tuple[float, ...]:
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    fpr, tpr, _ = roc_curve(labels, scores)
    in_distribution = average_precision_score(~labels, -scores)
    strict = float(fpr[np.argmax(tpr >= 0.95)])
    return roc_auc_score(labels, scores), average_precision_score(labels, scores), in_distribution, strict
