"""Ask a configuration about some samples, through the ordinary pipeline, and count what had to be asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.causes.environments import versions_key
from harness.causes.setups import Setup
from harness.causes.units import Key, Measure
from harness.comparison.sets import data_of
from harness.engine.options import Executor, Progress, RunOptions
from harness.engine.run import run_suite
from harness.errors import HarnessError, UsageError
from harness.record import Run, read_run
from harness.record.lineage import machine
from harness.record.schema import RunRecord
from harness.suite.select import Selection


class RunFailed(HarnessError):
    """A configuration could not be asked."""


@dataclass(slots=True)
class Asker:
    """Asks, and keeps count."""

    measure: Measure
    candidate: RunRecord
    out: Path
    """Where the records of what is asked lie."""
    cache: Path | None
    workers: int
    progress: Progress
    say: Callable[[str], None]
    executor: Executor | None = None
    """Where the model lives; as the suite says by default."""
    asked: int = 0
    """Questions that no cache could answer."""
    known: int = 0
    """Questions that one could."""
    runs: list[Path] = field(default_factory=list)
    apart: bool = False
    """Whether some configurations have other versions of libraries, which a fingerprint need not know."""

    @property
    def total(self) -> int:
        """Questions of both kinds."""
        return self.asked + self.known

    def values(self, setup: Setup, samples: Sequence[str], name: str) -> dict[Key, float]:
        """Return what the answers to some samples are worth.

        Raises:
            UsageError: if the data are not those that the candidate was asked about.
            RunFailed: if the run did not come to its end.
        """
        run = self.run(setup, samples, name)
        return self.measure.values(run)

    def run(self, setup: Setup, samples: Sequence[str], name: str) -> Run:
        """Ask about some samples, or all that the candidate was asked about, and return the run."""
        task = self.measure.task
        own = self.candidate.tasks[task]
        ran_by = setup.environment.machine if setup.environment else machine()
        apart = versions_key(ran_by) if self.apart else ""
        options = RunOptions(
            out=self.out / apart,  # a run that ended early is continued by its own versions only
            limit=None if samples else self.candidate.options.get("limit"),
            head=self.candidate.limit_rule != "drawn",
            batch_size=self.candidate.options.get("batch_size"),
            workers=self.workers,
            selection=Selection((task,), tuple(samples), own.epochs, own.reducer),
            cache=self.cache,
            executor=self.executor,
            cache_apart=apart,
            say=self.say,
        )
        try:
            if setup.environment:
                folder = setup.environment.run(setup, task, options)
            else:
                folder, _ = run_suite(setup.bound(task), setup.choice(), options, self.progress)
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from error
        record = read_run(folder)
        self.known += record.cached
        self.asked += sum(record.responses.values()) - record.cached
        self.runs.append(folder)
        if record.status != "complete":
            raise RunFailed(f"{name}: the run failed: {record.reason}; its record is in {folder}")
        if data_of(record.tasks[task].config) != data_of(own.config):
            said = f"the data of {task} are not those that {self.candidate.run_id} was asked about"
            raise UsageError(f"{said}: they changed since; put them back, or run the candidate again")
        return Run(folder)
