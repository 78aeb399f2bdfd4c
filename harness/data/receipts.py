"""CORD, FUNSD and SROIE: scanned pages with the fields, words and boxes that are on them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._layout import FilesDataset, LayoutConfig, Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part, files_under, parquet_parts
from harness.data._tables import Listed, Placed, Table, document
from harness.types import ImageSource, Sample

ENTRIES: Final = {"cord": "Cord", "funsd": "Funsd", "sroie": "Sroie"}

_FIELDS: Final = ("company", "date", "address", "total")
_ENDINGS: Final = (".png", ".jpg", ".jpeg")


class PagesConfig(LayoutConfig):
    """Keys of a dataset of scanned pages."""

    question: str | None = None
    """What is asked of every page; by default for all its fields as JSON."""


class _Scans(FilesDataset):
    Config = PagesConfig
    asks: ClassVar[str]

    @property
    def question(self) -> str:
        """What is asked of every page."""
        return self.config.question or self.asks


class Cord(_Scans):
    """CORD: Parquet of v2 (`ground_truth` is JSON as text), or `test/image/` with `test/json/`.

    The reference is the parse as JSON, the facts `boxes` the words with their categories. A menu of one item is one
    object, of several a list.

    Source:
        Park et al. 2019, clovaai/cord.
    """

    title: ClassVar[str] = "CORD"
    expects: ClassVar[str] = "Parquet with image and ground_truth, or test/image/ and test/json/"
    asks: ClassVar[str] = "What does the receipt say? Give all its fields."
    official: ClassVar[Official] = Official(
        ("field_accuracy", {"metric": "anls_star", "variant": "anls-star@eda6922"}),
        "clovaai/donut: donut/util.py (field F1 and tree edit distance)",
        prompt="{{ question }}\nAnswer with JSON only.",
        extract=("json_in_prose",),
        note="Donut's field F1 and tree edit distance are not computed: `field_accuracy` counts fields by path.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        found: dict[str, list[Path]] = {}
        for file in files_under(path, ".json"):
            if file.parent.name == "json" and (file.parent.parent / "image").is_dir():
                found.setdefault(file.parent.parent.name, []).append(file)
        told = [Part(split, tuple(files)) for split, files in found.items()]
        return told or parquet_parts(path, ("image", "ground_truth"))

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        if files[0].suffix == ".json":
            return Listed(files, (Placed(file.name, {**document(file), "file": file}) for file in files))
        return ParquetTable(files)

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        told = json.loads(row["ground_truth"]) if "ground_truth" in row else row
        images: tuple[ImageSource, ...] = self.pictures(row.get("image"), origin)
        identity = None
        if "file" in row:
            file = row["file"]
            identity = file.stem
            images = (_beside(self, file, file.parent.parent / "image"),)
        lines = told.get("valid_line") or []
        parse = told.get("gt_parse") or _parse(lines)
        boxes = [
            {
                "box": _around([word["quad"][axis + corner] for corner in "1234" for axis in "xy"]),
                "label": line["category"],
            }
            for line in lines
            for word in line["words"]
        ]
        text = json.dumps(parse, ensure_ascii=False)
        yield sample_of(identity, self.question, (text,), images, facts={"boxes": boxes})


class Funsd(_Scans):
    """FUNSD: `testing_data/annotations/*.json` beside `images/`. Entities with their kinds, boxes (corners) and links.

    The reference is the list of entities as JSON, the facts `boxes` their boxes and `links` the pairs of their numbers,
    each once.

    Source:
        Jaume et al. 2019 (arXiv:1905.13538).
    """

    title: ClassVar[str] = "FUNSD"
    expects: ClassVar[str] = "testing_data/annotations/*.json and testing_data/images/"
    asks: ClassVar[str] = "Which questions, answers and headers does the form hold?"
    official: ClassVar[Official] = Official(
        ({"metric": "anls_star", "variant": "anls-star@eda6922"},),
        "Jaume et al. 2019 (arXiv:1905.13538)",
        prompt='{{ question }}\nAnswer with a JSON list of {"label": …, "text": …} only.',
        extract=("json_in_prose",),
        note="The set's own numbers are F1 of entities and links, which are not computed.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        found: dict[str, list[Path]] = {}
        for file in files_under(path, ".json"):
            if file.parent.name == "annotations" and file.parent.parent.name in ("training_data", "testing_data"):
                split = file.parent.parent.name.removesuffix("ing_data")
                found.setdefault({"train": "train", "test": "test"}[split], []).append(file)
        return [Part(split, tuple(files)) for split, files in found.items()]

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        return Listed(files, (Placed(file.name, {**document(file), "file": file}) for file in files))

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        entities, file = row["form"], row["file"]
        kinds = [{"label": one["label"], "text": one["text"]} for one in entities if one["text"].strip()]
        boxes = [{"box": list(one["box"]), "label": one["label"]} for one in entities]
        links = sorted({(int(pair[0]), int(pair[1])) for one in entities for pair in one["linking"]})
        yield sample_of(
            file.stem,
            self.question,
            (json.dumps(kinds, ensure_ascii=False),),
            (_beside(self, file, file.parent.parent / "images"),),
            cluster=file.stem,
            facts={"boxes": boxes, "links": [list(pair) for pair in links]},
        )


class Sroie(_Scans):
    """SROIE: `img/000.jpg`, `key/000.json` (or `.txt` with JSON) and `box/000.csv` (or `.txt`).

    The reference is company, date, address and total as JSON, without those that are missing. A line of `box` is eight
    numbers and the text, which may hold commas.

    Source:
        Huang et al. 2019 (arXiv:2103.10213), zzzDavid/ICDAR-2019-SROIE.
    """

    title: ClassVar[str] = "SROIE"
    expects: ClassVar[str] = "img/, key/ and box/"
    asks: ClassVar[str] = "Which company, date, address and total does the receipt give?"
    official: ClassVar[Official] = Official(
        ("field_accuracy",),
        "Huang et al. 2019 (arXiv:2103.10213)",
        prompt="{{ question }}\nAnswer with JSON only, with the keys company, date, address, total.",
        extract=("json_in_prose",),
        note="The published number is F1 of exact fields.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        found: dict[str, list[Path]] = {}
        for file in files_under(path, ".json", ".txt"):
            if file.parent.name == "key" and (file.parent.parent / "img").is_dir():
                above = file.parent.parent
                split = above.name if above.name in ("train", "test") else "all"
                found.setdefault(split, []).append(file)
        return [Part(split, tuple(files)) for split, files in found.items()]

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        boxes = [box for file in files for box in _box_files(file)]
        return Listed([*files, *boxes], (Placed(file.name, {"file": file}) for file in files))

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        file = row["file"]
        told = document(file)
        fields = {name: told[name] for name in _FIELDS if told.get(name)}
        boxes = [box for place in _box_files(file)[:1] for box in _lines(place)]
        yield sample_of(
            file.stem,
            self.question,
            (json.dumps(fields, ensure_ascii=False),),
            (_beside(self, file, file.parent.parent / "img"),),
            cluster=file.stem,
            facts={"boxes": boxes},
        )


def _box_files(key: Path) -> list[Path]:
    folder = key.parent.parent / "box"
    return [file for ending in (".csv", ".txt") if (file := folder / f"{key.stem}{ending}").is_file()]


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    content = file.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            cells = line.split(",", 8)
            if len(cells) < 9:
                raise ValueError(f"{file.name}:{number}: no eight numbers and a text")
            yield {"box": _around([float(cell) for cell in cells[:8]]), "label": cells[8]}


def _around(corners: Sequence[float]) -> list[float]:
    """Return the box about x, y, x, y, …."""
    return [min(corners[::2]), min(corners[1::2]), max(corners[::2]), max(corners[1::2])]


def _parse(lines: Iterable[Row]) -> dict[str, Any]:
    """Return the fields of lines by category, those of a group together; of one group an object, of several a list."""
    groups: dict[str, dict[Any, dict[str, str]]] = {}
    for line in lines:
        top, _, name = str(line["category"]).partition(".")
        text = " ".join(word["text"] for word in line["words"])
        here = groups.setdefault(top, {}).setdefault(line.get("group_id"), {})
        here[name or "text"] = f"{here[name]} {text}" if name in here else text
    merged: dict[str, Any] = {}
    for top, held in groups.items():
        several = list(held.values())
        if top == "menu":
            merged[top] = several[0] if len(several) == 1 else several
        else:
            merged[top] = {name: text for one in several for name, text in one.items()}
    return merged


def _beside(dataset: FilesDataset, file: Path, folder: Path) -> ImageSource:
    """Return the picture of a file's name in another folder."""
    return dataset.home.file(*(str(folder / f"{file.stem}{ending}") for ending in _ENDINGS))
