"""Our metrics beside the libraries that people compare with, on generated input."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import random
import re
import warnings
from typing import Any

import numpy as np
import pytest

from harness.metrics import CorpusMetric, get, sample_metric
from harness.metrics.anls import anls_star
from harness.metrics.boxes import giou_pairs, iou_pairs
from harness.metrics.detection import Detection, Truth
from harness.metrics.ranking import ood_report
from harness.metrics.retrieval import RecallAtK
from harness.seeds import generator

WORDS = ["the", "red", "bar", "is", "higher", "than", "Blue", "12.5", "a", "café", "isn't", "x"]


def corpora(tag: str, rows: int = 200, longest: int = 12) -> tuple[list[str], list[list[str]]]:
    rng = random.Random(tag)  # noqa: S311  # reproducible test data, not a secret

    def text() -> str:
        return " ".join(rng.choices(WORDS, k=rng.randint(1, longest)))

    references = [[text() for _ in range(rng.randint(1, 3))] for _ in range(rows)]
    predictions = [rng.choice(wanted) if rng.random() < 0.3 else text() for wanted in references]
    return predictions, references


def corpus_metric(name: str, variant: str = "default", **params: Any) -> CorpusMetric:
    metric = get(name, variant, **params)
    assert isinstance(metric, CorpusMetric)
    return metric


@pytest.mark.parametrize("kind", ["wer", "cer"])
def test_error_rates_equal_jiwer(kind: str) -> None:
    jiwer = pytest.importorskip("jiwer")
    predictions, references = corpora("jiwer")
    predictions += ["a\tb  c", "", " a b ", "a\n\nb"]
    references += [["a b c"], ["a b"], ["a b"], ["a b"]]
    single = [wanted[0] for wanted in references]
    metric = sample_metric(kind, "jiwer")
    for prediction, reference in zip(predictions, single, strict=True):
        assert metric.score(prediction, [reference]).value == pytest.approx(getattr(jiwer, kind)(reference, prediction))
    ours = corpus_metric(f"corpus_{kind}", "jiwer").compute(predictions, [[text] for text in single])
    assert ours.value == pytest.approx(getattr(jiwer, kind)(single, predictions))


@pytest.mark.parametrize("kind", ["wer", "cer"])
def test_error_rates_equal_torchmetrics(kind: str) -> None:
    text = pytest.importorskip("torchmetrics.functional.text")
    peer = {"wer": text.word_error_rate, "cer": text.char_error_rate}[kind]
    predictions, references = corpora("torchmetrics")
    single = [wanted[0] for wanted in references]
    ours = corpus_metric(f"corpus_{kind}", "torchmetrics").compute(predictions, [[text] for text in single])
    assert ours.value == pytest.approx(float(peer(predictions, single)), rel=1e-6)


def test_anls_equals_the_package_except_at_exactly_one_half() -> None:
    peer = pytest.importorskip("anls").anls_score
    predictions, references = corpora("anls", rows=400, longest=3)
    metric = sample_metric("anls", "vlmevalkit")
    for prediction, wanted in zip(predictions, references, strict=True):
        ours, theirs = metric.score(prediction, wanted).value, peer(prediction, wanted)
        # The package's rule is a distance below one half, the others' a similarity of at least one half.
        assert ours == pytest.approx(theirs) or (ours, theirs) == (0.5, 0.0)


def structures(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.random()
    if depth > 1 or kind < 0.4:
        return rng.choice(["Ann", "Anna", "12.50", "", "kitten", "sitting", None, 3, 2.5])
    if kind < 0.7:
        return [rng.choice(["Ann", "Anna", "kitten", "sitting", "x"]) for _ in range(rng.randint(0, 3))]
    return {key: structures(rng, depth + 1) for key in rng.sample("abc", rng.randint(0, 3))}


def test_anls_star_equals_the_package() -> None:
    peer = pytest.importorskip("anls_star").anls_score
    rng = random.Random(5)  # noqa: S311  # reproducible test data
    for _ in range(400):
        truth, answer = structures(rng), structures(rng)
        if isinstance(truth, list) and isinstance(answer, str):
            truth = tuple(truth) or ("",)  # the package reads such a list as alternatives, we want that said
        assert anls_star(truth, answer, extra_nulls=False) == pytest.approx(peer(truth, answer)), (truth, answer)


def test_rouge_l_equals_rouge_score() -> None:
    rouge = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    predictions, references = corpora("rouge")
    metric = sample_metric("rouge_l", "rouge-score")
    for prediction, wanted in zip(predictions, references, strict=True):
        theirs = max(rouge.score(text, prediction)["rougeL"].fmeasure for text in wanted)
        assert metric.score(prediction, wanted).value == pytest.approx(theirs)


@pytest.mark.parametrize("rows", [1, 3, 200])
def test_bleu_equals_sacrebleu(rows: int) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    predictions, references = corpora("bleu", rows)
    references = [(wanted * 3)[:3] for wanted in references]
    streams = [list(stream) for stream in zip(*references, strict=True)]
    ours = corpus_metric("bleu4", "sacrebleu").compute(predictions, references)
    assert 100 * ours.value == pytest.approx(sacrebleu.corpus_bleu(predictions, streams).score)
    plain = [re.sub(r"[^\w\s']|\.", "", text).lower() for text in predictions]
    plain_streams = [[re.sub(r"[^\w\s']|\.", "", text).lower() for text in stream] for stream in streams]
    theirs = sacrebleu.corpus_bleu(plain, plain_streams, tokenize="none", smooth_method="none").score
    ours = corpus_metric("bleu4").compute(plain, [list(row) for row in zip(*plain_streams, strict=True)])
    assert 100 * ours.value == pytest.approx(theirs)


@pytest.mark.parametrize("seed", range(6))
def test_ranking_metrics_equal_scikit_learn(seed: int) -> None:
    sk = pytest.importorskip("sklearn.metrics")
    rng = generator("ranking", seed)
    n = int(rng.integers(20, 400))
    labels = rng.random(n) < 0.3
    labels[:2] = [True, False]
    scores = rng.normal(size=n) + labels
    if seed % 2:
        scores = scores.round(1)
    ours = ood_report(scores, labels)
    assert ours["auroc"].value == pytest.approx(sk.roc_auc_score(labels, scores))
    assert ours["aupr_out"].value == pytest.approx(sk.average_precision_score(labels, scores))
    assert ours["aupr_in"].value == pytest.approx(sk.average_precision_score(~labels, -scores))
    for variant, truth, order in (("ood-positive", labels, scores), ("id-positive", ~labels, -scores)):
        fpr, tpr, _ = sk.roc_curve(truth, order, drop_intermediate=False)
        ours_fpr = corpus_metric("fpr_at_95_tpr", variant).compute(scores, labels).value
        assert ours_fpr == pytest.approx(fpr[np.argmax(tpr >= 0.95)])
    precision, recall, _ = sk.precision_recall_curve(labels, scores)
    trapezoid = corpus_metric("aupr_out", "trapezoid").compute(scores, labels).value
    assert trapezoid == pytest.approx(sk.auc(recall, precision))


def test_brier_and_likelihood_equal_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    rng = generator("brier")
    p, y = rng.uniform(0.01, 0.99, 300), rng.integers(0, 2, 300)
    assert corpus_metric("brier").compute(p, y).value == pytest.approx(sk.brier_score_loss(y, p))
    assert corpus_metric("nll").compute(p, y).value == pytest.approx(sk.log_loss(y, p))
    table = rng.dirichlet(np.ones(4), 300)
    labels = rng.integers(0, 4, 300)
    assert corpus_metric("nll").compute(table, labels).value == pytest.approx(sk.log_loss(labels, table))
    theirs = sk.brier_score_loss(labels, table, labels=[0, 1, 2, 3], scale_by_half=False)
    assert corpus_metric("brier").compute(table, labels).value == pytest.approx(theirs)


def test_calibration_error_equals_torchmetrics() -> None:
    classification = pytest.importorskip("torchmetrics.functional.classification")
    torch = pytest.importorskip("torch")
    rng = generator("ece")
    p = rng.uniform(0, 1, 500)
    y = rng.integers(0, 2, 500)
    for norm, name in (("l1", "ece"), ("max", "mce")):
        theirs = classification.binary_calibration_error(torch.tensor(p), torch.tensor(y), n_bins=15, norm=norm)
        ours = corpus_metric(name, "left-closed", resamples=50).compute(p, y)
        assert ours.value == pytest.approx(float(theirs), abs=1e-6)


def test_pope_rates_equal_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    rng = random.Random(3)  # noqa: S311  # reproducible test data
    labels = rng.choices(["yes", "no"], k=300)
    answers = rng.choices(["Yes.", "no", "No, none"], k=300)
    truth, said = [label == "yes" for label in labels], [answer == "Yes." for answer in answers]
    for name, peer in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        assert corpus_metric(f"pope_{name}").compute(answers, labels).value == pytest.approx(peer(truth, said))


def test_boxes_equal_torchvision_formulas() -> None:
    rng = generator("boxes")
    corners = rng.uniform(0, 50, (2000, 2, 4))
    first, second = (
        np.c_[np.minimum(b[:, :2], b[:, 2:]), np.maximum(b[:, :2], b[:, 2:])] for b in corners.swapaxes(0, 1)
    )
    mask = pytest.importorskip("pycocotools.mask")
    xywh = [np.c_[side[:, :2], side[:, 2:] - side[:, :2]] for side in (first, second)]
    theirs = [mask.iou(a[None], b[None], [0])[0, 0] for a, b in zip(*xywh, strict=True)]
    assert iou_pairs(first, second) == pytest.approx(np.array(theirs), abs=1e-12)
    assert (giou_pairs(first, second) <= iou_pairs(first, second) + 1e-12).all()


@pytest.mark.parametrize("seed", range(12))
def test_mean_average_precision_equals_pycocotools(seed: int) -> None:
    coco_module, evaluate = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    truths, detections = scene(seed)
    number = {
        image: i + 1
        for i, image in enumerate(sorted({row.image for row in truths} | {row.image for row in detections}))
    }
    kind = {"cat": 1, "dog": 2}

    def entry(row: Truth | Detection) -> dict[str, Any]:
        x1, y1, x2, y2 = row.box
        area = (x2 - x1) * (y2 - y1)
        return {
            "image_id": number[row.image],
            "category_id": kind[row.label],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": area,
        }

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coco = coco_module.COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": i} for i in number.values()],
            "categories": [{"id": i, "name": name} for name, i in kind.items()],
            "annotations": [entry(row) | {"id": i + 1, "iscrowd": int(row.crowd)} for i, row in enumerate(truths)],
        }
        coco.createIndex()
        run = evaluate.COCOeval(coco, coco.loadRes([entry(row) | {"score": row.score} for row in detections]), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    assert corpus_metric("map", resamples=2).compute(detections, truths).value == pytest.approx(run.stats[0])
    assert corpus_metric("map_50", resamples=2).compute(detections, truths).value == pytest.approx(run.stats[1])


def scene(seed: int, images: int = 12) -> tuple[list[Truth], list[Detection]]:
    rng = generator("scene", seed)
    truths, detections = [], []
    for image in range(images):
        for _ in range(int(rng.integers(0, 6))):
            corner, size = rng.uniform(0, 60, 2), rng.uniform(5, 30, 2)
            box = tuple(float(side) for side in (*corner, *(corner + size)))
            label = ["cat", "dog"][int(rng.integers(2))]
            truths.append(Truth(f"image {image:02}", label, box, crowd=bool(rng.random() < 0.15)))
            for _ in range(int(rng.integers(0, 4))):
                moved = np.sort((np.array(box) + rng.normal(0, 2, 4)).reshape(2, 2), axis=0).ravel()
                detections.append(Detection(f"image {image:02}", label, tuple(map(float, moved)), float(rng.random())))
    return truths, detections


def test_recall_at_k_equals_sorting() -> None:
    rng = generator("recall")
    similarity = rng.normal(size=(60, 300))
    relevant = np.zeros((60, 300), bool)
    relevant[np.arange(300) // 5, np.arange(300)] = True
    for k in (1, 5, 10):
        top = np.argsort(-similarity, axis=1)[:, :k]
        assert RecallAtK(k=k).compute(similarity, relevant).value == np.take_along_axis(relevant, top, 1).any(1).mean()
        columns = np.argsort(-similarity, axis=0)[:k]
        ours = RecallAtK(k=k, direction="text-to-image").compute(similarity, relevant).value
        assert ours == np.take_along_axis(relevant, columns, 0).any(0).mean()


def naive_cider_d(predictions: list[list[str]], references: list[list[list[str]]]) -> float:
    """CIDEr-D straight from its formula, with dense vectors."""
    documents = len(references)
    total = 0.0
    for order in range(1, 5):
        cut = [[tuple(words[i : i + order]) for i in range(len(words) - order + 1)] for words in predictions]
        rows = [[[tuple(w[i : i + order]) for i in range(len(w) - order + 1)] for w in row] for row in references]
        grams = sorted({g for row in rows for words in row for g in words} | {g for words in cut for g in words})
        df = np.array([max(1, sum(any(g in words for words in row) for row in rows)) for g in grams])
        idf = np.log(documents / df)

        def vector(words: list[Any], grams: list[Any] = grams, idf: Any = idf) -> Any:
            return np.array([words.count(g) for g in grams]) * idf

        for p, (answer, row) in enumerate(zip(cut, rows, strict=True)):
            for r, words in enumerate(row):
                a, b = vector(answer), vector(words)
                norm = np.linalg.norm(a) * np.linalg.norm(b)
                bigrams = max(len(predictions[p]) - 1, 0), max(len(references[p][r]) - 1, 0)
                penalty = np.exp(-((bigrams[0] - bigrams[1]) ** 2) / 72)
                total += 10 * penalty * (np.minimum(a, b) @ b / norm if norm else 0) / 4 / len(row) / documents
    return total


def test_cider_d_equals_its_formula() -> None:
    predictions, references = corpora("cider", rows=12, longest=7)
    strip = [[text.lower().replace(".", "") for text in wanted] for wanted in references]
    answers = [text.lower().replace(".", "") for text in predictions]
    ours = corpus_metric("cider_d").compute(answers, strip)
    theirs = naive_cider_d([text.split() for text in answers], [[text.split() for text in wanted] for wanted in strip])
    assert ours.value == pytest.approx(theirs)


def test_the_plain_loops_that_we_are_timed_against_say_the_same() -> None:
    from benchmarks import metric_data as made
    from benchmarks import metric_peers as peers

    for name, variant, data, loop in (
        ("anls", "vlmevalkit", made.sentences(60), peers.plain_anls),
        ("relaxed_accuracy", "pix2struct", made.chart_answers(300), peers.plain_relaxed),
        ("vqa_accuracy", "official", made.annotated(200), peers.plain_vqa),
        ("rms_f1", "default", made.tables(20), peers.plain_rms),
    ):
        ours = sample_metric(name, variant).score_batch(*data).values
        assert ours == pytest.approx(np.array(loop(*data), float)), name
    boxes = made.scene(40)
    if importlib.util.find_spec("pycocotools"):
        ours = corpus_metric("map", resamples=0).compute(*boxes).value
        assert ours == pytest.approx(peers.coco_ap(*boxes, "pycocotools"))
