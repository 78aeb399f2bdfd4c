"""ActivityNet Captions: sentences, and when in a video each of them happens."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._annotations import timed_references
from harness.data._clip_sets import ClipSet
from harness.data._clips import evidence_text
from harness.data._layout import Row, sample_of
from harness.data._official import Official
from harness.data._parts import Part, files_under
from harness.data._tables import Listed, Placed, Table, document
from harness.types import Sample

ENTRIES: Final = {"activitynet_captions": "ActivityNetCaptions"}

_FILES: Final = {"train": ("train", ""), "val_1": ("val", "val_1"), "val_2": ("val", "val_2")}


class ActivityNetCaptions(ClipSet):
    """ActivityNet Captions: `train.json`, `val_1.json`, `val_2.json`, each an object of videos by id.

    `val_1` and `val_2` are two annotators of the same videos: `config:` names one. Each sentence is a question, its
    window the answer; a window that reaches beyond the video is cut off there, one that ends before it starts is a
    broken row.

    Source:
        Krishna et al. 2017 (arXiv:1705.00754).
    """

    title: ClassVar[str] = "ActivityNet Captions"
    expects: ClassVar[str] = "val_1.json, val_2.json or train.json"
    one_each: ClassVar[bool] = False
    pooled: ClassVar[bool] = False
    official: ClassVar[Official] = Official(
        (
            {"metric": "recall_at_1_iou", "threshold": 0.5},
            "miou",
        ),
        "Gao et al. 2017 (arXiv:1705.02101), for moments; Krishna et al. 2017 for dense captions",
        kind="temporal",
        prompt=None,
        note="This is the search for moments. Dense captions (METEOR, SODA) are not asked for.",
    )

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        return [
            Part(*_FILES[file.stem][:1], (file,), _FILES[file.stem][1], 20)
            for file in files_under(path, ".json")
            if file.stem in _FILES and _has_moments(file)
        ]

    def open(self, parts: Sequence[Part]) -> Table:
        files = [file for part in parts for file in part.files]
        rows = (
            Placed(f"{file.name}[{key}][{number}]", {"id": f"{key}-{number}", "video": key, "at": number, **told})
            for file in files
            for key, told in document(file).items()
            for number in range(len(told["sentences"]))
        )
        return Listed(files, rows)

    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        if len(row["timestamps"]) != len(row["sentences"]):
            raise ValueError(f"{len(row['timestamps'])} windows and {len(row['sentences'])} sentences")
        duration = float(row["duration"])
        start, end = (float(time) for time in row["timestamps"][row["at"]])
        if not 0 <= start < end:
            raise ValueError(f"the window [{start:g}, {end:g}] does not end after it starts, from 0 on")
        spans = ((start, min(end, duration)),)
        if not start < spans[0][1]:
            raise ValueError(f"the window [{start:g}, {end:g}] lies beyond the video's {duration:g} seconds")
        yield sample_of(
            row["id"],
            str(row["sentences"][row["at"]]).strip(),
            timed_references((), spans),
            cluster=row["video"],
            evidence=evidence_text(spans, duration),
            clip=self.clip(str(row["video"])),
            spans=spans,
        )


def _has_moments(file: Path) -> bool:
    with file.open("rb") as opened:
        start = opened.read(100_000)
    return b'"timestamps"' in start and b'"sentences"' in start
