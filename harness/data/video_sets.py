"""Video-MME, MVBench and NExT-QA: multiple-choice questions about videos."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from harness.data._arrow import ParquetTable
from harness.data._cells import place_by_words, place_of, right_option
from harness.data._clip_sets import ClipSet
from harness.data._layout import Row, sample_of
from harness.data._official import CHOICE, LETTER, Official
from harness.data._parts import Part, files_under, parquet_parts
from harness.data._tables import CsvTable, Listed, Placed, Table, objects
from harness.types import Sample

ENTRIES: Final = {"mvbench": "MvBench", "nextqa": "NextQa", "video_mme": "VideoMme"}

_LETTERED: Final = re.compile(r"\s*\(?([A-Z])[.):]\s*")
_OPTIONS: Final = ("a0", "a1", "a2", "a3", "a4")


class VideoMme(ClipSet):
    """Video-MME: `videomme/test-….parquet` beside `data/VIDEO.mp4`. The letters before the options are taken off.

    Source:
        Fu et al. 2024 (arXiv:2405.21075).
    """

    title: ClassVar[str] = "Video-MME"
    expects: ClassVar[str] = "Parquet with videoID, question, options, answer, and data/ with the videos"
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "Fu et al. 2024 (arXiv:2405.21075)",
        kind="temporal",
        prompt=CHOICE,
        extract=LETTER,
        slices=("duration", "domain", "task_type"),
        note="Subtitles are not shown.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        found = parquet_parts(path, ("videoID", "question_id", "question", "options", "answer", "duration"))
        return [Part(part.split, part.files, certainty=part.certainty) for part in found]

    def open(self, parts: Sequence[Part]) -> Table:
        return ParquetTable([file for part in parts for file in part.files])

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        choices = [_LETTERED.sub("", str(one), count=1) for one in row["options"]]
        yield sample_of(
            row["question_id"],
            row["question"],
            right_option(choices, place_of(str(row["answer"]), choices)),
            cluster=row["videoID"],
            tags={key: row.get(key) for key in ("duration", "domain", "sub_category", "task_type")},
            facts={"choices": choices},
            clip=self.clip(str(row["videoID"])),
        )


class MvBench(ClipSet):
    """MVBench: `json/TASK.json`, a task each. All make one data set with the tag `task`; `config:` names one.

    Where a task bounds the clip, its start and end are the window of the answer. Videos lie in folders by source:
    `clips:` names theirs.

    Source:
        Li et al. 2024 (arXiv:2311.17005).
    """

    title: ClassVar[str] = "MVBench"
    expects: ClassVar[str] = "json/action_sequence.json and its kin"
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "Li et al. 2024 (arXiv:2311.17005)",
        kind="temporal",
        prompt=CHOICE,
        extract=LETTER,
        slices=("task",),
        note="The published number is the mean of the tasks.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        files = [file for file in files_under(path, ".json") if file.parent.name == "json" or file == path]
        # The Hub calls the only split train.
        return [Part("train", (file,), file.stem, 15) for file in files if _is_mvbench(file)]

    def open(self, parts: Sequence[Part]) -> Table:
        return Listed([part.files[0] for part in parts], (one for part in parts for one in self._rows(part.files[0])))

    @staticmethod
    def _rows(file: Path) -> Iterator[Placed]:
        for number, placed in enumerate(objects(file)):
            more = {"task": file.stem, "id": f"{file.stem}-{number}"}
            yield Placed(placed.origin, {**placed.row, **more}, placed.problem)

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        choices = [str(one) for one in row["candidates"]]
        spans = ((float(row["start"]), float(row["end"])),) if row.get("end") is not None else ()
        yield sample_of(
            row["id"],
            row["question"],
            right_option(choices, place_by_words(str(row["answer"]), choices)),
            cluster=row["video"],
            tags={"task": row["task"]},
            facts={"choices": choices},
            clip=self.clip(str(row["video"])),
            spans=spans,
        )


class NextQa(ClipSet):
    """NExT-QA: `val.csv` (or `test.csv`), or Parquet of its multiple choice. The answer is an index.

    Source:
        Xiao et al. 2021 (arXiv:2105.08276).
    """

    title: ClassVar[str] = "NExT-QA"
    expects: ClassVar[str] = "val.csv with video, question, answer, qid, type and a0 to a4, or Parquet"
    official: ClassVar[Official] = Official(
        ("exact_match",),
        "Xiao et al. 2021 (arXiv:2105.08276)",
        kind="temporal",
        prompt=CHOICE,
        extract=LETTER,
        slices=("kind", "type"),
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        needs = {"video", "question", "answer", "qid", "type", *_OPTIONS}
        found = [file for file in files_under(path, ".csv") if needs <= set(_columns(file))]
        told = [Part(file.stem, (file,), certainty=len(needs)) for file in found]
        return told or [Part(one.split, one.files, certainty=one.certainty) for one in parquet_parts(path, needs)]

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        return CsvTable(files[0]) if files[0].suffix == ".csv" else ParquetTable(files)

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        choices = [str(row[name]) for name in _OPTIONS]
        kind = str(row["type"])
        yield sample_of(
            f"{row['video']}_{row['qid']}",
            row["question"],
            right_option(choices, int(row["answer"])),
            cluster=row["video"],
            tags={"type": kind, "kind": {"C": "causal", "T": "temporal", "D": "descriptive"}.get(kind[:1])},
            facts={"choices": choices},
            clip=self.clip(str(row["video"])),
        )


def _columns(file: Path) -> tuple[str, ...]:
    try:
        return CsvTable(file).columns
    except (ValueError, OSError):
        return ()


def _is_mvbench(file: Path) -> bool:
    try:
        first: Any = next(iter(objects(file))).row
    except (ValueError, OSError, StopIteration):
        return False
    return bool({"video", "question", "candidates", "answer"} <= first.keys())
