"""What chooses the frames that a model is shown."""

from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from harness.errors import UsageError
from harness.frames._clip import Clip
from harness.registry import registry


class Sampler(Protocol):
    """Picks frames under a budget. The class also carries ``Config``, a frozen pydantic model of its YAML keys."""

    Config: ClassVar[type[BaseModel]]

    @classmethod
    def from_config(cls, config: Any) -> Self: ...

    def pick(self, clip: Clip, budget: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the indices of at most ``budget`` frames, growing, each once; all frames where there are no more.

        Args:
            clip: open; a sampler that looks at pictures asks it for thumbnails.
            budget: how many frames, 1 or more.
            rng: the only source of randomness.

        Raises:
            SampleError: if the clip cannot be decoded.
        """
        ...


def get(name: str, **params: Any) -> Sampler:
    """Return a sampler by its registered name.

    Raises:
        UsageError: if the name is unknown, or a parameter unknown or impossible.

    >>> get("uniform", place="endpoints").pick.__name__
    'pick'
    """
    factory = registry("samplers").load(name)
    try:
        sampler: Sampler = factory.from_config(factory.Config.model_validate(params))
    except ValueError as cause:
        raise UsageError(f"sampler {name!r}: {cause}") from cause
    return sampler


def evenly(count: int, budget: int) -> NDArray[np.int64]:
    """Return ``budget`` of ``count`` indices, one from the middle of each equal part; all where there are no more.

    >>> evenly(10, 2).tolist(), evenly(2, 5).tolist()
    ([2, 7], [0, 1])
    """
    if budget >= count:
        return np.arange(count)
    return np.asarray((np.arange(budget) + 0.5) * count / budget, np.int64)


def filled(picked: NDArray[np.int64], count: int, budget: int) -> NDArray[np.int64]:
    """Return the indices, each once and growing, with the widest gaps halved until the budget is spent.

    >>> filled(np.array([0, 0, 8]), 9, 4).tolist()
    [0, 4, 6, 8]
    """
    chosen = sorted(set(picked.tolist()))[:budget]
    while len(chosen) < min(budget, count):
        edges = [-1, *chosen, count]
        gaps = np.diff(edges)
        widest = len(gaps) - 1 - int(np.argmax(gaps[::-1]))
        chosen.insert(widest, (edges[widest] + edges[widest + 1]) // 2)
    return np.array(chosen, np.int64)
