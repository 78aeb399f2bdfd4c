"""A task's metrics over parts of its samples: one number for each style, question type and so on."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property

from harness.estimate import Statistic
from harness.types import Dataset


class Slices:
    """Which values the tags of a dataset have.

    Args:
        dataset: the samples.
        tags: the tags to cut by; a sample without one is in none of its slices.
    """

    def __init__(self, dataset: Dataset, tags: Sequence[str]) -> None:
        self._dataset = dataset
        self._tags = tuple(tags)

    def of(self, statistics: Iterable[Statistic]) -> list[Statistic]:
        """Return each statistic over each slice: ``accuracy[style=bar]``, as the dataset first shows the values."""
        return [
            replace(one, name=f"{one.name}[{tag}={value}]", where={tag: value})
            for one in statistics
            for tag, value in self.found
        ]

    @cached_property
    def found(self) -> dict[tuple[str, str], int]:
        """How many samples each slice has, by tag and value."""
        seen: dict[str, dict[str, int]] = {tag: {} for tag in self._tags}
        for sample in self._dataset if self._tags else ():
            for tag, values in seen.items():
                if (value := sample.tags.get(tag)) is not None:
                    values[value] = values.get(value, 0) + 1
        return {(tag, value): count for tag, values in seen.items() for value, count in values.items()}
