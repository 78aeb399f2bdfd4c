"""RefCOCO, RefCOCO+ and RefCOCOg: an expression, and the box of what it means."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part, files_under, parquet_parts, refuse_pickle
from harness.data._tables import Listed, Placed, Table, document
from harness.types import Sample

ENTRIES: Final = {"refcoco": "RefCoco"}

_REFS: Final = re.compile(r"refs\((?P<by>\w+)\)\.json")
_OBJECT: Final = re.compile(r"_\d+(?=\.jpg$)")


class RefCoco(FilesDataset):
    """RefCOCO: Parquet with a row for each object, or the authors' `refs(unc).json` beside `instances.json`.

    Each expression is a question of its own; its answer is the box, in pixels of the picture as it lies: x0, y0, x1,
    y1. The cluster is the picture. The authors' `refs(unc).p` is a pickle and has to be made JSON first.

    Source:
        Yu et al. 2016 (arXiv:1608.00272), Mao et al. 2016 (arXiv:1511.02283), lichengunc/refer.
    """

    title: ClassVar[str] = "RefCOCO"
    expects: ClassVar[str] = "Parquet with the set's columns, or refs(unc).json beside instances.json"
    one_each: ClassVar[bool] = False
    pooled: ClassVar[bool] = False
    official: ClassVar[Official] = Official(
        ({"metric": "acc_at_iou", "threshold": 0.5}, "iou"),
        "Yu et al. 2016 (arXiv:1608.00272)",
        prompt=None,
        note="Say the frame of the model's boxes (`frame: per-mille`) where it is not pixels.",
        kind="ground",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        found: dict[tuple[str, str], None] = {}
        files: dict[tuple[str, str], tuple[Path, ...]] = {}
        for file in files_under(path, ".json"):
            match, boxes = _REFS.fullmatch(file.name), file.with_name("instances.json")
            if match and boxes.is_file():
                for split in dict.fromkeys(str(ref["split"]) for ref in document(file)):
                    key = (split, f"{file.parent.name}-{match['by']}")
                    found[key], files[key] = None, (file, boxes)
        if found:
            return [Part(split, files[split, config], config) for split, config in found]
        for file in files_under(path, ".p"):
            if file.name.startswith("refs("):
                refuse_pickle(file)
        return parquet_parts(path, ("question_id", "image", "answer", "bbox", "segmentation", "file_name"))

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        if files[0].suffix == ".json":
            return Listed(files, self._rows(files[0], files[1], parts[0].split))
        return ParquetTable(files)

    @staticmethod
    def _rows(refs: Path, instances: Path, split: str) -> Iterator[Placed]:
        told = document(instances)
        boxes = {one["id"]: one["bbox"] for one in told["annotations"]}
        names = {one["id"]: one["file_name"] for one in told.get("images", ())}
        for number, ref in enumerate(document(refs)):
            if ref["split"] != split:
                continue
            origin = f"{refs.name}[{number}]"
            if ref["ann_id"] not in boxes:
                yield Placed(origin, {}, f"instances.json has no box {ref['ann_id']}")
                continue
            image = names.get(ref["image_id"]) or _OBJECT.sub("", ref["file_name"])
            for sentence in ref["sentences"]:
                said = sentence.get("sent") or sentence["raw"]
                row = {"id": f"{ref['ref_id']}-{sentence['sent_id']}", "said": said, "bbox": boxes[ref["ann_id"]]}
                yield Placed(origin, {**row, "file_name": ref["file_name"], "shown": image})

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        x, y, width, height = row["bbox"]
        box = [x, y, x + width, y + height]
        facts: dict[str, Any] = {"boxes": [box]}
        cluster = _OBJECT.sub("", str(row["file_name"]))
        if "said" in row:
            name = str(row["shown"])
            images: Any = (self.home.file(f"images/train2014/{name}", f"train2014/{name}", f"images/{name}", name),)
            yield sample_of(row["id"], row["said"], (json.dumps(box),), images, cluster=cluster, facts=facts)
            return
        images = self.pictures(row.get("image"), origin)
        for number, expression in enumerate(row["answer"]):
            name = f"{row['question_id']}-{number}"
            yield sample_of(name, str(expression), (json.dumps(box),), images, cluster=cluster, facts=facts)
