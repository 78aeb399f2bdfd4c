"""A point of a task's grid, and all that was measured at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.estimate.rows import Column, Labels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of a task's grid. Its id is stable: it names the same point in every run."""

    id: str
    labels: Mapping[str, str | int] = field(default_factory=dict)
    baseline: str | None = None
    """The cell of the same samples that this one is a worse (or better) version of."""
    group: str = ""
    """Cells of one group differ in degree: one corruption at several severities."""
    stratum: str = ""
    """Where cells hold other samples than others: which of them are drawn together. Each keeps its size."""
    loose: bool = False
    """Whether its samples may show other images than the markers of their prompts speak of."""


@dataclass(frozen=True, slots=True)
class CellResult:
    """All scores of one cell."""

    cell: Cell
    columns: Mapping[str, Column]
    clusters: "NDArray[np.int64]"
    """Cluster of each sample, [n]."""
    answers: "NDArray[np.int64]"
    """A code for each answer's text, [n], the same for texts that differ in case and white space only; 0: none."""
    vectors: "Mapping[str, NDArray[np.float32]]" = field(default_factory=dict)
    """By sample id: what the adapter answered where a sample's one request got numbers. Failed samples have none."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """By sample id: the first few answers, for pictures of them."""
    tags: Mapping[str, Labels] = field(default_factory=dict)
    """The tags that statistics of the task slice by."""
    ids: Sequence[str] = ()
    """Of the samples, [n], for a task that makes rows of them; none for others."""
    spent: "Mapping[str, NDArray[np.float64]]" = field(default_factory=dict)
    """What each answer took, [n], for a task that :class:`Reads` them: ``tokens_in``, ``image_tokens``, ``tokens_out``,
    ``cost`` by the adapter's prices, and ``seconds``, an equal share of its batch's. NaN where that is not known."""
    weights: "NDArray[np.float64] | None" = None
    """One over the chance that each sample had to be asked, [n]; None where all had the same."""
