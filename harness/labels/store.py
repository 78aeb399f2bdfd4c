"""A file of labels: appended one by one, each on the disk before the next is asked for, and read again as a whole."""

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self, TypeVar

from harness.errors import UsageError
from harness.labels.rows import AnswerLabel, BadRow, Label, PairLabel, label_of

if TYPE_CHECKING:
    from harness.stats.agreement import Agreement

FILE: Final = "labels.jsonl"
"""What the file is called where nobody says."""

How = Literal["mean", "majority"]
"""One number of what several people say: their mean, or what most of them say (of a draw, the mean)."""

_SHOWN: Final = 5
"""Bad rows that a complaint names."""

_Pair = tuple[str, str, str]
_Label = TypeVar("_Label", AnswerLabel, PairLabel)


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Labels as they stand: of each thing the last by each person, and none that was taken back."""

    answers: Mapping[tuple[str, str], Mapping[str, AnswerLabel]] = field(default_factory=dict)
    """By question and answer, then by person."""
    pairs: Mapping[_Pair, Mapping[str, PairLabel]] = field(default_factory=dict)
    """By question and both answers, the lesser digest first, then by person."""

    def __len__(self) -> int:
        return sum(map(len, self.answers.values())) + sum(map(len, self.pairs.values()))

    def __iter__(self) -> Iterator[Label]:
        for said in self.answers.values():
            yield from said.values()
        for preferred in self.pairs.values():
            yield from preferred.values()

    @property
    def annotators(self) -> list[str]:
        """Whoever labelled something, sorted."""
        return sorted({one.by for one in self})

    def value(self, key: str, answer: str, how: How = "mean") -> float | None:
        """Return what an answer is worth, from 0 to 1; None where nobody has said."""
        people = self.answers.get((key, answer), {})
        return _together([one.value for one in people.values() if one.value is not None], how)

    def of_pair(self, key: str, a: str, b: str) -> Mapping[str, PairLabel]:
        """Return what people say of a pair of answers, in either order, by person."""
        return self.pairs.get(_pair(key, a, b), {})

    def preference(self, key: str, a: str, b: str, how: How = "mean") -> float | None:
        """Return which answer is preferred, from −1, for ``a``, to 1, for ``b``; None where nobody has said."""
        people = self.of_pair(key, a, b)
        signs = [one.sign if one.a == a else -one.sign for one in people.values() if one.sign is not None]
        return _together([float(sign) for sign in signs], how)

    def agreement(self, of: Literal["answers", "pairs"] = "pairs", confidence: float = 0.95) -> "Agreement":
        """Return how far several people agree, over what two of them or more have labelled: Krippendorff's alpha.

        Preferences either agree or not; values lie apart by the square of their difference.
        """
        from harness.stats.agreement import krippendorff

        if of == "answers":
            values = [[one.value for one in said.values() if one.value is not None] for said in self.answers.values()]
            people = {one.by for said in self.answers.values() for one in said.values()}
            return krippendorff(values, "interval", people=len(people), confidence=confidence)
        signs = [
            [float(one.sign if one.a < one.b else -one.sign) for one in said.values() if one.sign is not None]
            for said in self.pairs.values()
        ]
        people = {one.by for said in self.pairs.values() for one in said.values()}
        return krippendorff(signs, "nominal", people=len(people), confidence=confidence)

    @classmethod
    def of(cls, labels: Iterable[Label]) -> Self:
        """Return labels in the order in which they were made, as they stand at the end."""
        answers: dict[tuple[str, str], dict[str, AnswerLabel]] = {}
        pairs: dict[_Pair, dict[str, PairLabel]] = {}
        for one in labels:
            if isinstance(one, AnswerLabel):
                _put(answers.setdefault((one.key, one.answer), {}), one, one.value is None)
            else:
                _put(pairs.setdefault(_pair(one.key, one.a, one.b), {}), one, one.better is None)
        return cls({key: one for key, one in answers.items() if one}, {key: one for key, one in pairs.items() if one})


def _put(people: dict[str, _Label], one: _Label, taken_back: bool) -> None:
    people.pop(one.by, None)  # so that what was said last stands last
    if not taken_back:
        people[one.by] = one


def _pair(key: str, a: str, b: str) -> _Pair:
    return (key, a, b) if a < b else (key, b, a)


def _together(values: list[float], how: How) -> float | None:
    if not values:
        return None
    counts = {value: values.count(value) for value in values}
    most = max(counts.values())
    if how == "majority" and list(counts.values()).count(most) == 1:
        return max(counts, key=counts.__getitem__)
    return math.fsum(values) / len(values)


def read_labels(file: Path) -> LabelSet:
    """Read a label file.

    A last line that breaks off is one that was being written when its writer died: nobody was told that it was kept,
    and it does not count.

    Raises:
        UsageError: if the file cannot be read, or rows in it are no labels: each by file and line.
    """
    return LabelSet.of(label_rows(file))


def label_rows(file: Path) -> list[Label]:
    """Return all labels of a file in its order, those that were replaced or taken back too; raises as above."""
    try:
        content = file.read_bytes()
    except OSError as cause:
        raise UsageError(f"cannot read labels from {file}: {cause.strerror}") from cause
    *lines, torn = content.split(b"\n")
    found: list[Label] = []
    wrong: list[str] = []
    for number, line in enumerate([*lines, torn], 1):
        if not line.strip():
            continue
        try:
            found.append(label_of(json.loads(line.decode("utf-8"))))
        except (ValueError, RecursionError) as cause:
            if line is torn and not isinstance(cause, BadRow):
                continue
            said = str(cause) if isinstance(cause, BadRow) else "this is no line of JSON"
            wrong.append(f"{file}:{number}:1: {said}")
    if wrong:
        more = f"\nand {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise UsageError("\n".join(wrong[:_SHOWN]) + more)
    return found


class LabelWriter:
    """Appends labels to a file; several processes may.

    Raises:
        UsageError: if the file cannot be written.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as cause:
            raise UsageError(f"cannot write labels to {file}: {cause.strerror}") from cause

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
                 ) -> None:  # fmt: skip
        os.close(self._handle)

    def append(self, *labels: Label) -> None:
        """Write labels; when this returns the disk has them.

        Raises:
            UsageError: if the disk is full or broken.
        """
        lines = "".join(json.dumps(one.plain(), ensure_ascii=False, allow_nan=False) + "\n" for one in labels)
        data = lines.encode("utf-8", "backslashreplace")
        try:
            with _alone(self._handle):
                _mend(self._handle)
                while data:
                    data = data[os.write(self._handle, data) :]
                os.fsync(self._handle)
        except OSError as cause:
            raise UsageError(f"cannot write labels to {self._file}: {cause.strerror}") from cause


