"""How fast the metrics are, each beside its peer in the same run; for asv, and as ``python -m benchmarks.metrics``.

Peers are never dependencies: one that cannot be imported is left out. A slow peer runs on a part of the rows, and
its time is scaled to all of them (marked ~). All times are CPU seconds, the best of three runs.
"""

import contextlib
import io
import itertools
import random
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from harness.metrics import CorpusMetric, SampleMetric, get
from harness.metrics.boxes import iou_pairs
from harness.metrics.detection import Detection, MeanAveragePrecision, Truth
from harness.metrics.ranking import ood_report
from harness.metrics.retrieval import RecallAtK
from harness.seeds import generator

ROWS: Final = 100_000
_WORDS: Final = (
    "the red bar is higher than blue one in 2019 chart shows value of total sales for most countries a café two"
)
WORDS: Final = _WORDS.split()
Texts = tuple[list[str], list[list[str]]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric, its peer, and what is asked of it."""

    name: str
    rows: int
    ours: Callable[[], Any]
    peer_name: str = ""
    peer: Callable[[], Any] | None = None
    peer_rows: int = 0
    """On how many rows the peer runs; 0 is all."""
    most_seconds: float | None = None
    least_ratio: float | None = None


def rng_of(name: str) -> random.Random:
    return random.Random(name)  # noqa: S311  # reproducible data, not a secret


def chart_answers(n: int = ROWS) -> Texts:
    """Short answers about charts: whole numbers, decimals, percentages, thousands, words; 40 % are right."""
    rng = rng_of("chart answers")

    def answer() -> str:
        kind = rng.random()
        if kind < 0.4:
            return str(rng.randint(0, 3000))
        if kind < 0.7:
            return f"{rng.uniform(0, 1000):.2f}"
        if kind < 0.8:
            return f"{rng.uniform(0, 100):.1f}%"
        if kind < 0.9:
            return f"{rng.randint(1000, 10**7):,}"
        return " ".join(rng.choices(WORDS, k=rng.randint(1, 3)))

    references = [[answer()] for _ in range(n)]
    return [wanted[0] if rng.random() < 0.4 else answer() for wanted in references], references


def sentences(n: int = ROWS) -> Texts:
    """Sentences of 3 to 12 words; the answers have up to two words wrong."""
    rng = rng_of("sentences")
    references = [rng.choices(WORDS, k=rng.randint(3, 12)) for _ in range(n)]
    answers = []
    for words in references:
        said = list(words)
        for _ in range(rng.randint(0, 2)):
            said[rng.randrange(len(said))] = rng.choice(WORDS)
        answers.append(" ".join(said))
    return answers, [[" ".join(words)] for words in references]


def annotated(n: int = ROWS) -> Texts:
    """Answers beside those of ten annotators, who agree on most; 50,000 different texts."""
    rng = rng_of("annotated")
    pool = [" ".join([*rng.choices(WORDS, k=rng.randint(0, 2)), str(i % 5000)]) for i in range(50_000)]
    references = []
    for _ in range(n):
        most = rng.randint(5, 10)
        references.append([rng.choice(pool)] * most + rng.choices(pool, k=10 - most))
    return [rng.choice(wanted) for wanted in references], references


def tables(n: int) -> Texts:
    """Tables of 4 to 12 rows and 2 to 4 columns of numbers; a third of the answers' cells are changed."""
    rng = rng_of("tables")
    answers, references = [], []
    for _ in range(n):
        header = ["year", *rng.sample(WORDS, rng.randint(2, 4))]
        cells = [[str(2000 + i), *(f"{rng.uniform(1, 99):.1f}" for _ in header[1:])] for i in range(rng.randint(4, 12))]
        said = [
            [c if rng.random() < 0.67 else f"{float(c) * rng.choice([1.02, 1.5]):.1f}" for c in row] for row in cells
        ]
        references.append(["\n".join(map(" | ".join, [header, *cells]))])
        answers.append("\n".join(map(" | ".join, [header, *said])))
    return answers, references


def scene(images: int = 1000, labels: int = 20) -> tuple[list[Detection], list[Truth]]:
    """Boxes of about 3,500 objects and 5,000 detections near them."""
    rng = generator("scene benchmark")
    truths, detections = [], []
    for image in range(images):
        for _ in range(int(rng.integers(0, 8))):
            corner, size = rng.uniform(0, 600, 2), rng.uniform(20, 300, 2)
            box = (*corner.tolist(), *(corner + size).tolist())
            where = f"{image:05}", f"label {rng.integers(labels):02}"
            truths.append(Truth(*where, box))
            for _ in range(int(rng.integers(0, 4))):
                near = np.sort((np.array(box) + rng.normal(0, 12, 4)).reshape(2, 2), axis=0).ravel().tolist()
                detections.append(Detection(*where, tuple(near), float(rng.random())))
    return detections, truths


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


def sample(name: str, variant: str = "default") -> SampleMetric:
    metric = get(name, variant)
    assert isinstance(metric, SampleMetric)
    return metric


def corpus(name: str, variant: str = "default", **params: Any) -> CorpusMetric:
    metric = get(name, variant, **params)
    assert isinstance(metric, CorpusMetric)
    return metric


def text_comparisons() -> list[Comparison]:
    charts, phrases, votes = chart_answers(), sentences(), annotated()
    shapes = tables(2000)
    single = [wanted[0] for wanted in phrases[1]]
    part = [column[:1000] for column in phrases]

    def batch(name: str, data: Texts, variant: str = "default") -> Callable[[], Any]:
        return lambda: sample(name, variant).score_batch(*data)

    found = [
        Comparison(
            "relaxed_accuracy", ROWS, batch("relaxed_accuracy", charts),
            "plain loop, pix2struct", lambda: plain_relaxed(*charts), most_seconds=0.2,
        ),
        Comparison(
            "anls", ROWS, batch("anls", phrases),
            "plain loop, lmms-eval", lambda: plain_anls(*part), 1000, least_ratio=100,
        ),
    ]  # fmt: skip
    few = [column[:5000] for column in votes]
    for variant in ("default", "official"):
        name, ours = f"vqa_accuracy, {variant}", batch("vqa_accuracy", votes, variant)
        found.append(Comparison(name, ROWS, ours, "plain loop", lambda: plain_vqa(*few), 5000, most_seconds=0.6))
    for kind in ("wer", "cer"):
        peer = None
        if find_spec("jiwer"):
            import jiwer

            peer = _call(getattr(jiwer, kind), single, phrases[0])
        found.append(Comparison(kind, ROWS, batch(kind, phrases), f"jiwer.{kind}", peer, most_seconds=0.3))
        ours = _call(corpus(f"corpus_{kind}").compute, *phrases)
        found.append(Comparison(f"corpus_{kind}, interval", ROWS, ours, f"jiwer.{kind}", peer, most_seconds=0.3))
    slow = [column[:500] for column in shapes]
    rms = Comparison(
        "rms_f1", 2000, batch("rms_f1", shapes), "plain loop", lambda: plain_rms(*slow), 500, least_ratio=10
    )
    return [*found, rms]


def _call(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    return lambda: function(*args)


def array_comparisons() -> list[Comparison]:
    rng = generator("metric benchmarks")
    first, second = (np.sort(rng.uniform(0, 500, (2, ROWS, 2)), axis=0).swapaxes(0, 1).reshape(-1, 4) for _ in "ab")
    similarity = rng.normal(size=(1000, 5000))
    relevant = np.arange(5000) // 5 == np.arange(1000)[:, None]
    labels = rng.random(1_000_000) < 0.3
    scores = rng.normal(size=1_000_000) + labels
    boxes = scene()

    def sorting() -> Any:
        top = np.argsort(-similarity, axis=1)[:, :10]
        return np.take_along_axis(relevant, top, 1).any(1).mean()

    sklearn = _call(sklearn_ranking, scores, labels) if find_spec("sklearn") else None
    found = [
        Comparison("iou_pairs", ROWS, _call(iou_pairs, first, second),
                   "plain loop", _call(plain_iou, first, second), most_seconds=0.05),
        Comparison("recall_at_k 1000 × 5000", 1000, _call(RecallAtK(k=10).compute, similarity, relevant),
                   "numpy argsort", sorting, most_seconds=0.05),
        Comparison("auroc, aupr, fpr95", 1_000_000, _call(ood_report, scores, labels),
                   "scikit-learn", sklearn, most_seconds=0.6),
    ]  # fmt: skip
    plain = _call(MeanAveragePrecision(resamples=0).compute, *boxes)
    for package, module in (("faster-coco-eval", "faster_coco_eval"), ("pycocotools", "pycocotools")):
        peer = _call(coco_ap, *boxes, package) if find_spec(module) else None
        least = 1.0 if package == "faster-coco-eval" else None
        found.append(Comparison("map, 1,000 images", len(boxes[0]), plain, package, peer, least_ratio=least))
    interval = _call(MeanAveragePrecision().compute, *boxes)
    return [*found, Comparison("map with its interval", len(boxes[0]), interval)]


def cpu(function: Callable[[], Any], runs: int = 3) -> float:
    """Return the least CPU time of a few runs."""
    best = float("inf")
    for _ in range(runs):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best


def measured(comparison: Comparison) -> tuple[float, float]:
    """Return the CPU seconds of a metric and of its peer, NaN without one, scaled to all rows."""
    ours = cpu(comparison.ours)
    if comparison.peer is None:
        return ours, float("nan")
    return ours, comparison.rows / (comparison.peer_rows or comparison.rows) * cpu(
        comparison.peer, 2
    )  # the first imports


def line(comparison: Comparison) -> str:
    """Measure, and return one row of the table."""
    ours, seconds = measured(comparison)
    times = seconds / ours
    peer = ratio = ""
    if comparison.peer is not None:
        scaled = 0 < comparison.peer_rows < comparison.rows
        peer, ratio = f"{'~' if scaled else ''}{seconds:.3f}", f"{times:.1f}"
    goals = []
    if comparison.most_seconds is not None:
        goals.append((f"≤ {comparison.most_seconds} s", ours <= comparison.most_seconds))
    if comparison.least_ratio is not None:
        goals.append((f"≥ {comparison.least_ratio:g} ×", not times < comparison.least_ratio))
    told = ", ".join(f"{goal} {'met' if met else 'MISSED'}" for goal, met in goals)
    name = comparison.peer_name if comparison.peer is not None else ""
    return f"{comparison.name:<26}{comparison.rows:>9,}{ours:>9.3f}  {name:<24}{peer:>9}{ratio:>8}  {told}"


class Metrics:
    """CPU time of the batch forms, 100,000 answers each."""

    timer = time.process_time
    timeout = 300
    params = ("relaxed_accuracy", "anls", "wer", "cer", "vqa_accuracy", "exact_match")
    param_names = ("metric",)

    def setup(self, name: str) -> None:
        make = {"relaxed_accuracy": chart_answers, "exact_match": chart_answers, "vqa_accuracy": annotated}
        self.data = make.get(name, sentences)()
        self.metric = sample(name)

    def time_score_batch(self, name: str) -> None:
        self.metric.score_batch(*self.data)


class Corpora:
    """CPU time of the metrics over tables, boxes and rankings."""

    timer = time.process_time
    timeout = 300

    def setup(self) -> None:
        self.tables = tables(500)
        self.scene = scene()
        rng = generator("corpora benchmark")
        self.labels = rng.random(1_000_000) < 0.3
        self.scores = rng.normal(size=1_000_000) + self.labels
        self.boxes = np.sort(rng.uniform(0, 500, (2, ROWS, 2)), axis=0).swapaxes(0, 1).reshape(-1, 4)

    def time_rms_500_tables(self) -> None:
        sample("rms_f1").score_batch(*self.tables)

    def time_map_1000_images(self) -> None:
        MeanAveragePrecision(resamples=0).compute(*self.scene)

    def time_map_1000_images_interval(self) -> None:
        MeanAveragePrecision().compute(*self.scene)

    def time_ood_report_million(self) -> None:
        ood_report(self.scores, self.labels)

    def time_iou_pairs(self) -> None:
        iou_pairs(self.boxes, self.boxes[::-1])


def main() -> None:
    """Print every metric beside its peer, with the ratio and the target."""
    print(f"{'metric':<26}{'rows':>9}{'CPU s':>9}  {'peer':<24}{'CPU s':>9}{'ratio':>8}  target")
    for comparison in (*text_comparisons(), *array_comparisons()):
        print(line(comparison), flush=True)


if __name__ == "__main__":
    main()
