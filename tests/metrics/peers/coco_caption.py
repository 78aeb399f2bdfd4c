"""Writes ``coco_caption.json``: what the public evaluation of COCO captions makes of made-up captions.

Needs Java and ``pip install pycocoevalcap==1.2``, which carries the tokenizer; then
``python tests/metrics/peers/coco_caption.py``.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

_PLAIN = """A The the two three man woman dog cat cats bus street red blue and with in on of is are standing sitting
next to field frisbee plate pizza table train station riding skateboard"""
_ODD = """t-shirt
hot-dog black-and-white U.S. N.Y. a.m. Mr. Smith dog's dogs' it's isn't can't won't they're we've cannot
gonna wanna O'Brien o'clock 'n' 10 3.5 1,000 $5 $3.50 50% 5th 1990s
'90s 90's 10:30 1/2 3-4 6ft 2x4 e.g. etc. vs.
and/or & AT&T # #1 -5 +3 x-ray TV TV's café 7-11 Coca-Cola "Stop" 'Stop' (left) [sic] – — ma'am St. Jan. it’s “no” 5€
£5"""
PLAIN, ODD = _PLAIN.split(), _ODD.split()
ENDS = ["", ".", ".", "!", "?", " .", "...", "!!", ";"]


def caption(rng: random.Random, odd: float) -> str:
    """Return a made-up caption."""
    words = [rng.choice(ODD if rng.random() < odd else PLAIN) for _ in range(rng.randint(3, 12))]
    return " ".join(word + rng.choice([",", ":", "."]) if rng.random() < odd / 4 else word for word in words)


def row(rng: random.Random, odd: float) -> tuple[str, list[str]]:
    """Return an answer and references that share most of its words."""
    first = caption(rng, odd)
    near = [
        " ".join(word for word in first.split() if rng.random() < 0.85) or "a dog" for _ in range(rng.randint(1, 4))
    ]
    return first + rng.choice(ENDS), [text + rng.choice(ENDS) for text in near]


def scored(rows: list[tuple[str, list[str]]]) -> dict[str, Any]:
    """Return the numbers of some rows."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    cut = PTBTokenizer().tokenize
    found = cut({i: [{"caption": text}] for i, (text, _) in enumerate(rows)})
    wanted = cut({i: [{"caption": text} for text in texts] for i, (_, texts) in enumerate(rows)})
    return {
        "rows": rows,
        "bleu4": Bleu(4).compute_score(wanted, found, verbose=0)[0][3],
        "cider_d": float(Cider().compute_score(wanted, found)[0]),
        "rouge_l": [float(value) for value in Rouge().compute_score(wanted, found)[1]],
    }


def main() -> None:
    """Write the file."""
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    rng = random.Random(16)  # noqa: S311  # reproducible test data
    texts = [caption(rng, 0.5) + rng.choice(ENDS) for _ in range(400)]
    cut = PTBTokenizer().tokenize({i: [{"caption": text}] for i, text in enumerate(texts)})
    made = {
        "peer": "pycocoevalcap 1.2 (tylin/coco-caption at 3a9afb2), Stanford CoreNLP 3.4.1",
        "tokens": [[text, cut[i][0]] for i, text in enumerate(texts)],
        "corpora": [scored([row(rng, odd) for _ in range(n)]) for n, odd in ((30, 0.3), (12, 0.6), (5, 0.0))]
        + [scored([("a dog", ["two cats sit"]), ("red", ["a red bus", "blue"])])],
    }
    file = Path(__file__).with_suffix(".json")
    file.write_text(json.dumps(made, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
