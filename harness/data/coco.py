"""COCO's JSON: boxes (`instances_*.json`), captions (`captions_*.json`), and LVIS."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

from harness.data._cells import Home
from harness.data._layout import FilesDataset, LayoutConfig, Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part, named
from harness.data._tables import Listed, Placed, Table, document
from harness.types import ImageSource, Sample

ENTRIES: Final = {"coco": "Coco", "lvis": "Lvis"}

_BOXES: Final = (
    'Find all {{ question }} in the picture. Answer with a JSON list of {"label": …, "box": [x0, y0, x1, y1], '
    '"score": …}, in pixels.'
)


class CocoConfig(LayoutConfig):
    """Keys of a dataset of ``type: coco`` or ``lvis``."""

    question: str | None = None
    """What is asked of every picture: by default the names of all categories, or for a caption."""


class Coco(FilesDataset):
    """COCO: one sample a picture, its boxes as facts and as JSON, or its captions as references.

    `config: instances` or `captions` says which, where both lie there. Boxes are x0, y0, x1, y1 in pixels of the
    picture as it lies; crowds are marked, which the metrics ignore. A picture without any box counts too.

    Source:
        Lin et al. 2014 (arXiv:1405.0312).
    """

    Config = CocoConfig
    title: ClassVar[str] = "COCO"
    expects: ClassVar[str] = "instances_val2017.json or captions_val2017.json, with val2017/"
    pooled: ClassVar[bool] = False
    official: ClassVar[Official] = Official(
        ("map", "map_50", "map_75"),
        "Lin et al. 2014 (arXiv:1405.0312), cocodataset/cocoapi",
        prompt=None,
        note="For captions take `type: coco_captions`.",
        kind="detect",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        found = [
            Part(part.split, part.files, config, 62 if config == "instances" else 60)
            for config in ("instances", "captions")
            for part in named(path, rf"{config}_(?P<split>\w+?)\.json")
            if "results" not in part.split
        ]
        if not found and path.is_file() and path.suffix == ".json":
            kind = _kind(path)
            return [Part(path.stem, (path,), kind, 5)] if kind else []
        return found

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        told = document(files[0])
        self._split = parts[0].split
        self._names = {one["id"]: str(one["name"]) for one in told.get("categories", ())}
        self._boxes = bool(self._names)
        return Listed(files, self._rows(files[0].name, told))

    def _rows(self, name: str, told: dict[str, Any]) -> Iterator[Placed]:
        held: dict[Any, list[dict[str, Any]]] = {}
        for one in told["annotations"]:
            held.setdefault(one["image_id"], []).append(one)
        known = set()
        for image in told["images"]:
            known.add(image["id"])
            yield Placed(f"{name}[{image['id']}]", {**image, "held": held.get(image["id"], [])})
        for stray in held.keys() - known:
            yield Placed(f"{name}[{stray}]", {}, f"{len(held[stray])} annotations of an image that is not listed")

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        facts: dict[str, Any] = {"size": [row["width"], row["height"]] if "width" in row else None}
        if self._boxes:
            facts["boxes"] = [self._box(one) for one in row["held"]]
            references = [json.dumps([{key: box[key] for key in ("label", "box")} for box in facts["boxes"]])]
            question = self.config.question or ", ".join(self._names.values())
        else:
            references = [str(one["caption"]).strip() for one in row["held"]]
            question = self.config.question or "Describe the picture in one sentence."
        file = self.file(row)
        yield sample_of(row["id"], question, references, (file,), cluster=row["id"], facts=facts)

    def file(self, row: Row) -> ImageSource:
        """Return a picture's file."""
        return place(self.home, str(row["file_name"]), self._split)

    def _box(self, one: Row) -> dict[str, Any]:
        x, y, width, height = one["bbox"]
        told: dict[str, Any] = {"box": [x, y, x + width, y + height], "label": self._names[one["category_id"]]}
        if one.get("iscrowd"):
            told["crowd"] = True
        if isinstance(one.get("area"), int | float):
            told["area"] = one["area"]
        return told


class Lvis(Coco):
    """LVIS v1: as COCO, but a picture's name stands in `coco_url` only, whose folder may be train2017 for val.

    Categories that were looked for and are not there, and those not marked exhaustively, are the facts `absent` and
    `partly` (by name).

    Source:
        Gupta et al. 2019 (arXiv:1908.03195).
    """

    title: ClassVar[str] = "LVIS"
    expects: ClassVar[str] = "lvis_v1_val.json with COCO's train2017/ and val2017/"
    official: ClassVar[Official] = Official(
        ("map",),
        "Gupta et al. 2019 (arXiv:1908.03195), lvis-dataset/lvis-api",
        prompt=_BOXES,
        note="This is COCO's AP: federated AP, by frequency and with 300 detections, is not computed.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        return named(path, r"lvis_v1_(?P<split>train|val|test)\w*\.json")

    def file(self, row: Row) -> ImageSource:
        folder, name = str(row["coco_url"]).split("/")[-2:]
        return place(self.home, name, folder)

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        for sample in super().samples(row, origin):
            absent = [self._names[one] for one in row.get("neg_category_ids") or ()]
            partly = [self._names[one] for one in row.get("not_exhaustive_category_ids") or ()]
            yield replace(sample, facts={**sample.facts, "absent": absent, "partly": partly})


def place(home: Home, name: str, folder: str) -> ImageSource:
    """Return COCO's file of some name, in the usual folders."""
    return home.file(f"{folder}/{name}", f"images/{folder}/{name}", f"../{folder}/{name}", f"images/{name}", name)


def _kind(path: Path) -> str:
    """Return which of the two a JSON file is; nothing where it is neither."""
    try:
        told = document(path)
    except (ValueError, OSError):
        return ""
    if not isinstance(told, dict) or not isinstance(told.get("images"), list):
        return ""
    annotations = told.get("annotations")
    if not isinstance(annotations, list) or "sentences" in (told["images"] or [{}])[0]:
        return ""
    return "captions" if annotations and "caption" in annotations[0] else "instances"
