"""Captions with several references a picture: COCO's and Flickr30k's, with Karpathy's splits."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._cells import answers_in
from harness.data._layout import FilesDataset, LayoutConfig, Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part, named, parquet_parts
from harness.data._tables import Listed, Placed, Table, document
from harness.data.coco import place
from harness.types import ImageSource, Sample

ENTRIES: Final = {"coco_captions": "CocoCaptions", "flickr30k": "Flickr30k"}

_VARIANT: Final = "coco-caption@3a9afb2"
_OFFICIAL: Final = Official(
    tuple({"metric": name, "variant": _VARIANT} for name in ("cider_d", "bleu4", "rouge_l")),
    "Chen et al. 2015 (arXiv:1504.00325), tylin/coco-caption",
    prompt="{{ question }}",
    note="METEOR and SPICE are not computed.",
)


class CaptionsConfig(LayoutConfig):
    """Keys of a dataset of captions."""

    question: str = "Describe the picture in one sentence."
    """What is asked of every picture."""


class _Karpathy(FilesDataset):
    Config = CaptionsConfig
    official: ClassVar[Official] = _OFFICIAL
    file: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        for part in named(path, cls.file):
            splits = dict.fromkeys(str(one["split"]) for one in _karpathy(part.files[0]))
            return [Part(split, part.files) for split in splits]
        return cls.otherwise(path) or parquet_parts(path, cls.columns)

    @classmethod
    def otherwise(cls, path: Path) -> list[Part]:
        """Return parts in another form."""
        return []

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        if files[0].suffix == ".parquet":
            return ParquetTable(files)
        rows = self._plain(files[0]) if files[0].suffix == ".token" else self._of(files[0], parts[0].split)
        return Listed(files, rows)

    @staticmethod
    def _of(file: Path, split: str) -> Iterator[Placed]:
        for number, row in enumerate(_karpathy(file)):
            if row["split"] == split:
                captions = [one["raw"] for one in row["sentences"]]
                name = f"{row['filepath']}/{row['filename']}" if row.get("filepath") else row["filename"]
                identity = row.get("cocoid", row["imgid"])
                yield Placed(f"{file.name}[{number}]", {"id": identity, "captions": captions, "file": name})

    @staticmethod
    def _plain(file: Path) -> Iterator[Placed]:
        """Yield the rows of a list of `name.jpg#number`, a tab and a caption."""
        found: dict[str, list[str]] = {}
        for line in file.read_text(encoding="utf-8").splitlines():
            key, tab, caption = line.partition("\t")
            if tab:
                found.setdefault(key.rpartition("#")[0], []).append(caption)
        for name, captions in found.items():
            yield Placed(f"{file.name}[{name}]", {"id": name, "captions": captions, "file": name})

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        captions = answers_in(next(row[key] for key in ("captions", "caption", "answer") if key in row), "captions")
        images: tuple[ImageSource, ...] = self.pictures(row.get("image"), origin)
        if "file" in row:
            folder, _, name = str(row["file"]).rpartition("/")
            images = (place(self.home, name, folder or "flickr30k-images"),)
        identity = next(row[key] for key in ("id", "img_id", "question_id") if row.get(key) is not None)
        references = [caption.strip() for caption in captions]
        yield sample_of(identity, self.config.question, references, images, cluster=identity)


class CocoCaptions(_Karpathy):
    """COCO's captions: `captions_val2017.json`, Karpathy's `dataset_coco.json`, or Parquet.

    The five captions of a picture are its references. Karpathy's `restval` is part of what is trained on.

    Source:
        Chen et al. 2015 (arXiv:1504.00325), Karpathy and Fei-Fei 2015 (arXiv:1412.2306).
    """

    title: ClassVar[str] = "COCO captions"
    expects: ClassVar[str] = "captions_val2017.json, dataset_coco.json, or Parquet with the set's columns"
    pooled: ClassVar[bool] = False
    file: ClassVar[str] = r"dataset_(?P<split>coco)\.json"
    columns: ClassVar[tuple[str, ...]] = ("question_id", "image", "question", "answer", "id", "coco_url")

    @classmethod
    def otherwise(cls, path: Path) -> list[Part]:
        found = named(path, r"captions_(?P<split>\w+?)\.json", certainty=61)
        return [part for part in found if "results" not in part.split]

    def open(self, parts: Sequence[Part]) -> Table:
        file = parts[0].files[0]
        return (
            Listed([file], self._official(file, parts[0].split)) if file.name.startswith("cap") else super().open(parts)
        )

    @staticmethod
    def _official(file: Path, split: str) -> Iterator[Placed]:
        told = document(file)
        held: dict[Any, list[str]] = {}
        for one in told["annotations"]:
            held.setdefault(one["image_id"], []).append(one["caption"])
        for image in told["images"]:
            row = {"id": image["id"], "captions": held.get(image["id"], []), "file": f"{split}/{image['file_name']}"}
            yield Placed(f"{file.name}[{image['id']}]", row)


class Flickr30k(_Karpathy):
    """Flickr30k: Karpathy's `dataset_flickr30k.json`, the list of all captions, or Parquet.

    Karpathy's test split has 1,000 pictures; Parquet calls all 31,783 of them `test`, and
    `results_20130124.token` has no splits.

    Source:
        Young et al. 2014, Karpathy and Fei-Fei 2015 (arXiv:1412.2306).
    """

    title: ClassVar[str] = "Flickr30k"
    expects: ClassVar[str] = "dataset_flickr30k.json or results_20130124.token with flickr30k-images/, or Parquet"
    file: ClassVar[str] = r"dataset_(?P<split>flickr30k)\.json"
    columns: ClassVar[tuple[str, ...]] = ("image", "caption", "sentids", "img_id", "filename")

    @classmethod
    def otherwise(cls, path: Path) -> list[Part]:
        return [Part("all", part.files) for part in named(path, r"(?P<split>results(?:_\d+)?)\.token")]


@lru_cache(maxsize=1)
def _read(file: Path, changed: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(file)["images"]
    return found


def _karpathy(file: Path) -> list[dict[str, Any]]:
    return _read(file, file.stat().st_mtime_ns)
