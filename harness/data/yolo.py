"""YOLO: pictures in `images/`, boxes as shares of them in `labels/`, names in data.yaml."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import yaml

from harness.data._images import confine
from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part
from harness.data._tables import Listed, Placed, Table
from harness.data.coco import CocoConfig
from harness.data.image_folder import PICTURES
from harness.errors import SampleError
from harness.images import open_picture
from harness.types import Sample

ENTRIES: Final = {"yolo": "Yolo"}

_SPLITS: Final = ("train", "val", "test")


class Yolo(FilesDataset):
    """YOLO: `data.yaml` with the names, `images/val/a.jpg` beside `labels/val/a.txt`.

    A line is a class and a box (centre, width, height) or the corners of a shape, as shares of the picture; here the
    boxes are x0, y0, x1, y1 in pixels of the picture as it lies. No or an empty file of labels says that nothing is
    there.

    Source:
        Ultralytics' documentation of detection data sets.
    """

    Config = CocoConfig
    title: ClassVar[str] = "YOLO"
    expects: ClassVar[str] = "data.yaml, images/ and labels/"
    official: ClassVar[Official] = Official(
        ("map_50", "map"),
        "Lin et al. 2014 (arXiv:1405.0312)",
        prompt=None,
        kind="detect",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        file = path / "data.yaml" if path.is_dir() else path
        if file.suffix not in (".yaml", ".yml") or not file.is_file():
            return []
        told = _told(file)
        if not isinstance(told, dict) or "names" not in told:
            return []
        return [Part(split, (file,), certainty=40) for split in _SPLITS if told.get(split)]

    def open(self, parts: Sequence[Part]) -> Table:
        file = parts[0].files[0]
        told = _told(file)
        names = told["names"]
        self._names = dict(enumerate(names)) if isinstance(names, list) else {int(k): str(v) for k, v in names.items()}
        top = file.parent / str(told.get("path") or ".")
        pictures = [one for said in _list(told[parts[0].split]) for one in self._pictures(top, str(said))]
        rows = [Placed(one.name, {"file": one, "labels": _labels(one)}) for one in pictures]
        return Listed([file, *(row.row["labels"] for row in rows if row.row["labels"].is_file())], rows)

    def _pictures(self, top: Path, said: str) -> Iterator[Path]:
        place = next((one for one in (top / said, self.path / said) if one.exists()), top / said)
        try:
            confine(place, self.roots)
        except SampleError as cause:
            raise ValueError(str(cause)) from cause
        if place.is_file():
            for line in place.read_text(encoding="utf-8").splitlines():
                if line.strip():
                    yield place.parent / line.strip()
        elif place.is_dir():
            yield from sorted(file for file in place.rglob("*") if file.suffix.lower() in PICTURES)
        else:
            raise ValueError(f"data.yaml names {said!r}, which is not there")

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        file, labels = row["file"], row["labels"]
        lines = labels.read_text(encoding="utf-8").splitlines() if labels.is_file() else []
        source = self.home.file(str(file))
        size: tuple[int, int] = (0, 0)
        if lines:
            with open_picture(confine(file, self.roots), file.name) as image:
                size = image.size
        boxes = [self._box(line, size, f"{labels.name}:{at}") for at, line in enumerate(lines, 1) if line.strip()]
        name = file.relative_to(self.path).as_posix() if file.is_relative_to(self.path) else file.name
        plain = [{key: box[key] for key in ("label", "box")} for box in boxes]
        question = self.config.question or ", ".join(self._names.values())
        yield sample_of(name, question, (json.dumps(plain),), (source,), cluster=name, facts={"boxes": boxes})

    def _box(self, line: str, size: tuple[int, int], place: str) -> dict[str, Any]:
        numbers = [float(one) for one in line.split()]
        if len(numbers) < 5 or (len(numbers) > 5 and len(numbers) % 2 == 0):
            raise ValueError(f"{place}: {len(numbers)} numbers are neither a box nor a shape")
        kind, rest = int(numbers[0]), numbers[1:]
        if kind not in self._names:
            raise ValueError(f"{place}: data.yaml has no name for class {kind}")
        if len(rest) == 4:
            x, y, width, height = rest
            box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        else:
            box = [min(rest[::2]), min(rest[1::2]), max(rest[::2]), max(rest[1::2])]
        if not all(-0.01 <= side <= 1.01 for side in box):
            raise ValueError(f"{place}: a box reaches beyond the picture; are the numbers pixels instead of shares?")
        scaled = [round(side * size[at % 2], 3) for at, side in enumerate(box)]
        return {"box": scaled, "label": self._names[kind]}


def _told(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as cause:
        raise ValueError(f"{file.name} is no YAML: {cause}") from cause


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _labels(picture: Path) -> Path:
    """Return the file of labels of a picture: `images` in its path made `labels`, the last one."""
    parts = list(picture.with_suffix(".txt").parts)
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] == "images":
            parts[at] = "labels"
            break
    return Path(*parts)
