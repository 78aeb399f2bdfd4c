"""A user's own questions about clips: one JSON object a line."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from harness.data._annotations import AnnotatedClips, AnnotationsConfig, annotated, number, windows
from harness.data._facts import facts_of
from harness.types import Sample, Span

ENTRIES: Final = {"video": "VideoDataset"}


class VideoConfig(AnnotationsConfig):
    """Keys of a dataset of ``type: video``."""

    path: str
    """The file, relative to the suite. Each line: `clip` (a video, GIF or folder of frames, relative to the file) and
    `question`; `answer` or `answers`, `spans` (`[[start, end]]` in seconds) or `evidence_frames` (times in seconds,
    each a window of one second about it), `duration`, `rate` (frames a second of a folder), `id`, `cluster`, `tags` and
    `facts` (an object, by the names of docs/facts.md) as there are."""
    suffix: str = ""
    """What follows a clip's name in the file to make its file's."""


class VideoDataset(AnnotatedClips):
    """Questions with answers, windows, or both; where there is no answer, the windows are it."""

    Config: ClassVar[type[BaseModel]] = VideoConfig

    def _read(self) -> Iterator[Sample]:
        for line_number, line in self._lines():
            try:
                row = json.loads(line)
                json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair raises a ValueError here
                if not isinstance(row, dict):
                    raise TypeError("not a JSON object")
                yield self._row(row, f"line-{line_number:07d}")
            except (ValueError, TypeError, RecursionError) as cause:
                yield self._bad(line_number, cause)

    def _row(self, row: dict[str, Any], identity: str) -> Sample:
        name, question = row.get("clip"), row.get("question")
        if not isinstance(name, str) or not name:
            raise TypeError("'clip' is missing or not text")
        if not isinstance(question, str):
            raise TypeError("'question' is missing or not text")
        answers = row.get("answers", row.get("answer", []))
        listed = answers if isinstance(answers, list) else [answers]
        if not all(isinstance(answer, str | int | float) for answer in listed):
            raise TypeError("'answer' is neither text, a number, nor a list of them")
        spans = windows(row.get("spans", [])) or _about([number(time) for time in row.get("evidence_frames", [])])
        if not listed and not spans:
            raise TypeError("there is neither an 'answer' nor 'spans'")
        duration = number(row["duration"]) if "duration" in row else None
        rate = number(row["rate"]) if "rate" in row else None
        tags = row.get("tags", {})
        if not isinstance(tags, dict):
            raise TypeError("'tags' is not an object")
        given = row.get("id")
        sample = annotated(
            str(given) if isinstance(given, str | int) and given != "" else identity,
            question,
            [str(answer) for answer in listed],
            spans,
            self._clip(name, rate),
            duration,
        )
        return replace(
            sample,
            evidence=sample.evidence if spans else None,
            cluster=str(row.get("cluster") or "") or name,
            tags={str(key): str(value) for key, value in tags.items()},
            facts=facts_of(row, {}),
        )


def _about(times: Sequence[float]) -> tuple[Span, ...]:
    """Return a window of one second about each time, cut off at the clip's start."""
    return tuple((max(0.0, time - 0.5), time + 0.5) for time in times)
