"""The splits of an OOD task: which data they hold, that they share none, and what is known of each sample."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.detect import Views
from harness.errors import Issue
from harness.tasks._cells import CellResult
from harness.tasks._lookup import Key, find_dataset
from harness.types import Corruption, Dataset, Sample

Role = Literal["fit", "calibrate", "test", "near", "far", "corrupted"]


@dataclass(frozen=True, slots=True)
class Split:
    """One set of samples and what it is for."""

    name: str
    role: Role
    dataset: Dataset
    corruption: Corruption | None = None
    severity: int = 0
    label: str = ""
    """The name of the corruption."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a run knows of the samples of one split, those without features left out."""

    split: Split
    views: Views
    samples: tuple[Sample, ...]

    def for_column(self, tag: str) -> Views:
        """Return the views with the numbers that stand in a tag.

        Raises:
            ValueError: if a sample has no such tag, or it holds no number.
        """
        numbers = np.array([number_in(sample, tag) for sample in self.samples])
        lacking = next((s.id for s, number in zip(self.samples, numbers, strict=True) if math.isnan(number)), None)
        if lacking is not None:
            raise ValueError(f"column: sample {lacking!r} of {self.split.name} has no number in its tag {tag!r}")
        return replace(self.views, column=numbers)

    def with_labels(self, tag: str | None) -> Views:
        """Return the views with the classes that a tag names."""
        if tag is None or not self.samples:
            return self.views
        names = [sample.tags.get(tag, "") for sample in self.samples]
        return replace(self.views, labels=np.asarray(np.unique(names, return_inverse=True)[1], np.int64))


def number_in(sample: Sample, tag: str) -> float:
    """Return the number that stands in a tag; NaN where there is none.

    >>> number_in(Sample("a", "", (), tags={"score": "0.5"}), "score")
    0.5
    """
    try:
        return float(sample.tags[tag])
    except (KeyError, ValueError):
        return math.nan


def find_datasets(named: Mapping[Key, str], datasets: Mapping[str, Dataset], issues: list[Issue]) -> dict[Key, Dataset]:
    """Return the dataset that stands under each key; what is not there is an issue."""
    found = {key: find_dataset(name, datasets, key, issues) for key, name in named.items()}
    return {key: dataset for key, dataset in found.items() if dataset is not None}


def leaks(named: Mapping[Key, str], found: Mapping[Key, Dataset]) -> Iterable[Issue]:
    """Yield an issue for every pair of datasets that share an image, by name.

    Two samples share an image where their sources are equal: one file, or one drawing of one seed.
    """
    seen: dict[Any, tuple[str, str]] = {}
    reported: set[tuple[str, str]] = set()
    for path, dataset in found.items():
        name = named[path]
        for sample in dataset:
            for source in sample.images:
                other, twin = seen.setdefault(_identity(source), (name, sample.id))
                if (other, twin) != (name, sample.id) and (other != name) and (other, name) not in reported:
                    reported.add((other, name))
                    said = f"leakage: {name!r} and {other!r} share data ({sample.id!r} shows what {twin!r} shows)"
                    yield Issue(path, said, "fit, calibrate, test and every OOD set must be disjoint")
    names = list(named.values())
    for path, name in named.items():
        if names.count(name) > 1 and names.index(name) != list(named).index(path):
            yield Issue(path, f"leakage: {name!r} is used twice", "fit, calibrate, test and every OOD set are disjoint")


def _identity(source: Any) -> Any:
    try:
        hash(source)
    except TypeError:
        return id(source)
    return source


def know(split: Split, results: Mapping[str, CellResult], ids: Sequence[str]) -> Known:
    """Collect what is known of a split's samples.

    Args:
        split: which.
        results: by view (``features``, ``logits``), the cell in which it was asked for; a sample must have all. None
            where no model was asked.
        ids: of the samples that were asked, or observed.
    """
    wanted = frozenset(ids)
    asked = islice((sample for sample in split.dataset if sample.id in wanted), len(ids))
    samples = tuple(
        sample
        for sample in asked
        if sample.problem is None and all(sample.id in result.vectors for result in results.values())
    )
    stacked = {view: _stack([found.vectors[s.id] for s in samples]) for view, found in results.items()}
    return Known(split, Views(stacked.get("features"), stacked.get("logits")), samples)


def _stack(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.stack(rows) if rows else np.zeros((0, 1), np.float32)


def same_features(splits: Sequence[Known]) -> str:
    """Return a sentence if two splits hold samples that look the same to the model, or nothing."""
    seen: dict[bytes, tuple[str, str]] = {}
    for known in splits:
        rows = known.views.features if known.views.features is not None else known.views.logits
        if rows is None:
            continue
        for sample, row in zip(known.samples, rows, strict=True):
            identity = sample.id
            name, twin = seen.setdefault(row.tobytes(), (known.split.name, identity))
            if name != known.split.name:
                return f"leakage: {identity!r} of {known.split.name} looks to the model as {twin!r} of {name} does"
    return ""
