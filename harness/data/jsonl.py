"""A user's own questions, answers and images: one JSON object a line."""

import hashlib
import json
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from pydantic import BaseModel, Field

from harness.data._facts import fact_keys, facts_of
from harness.data._images import FileImage, confine
from harness.errors import ConfigError, Issue, SampleError
from harness.facts import known
from harness.spec.models import Model
from harness.types import Sample

ENTRIES: Final = {"jsonl": "JsonlDataset"}

_CHECKED: Final = 20_000
"""Rows whose ids are compared before a run begins."""
_ASKED: Final = 1000
"""Rows that are asked which facts they carry, where a metric or a prompt needs one."""


class JsonlConfig(Model):
    """Keys of a dataset of ``type: jsonl``."""

    path: str
    """The file, relative to the suite. Each line: `question`, `answer` or `answers`, and optionally `id`, `image` or
    `images` (paths relative to the file), `evidence`, `cluster`, `tags`, and facts: `choices`, `size`, `boxes` and the
    others of docs/facts.md as keys of their own, or any name under `facts`."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first lines."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Other names for the keys: `{question: query, answer: label, choices: options}`."""


class JsonlDataset:
    """Rows are read anew on each pass, so that memory does not grow with the file."""

    Config: ClassVar[type[BaseModel]] = JsonlConfig

    def __init__(self, config: JsonlConfig, path: Path, roots: tuple[Path, ...]) -> None:
        self._config = config
        self._path = path
        self._roots = roots
        self._id_key = config.fields.get("id", "id").encode()
        self._fact_keys = fact_keys(config.fields, _FIELDS)
        self._rows, self._hash, repeated = self._survey()
        if repeated:
            self._refuse(repeated)

    @classmethod
    def from_config(cls, config: JsonlConfig, folder: Path, roots: Sequence[Path]) -> Self:
        named = folder / config.path
        fields = {*_FIELDS, *known()}
        if unknown := sorted(set(config.fields) - fields):
            hint = f"known: {', '.join((*_FIELDS, *sorted(fields.difference(_FIELDS))))}"
            raise ConfigError(Issue(("fields", unknown[0]), f"unknown field {unknown[0]!r}", hint))
        try:
            path = confine(named, tuple(roots))
            if not path.is_file():
                raise ConfigError(Issue(("path",), f"there is no file {named}", "paths start at the suite's folder"))
            dataset = cls(config, path, (*roots, path.parent))
        except ConfigError:
            raise
        except (SampleError, OSError, ValueError) as cause:
            raise ConfigError(Issue(("path",), str(cause))) from cause
        if not len(dataset):
            raise ConfigError(Issue(("path",), f"{named} has no rows"))
        return dataset

    @cached_property
    def gives(self) -> frozenset[str]:
        """The facts that one of the first thousand rows carries."""
        return frozenset(name for sample in islice(self, _ASKED) for name in sample.facts)

    def __len__(self) -> int:
        return self._rows

    def __iter__(self) -> Iterator[Sample]:
        return (sample for _, sample in self._numbered())

    def _numbered(self) -> Iterator[tuple[int, Sample]]:
        """Yield the samples with the numbers of their lines."""
        count = 0
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                if count == self._rows:
                    return
                count += 1
                yield number, self._sample(number, line)

    def content_hash(self) -> str:
        return hashlib.sha256(f"{self._hash} {self._config.model_dump_json(exclude={'path'})}".encode()).hexdigest()

    def _survey(self) -> tuple[int, str, set[int]]:
        """Return how many rows there are (blank lines are none), the hash of the bytes, and hashes of ids seen twice.

        Ids of the first ``_CHECKED`` rows are looked at: to parse a million rows would take seconds before the first
        answer, and their memory is not all given back. Further on, a repeated id is found when it is read.
        """
        digest, rows, codes = hashlib.sha256(), 0, array("q")
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                digest.update(line)
                if line.strip() and (self._config.limit is None or rows < self._config.limit):
                    rows += 1
                    if rows <= _CHECKED:
                        codes.append(hash(self._given_id(line) or _by_number(number)))
        ordered = np.sort(np.frombuffer(codes, np.int64))
        return rows, digest.hexdigest(), set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())

    def _refuse(self, repeated: set[int]) -> None:
        """Find the first id that stands on two lines.

        Raises:
            ConfigError: with both; answers are stored by id, so that a run would fail at the second.
        """
        first: dict[str, int] = {}
        for number, sample in self._numbered():
            if hash(sample.id) in repeated:
                if sample.id in first:
                    said = f"{self._path.name}:{number}: the id {sample.id!r} stands in line {first[sample.id]} already"
                    raise ConfigError(Issue(("path",), said, "ids must be unique; without one a line has its number"))
                first[sample.id] = number

    def _given_id(self, line: bytes) -> str:
        """Return the id that a line gives itself; empty where there is none, or the line is malformed."""
        if self._id_key not in line and b"\\" not in line:
            return ""
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return ""
        return _identity(row.get(self._config.fields.get("id", "id"))) if isinstance(row, dict) else ""

    def _sample(self, number: int, line: bytes) -> Sample:
        identity, origin = _by_number(number), f"{self._path.name}:{number}"
        try:
            row = json.loads(line)
            json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair raises a ValueError here
            if not isinstance(row, dict):
                raise TypeError("not a JSON object")
            return self._read(row, identity, origin)
        except (ValueError, TypeError, RecursionError) as cause:
            return Sample(identity, "", (), problem=f"{origin}: {cause}", origin=origin)

    def _read(self, row: dict[str, Any], identity: str, origin: str) -> Sample:
        def get(key: str) -> Any:
            return row.get(self._config.fields.get(key, key))

        question = get("question")
        if not isinstance(question, str):
            raise TypeError("'question' is missing or not text")
        answers = get("answers") if get("answers") is not None else get("answer")
        listed = answers if isinstance(answers, list) else [answers]
        if not listed or not all(isinstance(answer, (str, int, float)) for answer in listed):
            raise TypeError("'answer' is missing, or neither text, a number, nor a list of them")
        images = get("images") if get("images") is not None else get("image")
        paths = images if isinstance(images, list) else [] if images is None else [images]
        if not all(isinstance(path, str) for path in paths):
            raise TypeError("'image' is neither a path nor a list of paths")
        tags = get("tags") or {}
        if not isinstance(tags, dict):
            raise TypeError("'tags' is not an object")
        evidence = get("evidence")
        return Sample(
            id=_identity(get("id")) or identity,
            question=question,
            references=tuple(str(answer) for answer in listed),
            images=tuple(FileImage(self._path.parent / path, self._roots) for path in paths),
            evidence=evidence if isinstance(evidence, str) else None,
            cluster=str(get("cluster") or "") or "|".join(paths),
            tags={str(key): str(value) for key, value in tags.items()},
            facts=facts_of(row, self._fact_keys, self._config.fields.get("facts", "facts")),
            origin=origin,
        )


_FIELDS: Final = ("id", "question", "answer", "answers", "image", "images", "evidence", "cluster", "tags", "facts")


def _identity(given: Any) -> str:
    return str(given) if isinstance(given, (str, int)) else ""


def _by_number(number: int) -> str:
    """Return what a line is called that gives itself no id."""
    return f"line-{number:07d}"
