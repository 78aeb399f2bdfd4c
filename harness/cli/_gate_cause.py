"""The search of ``harness gate --why`` for what made a gate fail."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from harness.causes.results import Why
    from harness.comparison.decide import Decision
    from harness.gates.runs import PlannedGate


@dataclass(frozen=True, slots=True)
class Cause:
    """The search for what made a gate fail."""

    baselines: Path
    """A folder, or a branch."""
    baseline: Path
    """In it, or anywhere."""
    budget: int | None
    runs: Path
    roots: tuple[Path, ...]
    executor: Literal["local", "process"] | None

    @classmethod
    def of(
        cls,
        plan: "PlannedGate",
        asked: bool | None,
        baselines: Path,
        runs: Path,
        roots: tuple[Path, ...],
        executor: Literal["local", "process"] | None,
    ) -> Self | None:
        """Return it where the command line asks for it, or the suite does and the command line does not say no."""
        told = plan.suite.spec.why
        if plan.baseline is None or not (told is not None if asked is None else asked):
            return None
        budget = None if told is None or told == "auto" else told.budget
        baseline, kept = plan.baseline.folder, plan.options.baselines  # for a branch, a folder that is gone by now
        inside = baseline.relative_to(kept) if baseline.is_relative_to(kept) else baseline.absolute()
        return cls(baselines, inside, budget, runs, roots, executor)

    def find(self, decision: "Decision") -> "Why | None":
        """Return what did it; nothing where that cannot be found out, which is said."""
        from harness import api
        from harness.cli._done import say
        from harness.errors import UsageError
        from harness.gates.branch import reading

        failed = next(judged.gate.metric for judged in decision.gates if judged.gate.verdict == "fail")
        try:
            with reading(self.baselines) as folder:
                look = partial(
                    api.why, folder / self.baseline, decision.candidate.run_id, budget=self.budget, runs=self.runs,
                    roots=self.roots, executor=self.executor, say=say,
                )  # fmt: skip
                try:
                    return look(metric=failed)
                except UsageError:  # no mean over samples: the task's own number tells as much
                    return look(metric=failed.partition("/")[0])
        except Exception as error:  # noqa: BLE001 - whatever happens here, the verdict stands and is told
            say(f"why it fails is not known: {error}")
            return None
