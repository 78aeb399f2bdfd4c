"""Grounded questions in the layout of NExT-GQA: a CSV of questions and a JSON of windows."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from harness.data._annotations import AnnotatedClips, AnnotationsConfig, annotated, number, windows
from harness.types import Sample

ENTRIES: Final = {"next_gqa": "NextGqaDataset"}

_OPTIONS: Final = ("a0", "a1", "a2", "a3", "a4")


class NextGqaConfig(AnnotationsConfig):
    """Keys of a dataset of ``type: next_gqa``."""

    path: str
    """The questions, `test.csv` or `val.csv`, relative to the suite."""
    windows: str
    """The windows, `gsub_test.json` or `gsub_val.json`, relative to the suite."""
    map: str | None = None
    """Where the clips lie by id, `map_vid_vidorID.json`, relative to the suite; without it a clip's file is its id."""


class NextGqaDataset(AnnotatedClips):
    """NExT-GQA: multiple-choice questions with the windows that show the answer.

    The right answers are the option's text and its letter; `{{ tags.options }}` in the prompt lists the
    options, which are the fact `choices` as well.

    Questions without windows (causal ones that the ground truth leaves out) are not part of it.

    Source:
        Xiao et al. 2024 (arXiv:2309.01327).
    """

    Config: ClassVar[type[BaseModel]] = NextGqaConfig

    @classmethod
    def _named(cls, config: Any) -> Iterable[tuple[str, str]]:
        named = [("path", config.path), ("windows", config.windows)]
        return [*named, ("map", config.map)] if config.map else named

    def _read(self) -> Iterator[Sample]:
        grounded = json.loads(self._files[1].read_text(encoding="utf-8"))
        places = json.loads(self._files[2].read_text(encoding="utf-8")) if len(self._files) > 2 else {}
        if not isinstance(grounded, dict) or not isinstance(places, dict):
            raise ValueError("the windows or the map are no JSON object")
        with self._files[0].open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = {"video_id", "question", "answer", "qid", *_OPTIONS} - set(rows.fieldnames or ())
            if missing:
                raise ValueError(f"the column {min(missing)!r} is missing")
            for row in rows:
                video, question = row["video_id"], row["qid"]
                try:
                    known = grounded.get(video, {})
                    if question not in known.get("location", {}):
                        continue
                    yield self._row(row, known, str(places.get(video, video)))
                except (ValueError, TypeError, AttributeError, KeyError) as cause:
                    yield self._bad(rows.line_num, cause)

    def _row(self, row: dict[str, Any], known: dict[str, Any], place: str) -> Sample:
        options = [str(row[name]) for name in _OPTIONS]
        letters = [chr(ord("A") + i) for i, option in enumerate(options) if option == row["answer"]]
        if len(letters) != 1:
            raise ValueError(f"the answer {row['answer']!r} is not one of the options")
        listed = "\n".join(f"{chr(ord('A') + i)}. {option}" for i, option in enumerate(options))
        sample = annotated(
            f"{row['video_id']}_{row['qid']}",
            str(row["question"]),
            [str(row["answer"]), *letters],
            windows(known["location"][row["qid"]]),
            self._clip(place),
            number(known["duration"]),
            type=str(row.get("type") or ""),
            options=listed,
        )
        return replace(sample, facts={"choices": options})
