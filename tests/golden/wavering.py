"""A model that reads the cards of ``words.jsonl``, and now and then another card: so that epochs differ."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

CARDS: list[str] = [
    json.loads(line)["answer"] for line in Path(__file__).with_name("words.jsonl").read_text().splitlines()
]


class Wavering:
    """Answers by the question and how often it was asked before, and by nothing else."""

    simulated = True

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()

    def __call__(self, prompt: str, images: Sequence[Image.Image]) -> str:
        found = re.search(r"[0-9]+", prompt)
        card = int(found[0]) if found else 0
        self._asked[prompt] += 1
        draw = hashlib.sha256(f"{prompt} {self._asked[prompt]}".encode()).digest()[0]
        return CARDS[(card + (draw < 80)) % len(CARDS)]
