"""The keys of a latency task, and the grid that they span."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from harness.spec.limits import MOST_PIXELS_A_SIDE
from harness.spec.models import BatchSize, Model
from harness.tasks._cells import Cell
from harness.tasks._named import Ref
from harness.tasks.latency.sides import Part
from harness.types import Ask

_Side = Annotated[int, Field(ge=1, le=MOST_PIXELS_A_SIDE)]
ANSWERS: Final = Cell("answers")
"""Every sample once, for accuracy."""
FOOTPRINT: Final = Cell("footprint")
"""Each model in a process of its own, for memory and loading."""


class LatencyConfig(Model):
    """Keys of a task of `kind: latency`."""

    dataset: str
    """A dataset of this suite: both sides are given the same inputs."""
    against: str | Annotated[tuple[str, ...], Field(min_length=1)]
    """The adapter, or several, to compare with: names or files. `speedup` is against the first."""
    candidate: str | None = None
    """The adapter that is judged; the run's own by default."""
    candidate_with: dict[str, Any] = Field(default_factory=dict)
    """Other values for keys of the candidate's file: `{quantisation: int8}`."""
    ask: Ask = "generate"
    """`generate` (with `prompt`), `classify` or `embed`."""
    part: Part = "whole"
    """What is timed: the `whole` call, or the `model` alone, with its input prepared beforehand."""
    prompt: str = "{{ question }}"
    """Jinja template; knows `question` and `tags`."""
    max_new_tokens: int = Field(default=16, ge=1, le=100_000)
    """Longest answer."""
    metric: Ref = "exact_match"
    """What says whether an answer is right, for accuracy retention."""
    accuracy: bool = True
    """Whether to ask every sample of the dataset once for accuracy, flips and agreement of logits."""
    footprint: bool = True
    """Whether to load each model in processes of its own, for memory and time to load."""
    footprint_rounds: int = Field(default=3, ge=1, le=100)
    """Such processes for each model: its peak memory is the largest of them, its time to load the median."""
    launches: int = Field(default=0, ge=0, le=100)
    """Such processes in which calls are timed too: `launch_cpu`, `launch_wall` and `launch_memory` then tell two runs
    apart, launch by launch. 3 where launches differ by 1 %, 5 at 2 %, 10 at 3 %."""
    launch_calls: int = Field(default=30, ge=1, le=100_000)
    """Timed calls of each launch, of the same request; the launch counts by their median."""
    rounds: int = Field(default=100, ge=2, le=1_000_000)
    """Timed calls of each side in each cell. A p90 needs 64, a p95 130, a p99 662."""
    warmup: int = Field(default=3, ge=0, le=1000)
    """Calls of each side that are not timed, before the first that is."""
    clock: Literal["cpu", "wall"] = "cpu"
    """What `speedup` is the ratio of. CPU time holds on a busy machine; a device or a server needs `wall`."""
    batch_sizes: tuple[BatchSize, ...] = Field(default=(1,), min_length=1)
    """Samples a call."""
    image_sizes: tuple[tuple[_Side, _Side], ...] = ()
    """Heights and widths that images are resized to beforehand; as they are by default."""
    vary: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)
    """Further axes of the grid: keys of the adapters' files with their values, `{threads: [1, 2]}`."""

    @property
    def processes(self) -> int:
        """How many processes of its own each model gets."""
        return max(self.footprint_rounds if self.footprint else 0, self.launches)

    @property
    def references(self) -> tuple[str, ...]:
        """The adapters to compare with."""
        return (self.against,) if isinstance(self.against, str) else self.against

    @property
    def candidate_name(self) -> str:
        """What the judged side is called in tables."""
        changes = ", ".join(f"{key}={value}" for key, value in self.candidate_with.items())
        return " with ".join(filter(None, (self.candidate or "candidate", changes)))


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the grid."""

    batch: int
    image_size: tuple[int, int] | None
    keys: Mapping[str, Any]
    """Values for keys of the adapters' files."""

    @property
    def cell(self) -> Cell:
        """The point as a cell; its id names only what varies."""
        labels: dict[str, str | int] = {"batch": self.batch}
        if self.image_size is not None:
            labels["image"] = "x".join(map(str, self.image_size))
        labels |= {key: value if isinstance(value, int) else _short(value) for key, value in self.keys.items()}
        return Cell(",".join(f"{key}={value}" for key, value in labels.items()), labels)


def points(config: LatencyConfig) -> Iterator[Point]:
    """Yield the points of the grid, the first of every axis first."""
    sizes: tuple[tuple[int, int] | None, ...] = config.image_sizes or (None,)
    for batch, size, *values in itertools.product(config.batch_sizes, sizes, *config.vary.values()):
        yield Point(batch, size, dict(zip(config.vary, values, strict=True)))


def _short(value: Any) -> str:
    return "+".join(map(_short, value)) if isinstance(value, (list, tuple)) else str(value)
