"""ImageNet and ImageNet-C: photographs by class, plain and corrupted."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from harness.data._layout import FilesDataset, LayoutConfig, Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part
from harness.data._tables import CsvTable, Listed, Placed, Table
from harness.errors import ConfigError, Issue
from harness.types import Sample

ENTRIES: Final = {"imagenet": "ImageNet", "imagenet_c": "ImageNetC"}

_ENDINGS: Final = (".jpeg", ".jpg", ".png")
_SOLUTION: Final = "LOC_{split}_solution.csv"
_NAMES: Final = "LOC_synset_mapping.txt"
_NUMBERS: Final = "ILSVRC2012_validation_ground_truth.txt"


class ImageNetConfig(LayoutConfig):
    """Keys of a dataset of ``type: imagenet`` or ``imagenet_c``."""

    question: str = "What is the main object in the picture?"
    """What is asked of every picture."""


class ImageNet(FilesDataset):
    """ImageNet: `val/nXXXXXXXX/*.JPEG`, or a flat `val/` with `LOC_val_solution.csv`. Answers are the class's names.

    The names are read from `LOC_synset_mapping.txt`; without it the answer is the synset. The fact `label` is the
    synset. The devkit's `ILSVRC2012_validation_ground_truth.txt` counts classes in an order of its own, which is
    neither the alphabet's nor a model's: it is not guessed.

    Source:
        Russakovsky et al. 2015 (arXiv:1409.0575).
    """

    Config = ImageNetConfig
    title: ClassVar[str] = "ImageNet"
    expects: ClassVar[str] = "train/ or val/ with a folder for each synset, or val/ flat with LOC_val_solution.csv"
    official: ClassVar[Official] = Official(
        ("exact_match", {"metric": "top_k_accuracy", "k": 5}),
        "Russakovsky et al. 2015 (arXiv:1409.0575)",
        note="A model that writes is right where it writes one of the class's names.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        if not path.is_dir():
            return []
        if (path / _NUMBERS).is_file():
            said = f"{path / _NUMBERS} numbers the classes in the devkit's order, which is not the alphabet's"
            hint = "give LOC_val_solution.csv beside val/, or sort the pictures into a folder for each synset"
            raise ConfigError(Issue(("path",), said, hint))
        tops = [path, *(folder for folder in sorted(path.iterdir()) if folder.is_dir())]
        for top in tops:
            found = [
                Part(split, (top / split,), certainty=30) for split in ("train", "val") if cls._is_split(top, split)
            ]
            if found:
                return found
        return []

    @classmethod
    def _is_split(cls, top: Path, split: str) -> bool:
        folder = top / split
        if not folder.is_dir():
            return False
        return _synsets(folder) != [] or (top / _SOLUTION.format(split=split)).is_file()

    def open(self, parts: Sequence[Part]) -> Table:
        folder = parts[0].files[0]
        top, told = folder.parent, []
        self._words: dict[str, list[str]] = {}
        mapping = next((file for file in (top / _NAMES, self.path / _NAMES) if file.is_file()), None)
        if mapping:
            told.append(mapping)
            for line in mapping.read_text(encoding="utf-8").splitlines():
                synset, _, names = line.partition(" ")
                self._words[synset] = [name.strip() for name in names.split(",") if name.strip()]
        classes = _synsets(folder)
        if classes:
            return Listed(told, self._by_folder(folder, classes))
        solution = top / _SOLUTION.format(split=folder.name)
        return Listed([*told, solution], self._by_list(folder, solution))

    def _by_folder(self, folder: Path, classes: Sequence[str]) -> Iterator[Placed]:
        for synset in classes:
            for file in _pictures(folder / synset):
                yield Placed(f"{synset}/{file.name}", {"file": file, "synset": synset})

    @staticmethod
    def _by_list(folder: Path, solution: Path) -> Iterator[Placed]:
        for placed in CsvTable(solution).rows():
            name, said = placed.row["ImageId"], placed.row["PredictionString"].split()
            yield Placed(placed.origin, {"file": folder / f"{name}.JPEG", "synset": said[0]})

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        file: Path = row["file"]
        synset = str(row["synset"])
        name = file.relative_to(self.path).as_posix()
        yield sample_of(
            name,
            self.config.question,
            (*self._words.get(synset, ()), synset),
            (self.home.file(str(file)),),
            cluster=file.stem,
            tags=self.tags(file),
            facts={"label": synset},
        )

    def tags(self, file: Path) -> dict[str, Any]:
        """Return what else a file's place says."""
        return {}


class ImageNetC(ImageNet):
    """ImageNet-C: `corruption/severity/synset/*.JPEG`, with the tags `corruption` and `severity`.

    All of them make one data set, in which the versions of a photograph form a cluster; `config:` names a corruption.

    Source:
        Hendrycks and Dietterich 2019 (arXiv:1903.12261).
    """

    title: ClassVar[str] = "ImageNet-C"
    expects: ClassVar[str] = "fog/1/n01440764/*.JPEG and so on"
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "Hendrycks and Dietterich 2019 (arXiv:1903.12261)",
        slices=("corruption", "severity"),
        note="mCE, which divides by AlexNet's errors, is not computed.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        if not path.is_dir():
            return []
        kinds = [folder for folder in sorted(path.iterdir()) if folder.is_dir() and _severities(folder)]
        return [Part("val", (folder,), folder.name, 40) for folder in kinds]

    def open(self, parts: Sequence[Part]) -> Table:
        self._words = {}
        return Listed((), (placed for part in parts for placed in self._kind(part.files[0])))

    def _kind(self, folder: Path) -> Iterator[Placed]:
        for level in _severities(folder):
            for synset in _synsets(level):
                for file in _pictures(level / synset):
                    origin = file.relative_to(self.path).as_posix()
                    yield Placed(origin, {"file": file, "synset": synset})

    def tags(self, file: Path) -> dict[str, Any]:
        return {"corruption": file.parents[2].name, "severity": file.parents[1].name}


def _severities(folder: Path) -> list[Path]:
    return [folder / level for level in "12345" if (folder / level).is_dir() and _synsets(folder / level)]


def _synsets(folder: Path) -> list[str]:
    """Return the names of the folders of classes, as WordNet numbers them."""
    return [
        inside.name
        for inside in sorted(folder.iterdir())
        if len(inside.name) == 9 and inside.name[0] == "n" and inside.name[1:].isdecimal() and inside.is_dir()
    ]


def _pictures(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if file.suffix.lower() in _ENDINGS]
