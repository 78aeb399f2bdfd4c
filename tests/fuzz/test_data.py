"""Rows and images that were damaged at random: a sample that says all, or a problem that names its place; nothing else.

Short here; ``make fuzz`` makes ten thousand of each.
"""

import io
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.data.jsonl import JsonlConfig, JsonlDataset
from harness.errors import SampleError
from harness.types import Sample

TIMES = int(os.environ.get("HARNESS_FUZZ", "300"))
ROW = {
    "id": "r1",
    "question": "What is the value of A?",
    "answers": ["3", "three"],
    "image": "a.png",
    "cluster": "page 1",
    "tags": {"kind": "count"},
    "evidence": "A 3",
}
ODD = [
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    "",
    " ",
    "\x00",
    "nan",
    [],
    {},
    [[]],
    {"a": 1},
    ["x"] * 9,
    "../../etc/passwd",
    "\ud83d",
]
BYTES = [b"\xff", b"\x00", b'"', b"\\", b"{", b"}", b",", b"\xe2\x80", b"NaN", b"1e999", b"\xef\xbb\xbf", b"\r"]


def damaged_row(rng: random.Random) -> bytes:
    """Return a line of which one or two things were changed: keys, values, or bytes."""
    row: dict[str, Any] = dict(ROW)
    for _ in range(rng.randint(0, 2)):
        key = rng.choice(list(row))
        kind = rng.random()
        if kind < 0.3:
            row[key] = rng.choice(ODD)
        elif kind < 0.5:
            row[key[:-1] if rng.random() < 0.5 else f"{key}s"] = row.pop(key)
        elif kind < 0.6:
            del row[key]
        else:
            row[rng.choice(["x", "imge", "Answer", "boxes", "choices", "question ", "id"])] = rng.choice(ODD)
    line = bytearray(json.dumps(row, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass"))
    for _ in range(rng.choice([0, 0, 1, 1, 2, 5])):
        at, kind = rng.randrange(len(line) + 1), rng.random()
        if kind < 0.4:
            line[at:at] = rng.choice(BYTES)
        elif kind < 0.7 and at < len(line):
            line[at] ^= 1 << rng.randrange(8)
        else:
            del line[at : at + rng.choice([1, 2, 30])]
    return bytes(line).replace(b"\n", b" ")


def second(folder: Path, line: bytes) -> Sample | None:
    """Return the sample of a line between two good ones, which must be as they were."""
    good = json.dumps({"question": "q", "answer": "a"}).encode()
    (folder / "rows.jsonl").write_bytes(b"\n".join([good, line, good]) + b"\n")
    samples = list(JsonlDataset.from_config(JsonlConfig(path="rows.jsonl"), folder, (folder,)))
    assert [one.problem for one in (samples[0], samples[-1])] == [None, None]
    if not line.strip():
        assert len(samples) == 2
        return None
    assert len(samples) == 3, line
    return samples[1]


def listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def test_a_damaged_row_is_named_or_says_all_that_it_says(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    rng, found = random.Random("rows"), Counter[str]()  # noqa: S311
    for _ in range(TIMES):
        line = damaged_row(rng)
        sample = second(tmp_path, line)
        if sample is None:
            found["empty"] += 1
        elif sample.problem is not None:
            assert sample.problem.startswith("rows.jsonl:2: "), line
            assert "\n" not in sample.problem
            found["named"] += 1
        else:
            row = json.loads(line.decode("utf-8-sig"))
            assert len(sample.images) == len(listed(row.get("image"))) + len(listed(row.get("images")))
            assert len(sample.references) == max(len(listed(row.get(key))) for key in ("answer", "answers"))
            assert not row.keys() - ROW.keys() - {"boxes", "choices", "images", "answer", "references", "facts"}, line
            found["read"] += 1
    print(f"{TIMES} damaged rows: {dict(found)}")  # noqa: T201
    assert min(found["named"], found["read"]) > TIMES / 20


def formats() -> list[tuple[str, bytes]]:
    pixels = np.random.default_rng(5).integers(0, 256, (40, 30, 3), np.uint8)
    image, made = Image.fromarray(pixels), []
    for name, options in (
        ("PNG", {}),
        ("JPEG", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("WEBP", {"lossless": True}),
    ):
        out = io.BytesIO()
        image.save(out, name, **options)
        made.append((name, out.getvalue()))
    return made


def flipped(rng: random.Random, content: bytearray) -> None:
    for _ in range(rng.choice([1, 1, 3, 20])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def cut(rng: random.Random, content: bytearray) -> None:
    del content[rng.randrange(len(content)) :]


def padded(rng: random.Random, content: bytearray) -> None:
    content[rng.randrange(len(content)) :] = rng.randbytes(rng.choice([1, 8, 300]))


def sized(rng: random.Random, content: bytearray) -> None:
    """Write large numbers into the header, where sizes stand."""
    at = rng.randrange(4, min(60, len(content) - 4))
    content[at : at + 4] = rng.choice([b"\xff\xff\xff\x7f", b"\x00\x00\x00\x00", b"\x00\x01\x00\x00"])


DAMAGES: list[Callable[[random.Random, bytearray], None]] = [flipped, cut, padded, sized]


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_image_is_a_picture_or_a_sentence_that_names_it(tmp_path: Path) -> None:
    rng, found, files = random.Random("images"), Counter[str](), formats()  # noqa: S311
    for _ in range(TIMES):
        name, good = rng.choice(files)
        content = bytearray(good)
        rng.choice(DAMAGES)(rng, content)
        (tmp_path / "a.png").write_bytes(content)
        sample = second(tmp_path, json.dumps(ROW).encode())
        assert sample is not None
        (source,) = sample.images
        try:
            image = source.load()
        except SampleError as refused:
            found["named" if "a.png" in str(refused) else f"a {name} without its name: {refused}"] += 1
        else:
            assert image.mode in ("L", "RGB", "RGBA")
            assert min(image.size) >= 1
            found["shown"] += 1
    print(f"{TIMES} damaged images: {dict(found)}")  # noqa: T201
    assert set(found) == {"named", "shown"}
    assert min(found["named"], found["shown"]) > TIMES / 20
