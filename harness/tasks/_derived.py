"""Datasets that a task makes of another one: the same images under other questions, or with more beside them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import cast

from harness.tasks._base import BuildContext
from harness.types import Dataset, Sample


class Derived(ABC):
    """Samples that follow from those of another dataset and from a task's own keys.

    Args:
        source: where they come from.
        adds: the facts that they carry beside the source's.
    """

    def __init__(self, source: Dataset, adds: Iterable[str] = ()) -> None:
        self.source = source
        given: frozenset[str] | None = getattr(source, "gives", None)
        self.gives = None if given is None else given.union(adds)

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __iter__(self) -> Iterator[Sample]: ...

    def content_hash(self) -> str:
        """Return the hash of the source: what is made of it follows from keys that the task describes itself by."""
        return self.source.content_hash()

    def in_place(self, name: str, context: BuildContext) -> BuildContext:
        """Return what a task may refer to, with these samples in place of the dataset of that name."""
        # What a suite opens datasets by is all that it lacks, and nobody opens it.
        return replace(context, datasets={**context.datasets, name: cast("Dataset", self)})
