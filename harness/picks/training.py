"""Right answers that people write, as rows to train on: what ``type: jsonl`` reads, each with where it is from."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.data import picture_file
from harness.errors import UsageError
from harness.types import Sample

FILE: Final = "training.jsonl"
PROVENANCE: Final = "provenance"
"""The fact of a row that says where it is from."""
_IMAGES: Final = "images"


@dataclass(frozen=True, slots=True)
class Written:
    """What one person wrote about one question."""

    key: str
    """:func:`harness.labels.question_key` of the question."""
    answer: str | None
    """The right one; None where there is none to give: the row is then kept apart, and not trained on."""
    by: str
    at: str
    """When, as ISO 8601 has it."""
    picked: Mapping[str, Any]
    """Rank, score and reason of the pick, and what the model had answered."""


class TrainingFile:
    """A file of rows to train on, one appended at a time, with their pictures in ``images`` beside it.

    Questions to which there is no right answer go to a second file, ``NAME.skipped.jsonl``, so that nobody is asked
    again. Rows that are there already stay as they are; a last line that breaks off, as a power cut leaves it, is
    taken away.

    Raises:
        UsageError: if it cannot be read or written, or holds a line that is no row.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.skipped = file.with_name(f"{file.stem}.skipped.jsonl")
        self.done: set[str] = set()
        """Keys of questions that are answered or skipped."""
        self._ids: set[str] = set()
        for one in (self.file, self.skipped):
            for row in _read(one):
                if (key := _key_of(row)) is not None:
                    self.done.add(key)
                self._ids.add(str(row.get("id")))

    def append(self, sample: Sample, written: Written) -> None:
        """Keep a row; when this returns the disk has it.

        Raises:
            UsageError: if the disk is full, or the sample's picture cannot be read.
        """
        told = {"key": written.key, "by": written.by, "at": written.at}
        if written.answer is None:
            self._add(self.skipped, {"id": sample.id, **told})
        else:
            identity = sample.id if sample.id not in self._ids else f"{sample.id}-{written.key[:8]}"
            images = [self._kept(content, ending) for content, ending in map(picture_file, sample.images)]
            row = {
                "id": identity,
                "question": sample.question,
                "answer": written.answer,
                **({"image": images[0]} if len(images) == 1 else {"images": images} if images else {}),
                **({"cluster": sample.cluster} if sample.cluster else {}),
                **({"tags": dict(sample.tags)} if sample.tags else {}),
                "facts": {PROVENANCE: {**told, **written.picked}},
            }
            self._add(self.file, row)
            self._ids.add(identity)
        self.done.add(written.key)

    def take_back(self, key: str) -> None:
        """Take a row away again, or a question that was skipped.

        Raises:
            UsageError: if the file cannot be written.
        """
        for file in (self.file, self.skipped):
            rows = _read(file)
            left = [row for row in rows if _key_of(row) != key]
            if len(left) < len(rows):
                self._ids -= {str(row.get("id")) for row in rows if _key_of(row) == key}
                _replace(file, "".join(_line(row) for row in left))
        self.done.discard(key)

    def _kept(self, content: bytes, ending: str) -> str:
        """Write a picture under the hash of its bytes, and return its path from the rows."""
        name = f"{_IMAGES}/{hashlib.sha256(content).hexdigest()[:24]}{ending}"
        target = self.file.parent / name
        if not target.exists():
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_name(f".{target.name}.part")
                part.write_bytes(content)
                part.replace(target)
            except OSError as cause:
                raise UsageError(f"cannot write {target}: {cause.strerror}") from cause
        return name

    def _add(self, file: Path, row: Mapping[str, Any]) -> None:
        data = _line(row).encode("utf-8", "backslashreplace")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                while data:
                    data = data[os.write(handle, data) :]
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as cause:
            raise UsageError(f"cannot write {file}: {cause.strerror}") from cause


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _key_of(row: Mapping[str, Any]) -> str | None:
    told = row.get("facts")
    own = told.get(PROVENANCE) if isinstance(told, Mapping) else row
    found = own.get("key") if isinstance(own, Mapping) else None
    return found if isinstance(found, str) else None


def _read(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a file; a torn last line is taken off it, and one that only lacks its end gets it."""
    try:
        content = file.read_bytes() if file.is_file() else b""
    except OSError as cause:
        raise UsageError(f"cannot read {file}: {cause.strerror}") from cause
    *lines, last = content.split(b"\n")
    rows = [_row(file, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if last.strip():
        try:
            rows.append(_row(file, len(lines) + 1, last))
        except UsageError:
            _replace(file, content[: len(content) - len(last)].decode())
        else:
            _replace(file, content.decode() + "\n")
    return rows


def _row(file: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line.decode())
    except (ValueError, RecursionError) as cause:
        raise UsageError(f"{file}:{number}:1: this is no line of JSON") from cause
    if not isinstance(row, dict):
        raise UsageError(f"{file}:{number}:1: a row is an object: {{…}}")
    return row


def _replace(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    except OSError as cause:
        raise UsageError(f"cannot write {file}: {cause.strerror}") from cause
