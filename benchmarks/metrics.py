"""How fast the metrics are, each beside its peer in the same run; for asv, and as ``python -m benchmarks.metrics``.

Peers are never dependencies: one that cannot be imported is left out. A slow peer runs on a part of the rows, and
its time is scaled to all of them (marked ~). All times are CPU seconds, the best of three runs.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.metric_data import ROWS, Texts, annotated, chart_answers, scene, sentences, tables
from benchmarks.metric_peers import coco_ap, plain_anls, plain_iou, plain_relaxed, plain_rms, plain_vqa, sklearn_ranking
from harness.metrics import CorpusMetric, SampleMetric, get
from harness.metrics.boxes import iou_pairs
from harness.metrics.detection import MeanAveragePrecision
from harness.metrics.ranking import ood_report
from harness.metrics.retrieval import RecallAtK
from harness.seeds import generator


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
