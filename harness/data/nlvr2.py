"""NLVR2: whether a sentence is true of two photographs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part, named
from harness.data._tables import LinesTable, Table
from harness.types import Sample

ENTRIES: Final = {"nlvr2": "Nlvr2"}


class Nlvr2(FilesDataset):
    """NLVR2: `dev.json` (JSON lines) and `dev/dev-850-0-img0.png`, `-img1.png`; the answers are True and False.

    The cluster is the pair of pictures. The endings of the pictures say nothing of what they are.

    Source:
        Suhr et al. 2019 (arXiv:1811.00491), lil-lab/nlvr.
    """

    title: ClassVar[str] = "NLVR2"
    expects: ClassVar[str] = "dev.json (JSON lines) and the folder dev/"
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "lil-lab/nlvr: nlvr2/eval/metrics.py",
        prompt="Left: <image 1> Right: <image 2>\n{{ question }}\nIs this True or False of the two pictures?",
        extract=("final_answer",),
        note="Consistency, a sentence right on all its pairs, is not computed.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        found = named(path, r"(?P<split>train|dev|test1|test2)\.json")
        return [part for part in found if _is_nlvr2(part.files[0])]

    def open(self, parts: Sequence[Part]) -> Table:
        self._split = parts[0].split
        return LinesTable(parts[0].files[0])

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        label = str(row["label"])
        if label not in ("True", "False"):
            raise ValueError(f"the label {label!r} is neither True nor False")
        pair = str(row["identifier"]).rpartition("-")[0]
        inside = [self._split, f"images/{self._split}"]
        inside += [f"images/train/{row['directory']}", str(row["directory"])] if "directory" in row else []
        images = tuple(self.home.file(*(f"{folder}/{pair}-img{side}.png" for folder in inside)) for side in (0, 1))
        yield sample_of(row["identifier"], row["sentence"], (label,), images, cluster=pair)


def _is_nlvr2(file: Path) -> bool:
    with file.open("rb") as lines:
        first = lines.readline(100_000)
    return b'"identifier"' in first and b'"sentence"' in first
