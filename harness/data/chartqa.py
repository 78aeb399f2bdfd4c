"""ChartQA and ChartQAPro: questions about charts, in the folder of their authors or as Parquet."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._cells import answers_in
from harness.data._layout import FilesDataset, Row, sample_of
from harness.data._official import SHORT, Official
from harness.data._parts import Part, named, parquet_parts
from harness.data._tables import Listed, Placed, Table, objects
from harness.types import Sample

ENTRIES: Final = {"chartqa": "ChartQa", "chartqapro": "ChartQaPro"}

_FILE: Final = r"(?P<split>train|val|test)_(?:human|augmented)\.json"
_KINDS: Final = {"0": "human", "1": "augmented", "machine": "augmented"}


class ChartQa(FilesDataset):
    """ChartQA: `test_human.json` and `test_augmented.json` with `png/` beside them, or any of three Parquet forms.

    The tag `source` is `human` or `augmented`: the published number is the mean of the two. Labels are texts as they
    stand: "0.57" may mean 57 %.

    Source:
        Masry et al. 2022 (arXiv:2203.10244), vis-nlp/ChartQA.
    """

    title: ClassVar[str] = "ChartQA"
    expects: ClassVar[str] = "test_human.json and test_augmented.json beside png/, or Parquet with the set's columns"
    official: ClassVar[Official] = Official(
        ({"metric": "relaxed_accuracy", "variant": "pix2struct@945f27e"},),
        "Methani et al. 2020 (arXiv:1909.00997), as google-research/pix2struct scores it",
        slices=("source",),
        note="The published number is the mean of the slices human and augmented.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        return (
            named(path, _FILE)
            or parquet_parts(path, ("query", "label", "human_or_machine", "image"))
            or parquet_parts(path, ("imgname", "query", "label", "type", "image"))
            or parquet_parts(path, ("type", "question", "answer", "image"), without=("question_id", "image_1"))
        )

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        return Listed(files, self._rows(files)) if files[0].suffix == ".json" else ParquetTable(files)

    def _rows(self, files: Iterable[Path]) -> Iterator[Placed]:
        for file in files:
            split, kind = file.stem.split("_")
            for number, placed in enumerate(objects(file)):
                more = {"type": kind, "name": f"{split}-{kind}-{number:05d}", "split": split}
                yield Placed(placed.origin, {**placed.row, **more} if placed.row else {}, placed.problem)

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        kind = str(row.get("type", row.get("human_or_machine", ""))).split("_")[0]
        shown = self.pictures(row.get("image"), origin)
        if "split" in row:
            shown = (self.home.file(f"png/{row['imgname']}", f"{row['split']}/png/{row['imgname']}"),)
        yield sample_of(
            row.get("name"),
            row["question"] if "question" in row else row["query"],
            answers_in(row["answer"] if "answer" in row else row["label"], "label"),
            shown,
            cluster=row.get("imgname") or self.shared(shown),
            tags={"source": _KINDS.get(kind, kind)},
        )


class ChartQaPro(FilesDataset):
    """ChartQAPro: Parquet with lists of questions and answers; of a conversation, the last question is asked.

    The turns before it, and the paragraph that a question comes with, stand before the question. The tag `year` says
    for each element of the answer whether it is a year, which must be met exactly.

    Source:
        Masry et al. 2025 (arXiv:2504.05506), vis-nlp/ChartQAPro: evaluate_predictions.py.
    """

    title: ClassVar[str] = "ChartQAPro"
    expects: ClassVar[str] = "Parquet with the columns Question, Answer, Question Type, image, Year, Paragraph"
    official: ClassVar[Official] = Official(
        ({"metric": "relaxed_accuracy", "variant": "chartqapro@4b422c6"},),
        "vis-nlp/ChartQAPro: evaluate_predictions.py",
        prompt=SHORT,
        slices=("type",),
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        return parquet_parts(path, ("Question", "Answer", "Question Type", "image", "Year", "Paragraph"))

    def open(self, parts: Sequence[Part]) -> Table:
        return ParquetTable([file for part in parts for file in part.files])

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        questions, answers = [str(one) for one in row["Question"]], answers_in(row["Answer"], "Answer")
        if len(questions) != len(answers) or not questions:
            raise ValueError(f"{len(questions)} questions and {len(answers)} answers")
        years = [str(one).strip().upper() for one in row["Year"] or ()]
        if row["Question Type"] == "Conversational":
            years = years[-1:]
        before = [str(row["Paragraph"] or "").strip()]
        before += [f"{asked.strip()}\n{said.strip()}" for asked, said in zip(questions[:-1], answers, strict=False)]
        shown = self.pictures(row.get("image"), origin)
        yield sample_of(
            None,
            "\n\n".join([*filter(None, before), questions[-1].strip()]),
            answers[-1:],
            shown,
            cluster=self.shared(shown),
            tags={"type": row["Question Type"], "year": ",".join(years)},
        )
