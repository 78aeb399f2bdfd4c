"""ScienceQA: school questions with options, about half of them with a picture."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._cells import right_option
from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._official import CHOICE, LETTER, Official
from harness.data._parts import Part, named, parquet_parts
from harness.data._tables import Listed, Placed, Table, document
from harness.types import ImageSource, Sample

ENTRIES: Final = {"scienceqa": "ScienceQa"}


class ScienceQa(FilesDataset):
    """ScienceQA: `problems.json` and `pid_splits.json` beside `images/`, or Parquet. The hint precedes the question.

    The tag `modality` is `image` or `text`: the published number of the part with images is `modality=image`.

    Source:
        Lu et al. 2022 (arXiv:2209.09513), lupantech/ScienceQA.
    """

    title: ClassVar[str] = "ScienceQA"
    expects: ClassVar[str] = "problems.json, pid_splits.json and images/, or Parquet with the set's columns"
    subsets: ClassVar[frozenset[str]] = frozenset({"trainval", "minitrain", "minival", "minitest"})
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "lupantech/ScienceQA: models/evaluations.py",
        prompt=CHOICE,
        extract=LETTER,
        slices=("subject", "modality", "grade"),
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        for part in named(path, r"(?P<split>problems)\.json"):
            splits = part.files[0].with_name("pid_splits.json")
            if splits.is_file():
                found = document(splits)
                return [Part(name, (part.files[0], splits)) for name, ids in found.items() if ids]
        return parquet_parts(path, ("image", "question", "choices", "answer", "hint", "task", "subject", "lecture"))

    def open(self, parts: Sequence[Part]) -> Table:
        files = list(dict.fromkeys(file for part in parts for file in part.files))
        if files[0].suffix == ".json":
            return Listed(files, self._rows(files[0], document(files[1])[parts[0].split]))
        return ParquetTable(files)

    @staticmethod
    def _rows(file: Path, ids: Sequence[object]) -> Iterator[Placed]:
        problems = document(file)
        for key in map(str, ids):
            origin = f"{file.name}[{key}]"
            row = problems.get(key)
            yield (
                Placed(origin, {**row, "pid": key})
                if row
                else Placed(origin, {}, "the split names it; it is not there")
            )

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        choices = [str(one) for one in row["choices"]]
        image, pid = row.get("image"), row.get("pid")
        images: tuple[ImageSource, ...]
        if isinstance(image, str) and pid:
            inside = f"{row.get('split')}/{pid}/{image}"
            images = (self.home.file(f"images/{inside}", inside),)
        else:
            images = self.pictures(image, origin)
        hint, question = str(row.get("hint") or "").strip(), row["question"]
        yield sample_of(
            pid,
            f"{hint}\n{question}" if hint else question,
            () if row.get("answer") is None else right_option(choices, row["answer"]),
            images,
            cluster=self.shared(images) if pid is None else "",
            tags={
                "subject": row.get("subject"),
                "topic": row.get("topic"),
                "grade": row.get("grade"),
                "modality": "image" if images else "text",
            },
            facts={"choices": choices},
        )
