"""Datasets that a task makes of another one: the same images under other questions, or with more beside them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import cast

from harness.seeds import Stream
from harness.tasks._base import BuildContext
from harness.types import Counterfactual, Dataset, Sample


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


def mismatched(dataset: Dataset, seed: int, task: str) -> Iterator[Sample]:
    """Yield the samples with images that are not theirs: drawn by seed and sample, never by order."""
    pool = {sample.cluster or sample.id: sample.images for sample in dataset if sample.images}
    names = sorted(pool)
    place = {name: i for i, name in enumerate(names)}
    for sample in dataset:
        if all(isinstance(source, Counterfactual) for source in sample.images):
            wrong = (source.mismatched() for source in sample.images if isinstance(source, Counterfactual))
            yield replace(sample, images=tuple(wrong))
        elif len(names) < 2:
            yield replace(sample, problem="there is no other image to show instead")
        else:
            picked = Stream("mismatched", seed, task, sample.id).integer(0, len(names) - 2)
            own = place[sample.cluster or sample.id]
            yield replace(sample, images=pool[names[picked + (picked >= own)]])
