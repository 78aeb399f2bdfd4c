"""MME: two yes/no questions about each picture, in folders of its authors, Parquet, or VLMEvalKit's TSV."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._layout import Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part, files_under
from harness.data._tables import Listed, Placed, Table
from harness.data._vlmevalkit import TsvDataset, TsvTable
from harness.types import Sample

ENTRIES: Final = {"mme": "Mme"}

_ASKED: Final = "questions_answers_YN"
_ENDINGS: Final = (".jpg", ".png", ".jpeg")
_CATEGORIES: Final = (
    "existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR",
    "commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning",
)  # fmt: skip
_OFFICIAL: Final = "official@fee8d75"


class Mme(TsvDataset):
    """MME: a folder for each of fourteen categories, pictures with a `.txt` of two questions each.

    The texts lie beside the pictures or in `questions_answers_YN/`, the pictures then in `images/`. The fact `group`
    pairs the questions of one picture, the fact and tag `category` names its folder: `mme_plus` and the scores need
    both. A part of the rows breaks pairs: leave out whole pictures.

    Source:
        Fu et al. 2023 (arXiv:2306.13394).
    """

    title: ClassVar[str] = "MME"
    expects: ClassVar[str] = "folders such as existence/ and posters/, Parquet with the set's columns, or MME.tsv"
    official: ClassVar[Official] = Official(
        tuple(
            {"metric": name, "variant": _OFFICIAL} for name in ("mme_perception", "mme_cognition", "mme", "mme_plus")
        ),
        "Fu et al. 2023 (arXiv:2306.13394), its calculation.py",
        prompt="{{ question }}",
        slices=("category",),
    )
    needs: ClassVar[frozenset[str]] = frozenset({"index", "question", "answer", "category", "image_path", "image"})
    columns: ClassVar[tuple[str, ...]] = ("question_id", "image", "question", "answer", "category")
    without: ClassVar[tuple[str, ...]] = ("image_source", "bbox", "file_name")

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        texts = [file for file in files_under(path, ".txt") if _category(file) in _CATEGORIES]
        return [Part("test", tuple(texts))] if texts else super().find(path)

    @classmethod
    def named_so(cls, stem: str) -> bool:
        return stem.lower().startswith("mme")

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        if files[0].suffix == ".txt":
            return Listed(files, (placed for file in files for placed in self._pair(file)))
        return ParquetTable(files) if files[0].suffix == ".parquet" else TsvTable(files[0])

    @staticmethod
    def _pair(file: Path) -> Iterator[Placed]:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        category = _category(file)
        folder = file.parent.parent / "images" if file.parent.name == _ASKED else file.parent
        for number, line in enumerate(lines, start=1):
            origin = f"{category}/{file.name}:{number}"
            question, tab, answer = line.rpartition("\t")
            if not tab or len(lines) != 2:
                yield Placed(origin, {}, f"{len(lines)} lines" if len(lines) != 2 else "no tab before the answer")
                continue
            pictures = [folder / f"{file.stem}{ending}" for ending in _ENDINGS]
            shown = next((picture for picture in pictures if picture.is_file()), pictures[0])
            more = {"id": f"{category}/{file.stem}/{number}", "key": f"{category}/{file.stem}", "category": category}
            yield Placed(origin, {"question": question, "answer": answer, "shown": shown, **more})

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        category = str(row["category"])
        key = str(row.get("key") or row.get("question_id") or f"{category}/{row.get('image_path') or row['index']}")
        answer = str(row["answer"]).strip().lower()
        if answer not in ("yes", "no"):
            raise ValueError(f"the answer {answer!r} is neither yes nor no")
        file = row.get("shown")
        yield sample_of(
            row.get("id", row.get("index")),
            row["question"],
            (answer,),
            (self.home.file(str(file)),) if isinstance(file, Path) else self.shown(row, origin),
            cluster=key,
            tags={"category": category},
            facts={"group": key, "category": category},
        )


def _category(file: Path) -> str:
    return file.parent.parent.name if file.parent.name == _ASKED else file.parent.name
