"""What the caller of a run chooses, who watches it, and how it may end early."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from harness.engine.plan import WHOLE, Shard
from harness.errors import ExitCode, HarnessError
from harness.locate import near
from harness.suite.select import ALL, Selection

Executor = Literal["local", "process", "ray"]


SampleRule = Literal["plain", "informative"]

Prepare = Literal["threads", "processes", "auto"]
"""Where samples are loaded and perturbed: ``auto`` begins with threads."""


def _say_nothing(_: str) -> None: ...


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the caller chooses and the suite does not."""

    out: Path = Path("results/runs")
    batch_size: int | None = None
    """Overrides the adapter's, unless its answers can depend on their batch."""
    workers: int = 1
    """How many batches are loaded and perturbed at a time, ahead of the model."""
    prepare: Prepare = "auto"
    """In threads of this process or in processes."""
    limit: int | None = None
    """At most so many samples a cell."""
    head: bool = False
    """Take the first samples of each dataset, not a draw of them."""
    ranked: bool = False
    """Ask them in the order in which they are drawn: the batches of a larger limit begin with those of a smaller."""
    sample: SampleRule = "plain"
    """How the limit draws: plainly, or those samples oftener that earlier runs disagree on."""
    sample_from: tuple[Path, ...] = ()
    """Folders of those earlier runs; empty for all that lie in ``out``."""
    selection: Selection = ALL
    """Some tasks, some samples, several epochs."""
    shard: Shard = WHOLE
    """Which part of the plan to run; ``harness merge`` puts the parts together."""
    cache: Path | None = None
    """Folder of the response cache; None for no cache."""
    cache_apart: str = ""
    """Part of the cache's keys: what decides answers and is in no fingerprint, such as the versions of libraries."""
    executor: Executor | None = None
    """Where the model lives; None leaves it to the suite's ``engine: isolation``."""
    ray_address: str | None = None
    """Of an existing Ray cluster; None starts one here."""
    ray_workers: int | None = None
    """Copies of the model on Ray; by default one a CPU of the cluster."""
    fresh: bool = False
    """Start anew even where an unfinished run of the same suite, adapter and options could be continued."""
    grace: float = 10.0
    """Seconds that the batch in flight may take to end after Ctrl-C."""
    say: Callable[[str], None] = _say_nothing
    """Hears what a user should know and what is no error: that a run is continued, say."""


class Progress(Protocol):
    """Who watches a run."""

    def begin(self, adapter: str, total: int) -> None: ...

    def advance(self, cell: str, done: int, failed: int) -> None: ...

    def end(self) -> None: ...


class Silent:
    """Shows nothing."""

    def begin(self, adapter: str, total: int) -> None: ...

    def advance(self, cell: str, done: int, failed: int) -> None: ...

    def end(self) -> None: ...


class Interrupted(HarnessError):
    """The user stopped the run; what was measured is saved."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        at = near(folder)
        super().__init__(f"interrupted; what was measured is in {at}\nto continue: harness resume {at}")
