"""Answers, sentences, votes, tables and boxes to measure metrics on: drawn by name, the same on every machine."""

import random
from typing import Final

import numpy as np

from harness.metrics.detection import Detection, Truth
from harness.seeds import generator

ROWS: Final = 100_000
_WORDS: Final = (
    "the red bar is higher than blue one in 2019 chart shows value of total sales for most countries a café two"
)
WORDS: Final = _WORDS.split()
Texts = tuple[list[str], list[list[str]]]


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