class _alone:  # noqa: N801 - reads as a sentence
    """Keeps other writers out, where the system can."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __enter__(self) -> None:
        self._flock(True)

    def __exit__(self, *_: object) -> None:
        self._flock(False)

    def _flock(self, take: bool) -> None:
        with suppress(ImportError, OSError):  # a file system without locks: one writer at a time is then the user's
            import fcntl

            fcntl.flock(self._handle, fcntl.LOCK_EX if take else fcntl.LOCK_UN)


def _mend(handle: int) -> None:
    """See that the file ends with a whole line: what a dead writer left half written goes."""
    size = os.fstat(handle).st_size
    if not size or _read(handle, 1, size - 1) == b"\n":
        return
    tail, start = b"", size
    while start and b"\n" not in tail:
        step = min(1 << 16, start)
        start -= step
        tail = _read(handle, step, start) + tail
    last = tail.rpartition(b"\n")[2]
    try:
        label_of(json.loads(last.decode("utf-8")))
    except (ValueError, RecursionError):
        os.ftruncate(handle, size - len(last))
    else:
        os.write(handle, b"\n")


def _read(handle: int, count: int, start: int) -> bytes:
    os.lseek(handle, start, os.SEEK_SET)  # not pread, which Windows lacks; appending goes to the end all the same
    return os.read(handle, count)
