"""A user's own questions about clips: one JSON object a line."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from harness.data._annotations import AnnotatedClips, AnnotationsConfig, annotated, number, windows
from harness.data._facts import facts_of
from harness.data._rows import Extra, one_or_many, optional_text, parsed, required_text, tags, texts, unknown
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
    extra: Extra = "forbid"
    """What becomes of a key that is none of these: an error of its row, a fact by its own name (`allow`), or nothing
    (`ignore`)."""


class VideoDataset(AnnotatedClips):
    """Questions with answers, windows, or both; where there is no answer, the windows are it."""

    Config: ClassVar[type[BaseModel]] = VideoConfig

    def _read(self) -> Iterator[Sample]:
        for line_number, line in self._lines():
            try:
                yield self._row(parsed(line), f"line-{line_number:07d}")
            except (ValueError, TypeError, RecursionError) as cause:
                yield self._bad(line_number, cause)

    def _row(self, row: dict[str, Any], identity: str) -> Sample:
        others = unknown(row, _KEYS, self._config.extra)
        name, question = required_text(row, "clip"), required_text(row, "question")
        if not name:
            raise TypeError("'clip' is empty")
        key, listed = one_or_many(row, "answer", "answers")
        answers = texts(listed, key)
        spans = windows(_list(row, "spans")) or _about([number(time) for time in _list(row, "evidence_frames")])
        if not answers and not spans:
            raise TypeError("there is neither an 'answer' nor 'spans'")
        duration, rate = (None if row.get(key) is None else number(row[key]) for key in ("duration", "rate"))
        identity = optional_text(row, "id") or identity
        sample = annotated(identity, question, answers, spans, self._clip(name, rate), duration)
        return replace(
            sample,
            evidence=sample.evidence if spans else None,
            cluster=optional_text(row, "cluster") or name,
            tags=tags(row, "tags"),
            facts=facts_of(row, {}, others=others),
        )


_KEYS: Final = (
    *("clip", "question", "answer", "answers", "spans", "evidence_frames"),
    *("duration", "rate", "id", "cluster", "tags", "facts"),
)


def _list(row: dict[str, Any], key: str) -> list[Any]:
    """Return the list under a key; none where it is absent or null."""
    found = row.get(key)
    if found is not None and not isinstance(found, list):
        raise TypeError(f"{key!r} is not a list")
    return found or []


def _about(times: Sequence[float]) -> tuple[Span, ...]:
    """Return a window of one second about each time, cut off at the clip's start."""
    return tuple((max(0.0, time - 0.5), time + 0.5) for time in times)
