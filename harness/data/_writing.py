"""Samples of any layout as JSON lines beside a folder of their pictures: what ``type: jsonl`` reads."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.data._cells import HeldImage
from harness.data._images import FileImage, confine
from harness.data._vlmevalkit import RowImage
from harness.errors import SampleError
from harness.facts import known
from harness.images import PLAINLY, Reading
from harness.types import ImageSource, Sample

ROWS: Final = "rows.jsonl"
IMAGES: Final = "images"
_BEGINNINGS: Final = {b"\x89PNG": ".png", b"\xff\xd8": ".jpg", b"GIF8": ".gif", b"RIFF": ".webp", b"BM": ".bmp"}
_TIFF: Final = ".tif"
"""What else is read as a picture."""


@dataclass(slots=True)
class Written:
    """What became of samples that were to be written."""

    count: int = 0
    images: int = 0
    """Files of pictures; one that several questions show is there once."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Why samples were left out, and how many."""
    reading: Reading = PLAINLY
    """How the pictures are read: their files are copies."""

    def keys(self) -> dict[str, Any]:
        """Return the keys of a dataset that reads them as they were read."""
        unusual = {name: value for name, value in asdict(self.reading).items() if value != getattr(PLAINLY, name)}
        return {"type": "jsonl", "path": ROWS, **unusual}


def write_rows(samples: Iterable[Sample], folder: Path) -> Written:
    """Write samples as ``rows.jsonl`` beside ``images``, with the bytes of their pictures as they are.

    Rows that cannot be read, that have no right answer, whose picture is missing, or that show a clip are left out
    and counted. ``rows.jsonl`` appears when it is whole.

    Args:
        samples: of one dataset.
        folder: is made where it is missing.

    Raises:
        OSError: if it cannot be written.
    """
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    written, here, names = Written(), folder / ROWS, frozenset(known())
    part = here.with_name(f".{ROWS}.part")
    with part.open("w", encoding="utf-8") as out:
        for sample in samples:
            try:
                line = _line(sample, folder, written, names)
            except SampleError as cause:
                written.left_out[str(cause)] += 1
                continue
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            written.count += 1
    part.replace(here)
    return written


def _line(sample: Sample, folder: Path, written: Written, names: frozenset[str]) -> Mapping[str, Any]:
    if sample.problem is not None:
        raise SampleError("rows that cannot be read")
    if sample.clip is not None:
        raise SampleError("rows that show a clip")
    if not sample.references:
        raise SampleError("rows without a right answer")
    images = [_kept(image, folder, written) for image in sample.images]
    known_facts = {name: value for name, value in sample.facts.items() if name in names}
    others = {name: value for name, value in sample.facts.items() if name not in names}
    return {
        "id": sample.id,
        "question": sample.question,
        **({"answer": sample.references[0]} if len(sample.references) == 1 else {"answers": sample.references}),
        **({"image": images[0]} if len(images) == 1 else {"images": images} if images else {}),
        **({"evidence": sample.evidence} if sample.evidence is not None else {}),
        **({"cluster": sample.cluster} if sample.cluster else {}),
        **({"tags": dict(sample.tags)} if sample.tags else {}),
        **known_facts,
        **({"facts": others} if others else {}),
    }


def _kept(image: ImageSource, folder: Path, written: Written) -> str:
    """Write a picture under the hash of its bytes, and return its path from the rows."""
    content, suffix, reading = _content(image)
    if written.images and reading != written.reading:
        raise SampleError("rows whose pictures are read otherwise than those of the first")
    name = f"{IMAGES}/{hashlib.sha256(content).hexdigest()[:24]}{suffix}"
    if not (folder / name).exists():
        (folder / name).write_bytes(content)
        written.images += 1
    written.reading = reading
    return name


def picture_file(image: ImageSource) -> tuple[bytes, str]:
    """Return the bytes of a file that shows an image as it is read here, and the ending of its name.

    They are those of its own file, unless it is read in an unusual way (turned, another page, other levels): then they
    are a PNG of what is seen.

    Raises:
        SampleError: if the picture is missing or cannot be read.
    """
    content, ending, reading = _content(image)
    if reading == PLAINLY:
        return content, ending
    seen = io.BytesIO()
    image.load().save(seen, "PNG")
    return seen.getvalue(), ".png"


def _content(image: ImageSource) -> tuple[bytes, str, Reading]:
    """Return a picture's bytes, the ending of its name, and how it is read; of one that is drawn, a PNG."""
    if isinstance(image, RowImage):
        image = image.source()
    if isinstance(image, HeldImage):
        return image.content, _ending(image.content), image.reading
    if isinstance(image, FileImage):
        try:
            content = confine(image.path, image.roots).read_bytes()
        except OSError as cause:
            raise SampleError("rows whose picture is missing") from cause
        return content, _ending(content), image.reading
    drawn = io.BytesIO()
    image.load().save(drawn, "PNG")
    return drawn.getvalue(), ".png", PLAINLY


def _ending(content: bytes) -> str:
    return next((ending for begin, ending in _BEGINNINGS.items() if content.startswith(begin)), _TIFF)
