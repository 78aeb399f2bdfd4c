"""Why a gate failed: the change since the baseline that made the number of its first failing rule worse."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.causes.find import find
from harness.causes.planning import Options, prepare
from harness.causes.results import Why
from harness.comparison.decide import Decision
from harness.engine.told import invocation
from harness.errors import UsageError
from harness.record import Run


@dataclass(frozen=True, slots=True)
class Because:
    """What was found, or why nothing was."""

    metric: str
    """Of the rule that failed."""
    found: Why | None
    error: str = ""


def because(decision: Decision, sides: Callable[[], tuple[Run, Run]], options: Options) -> Because:
    """Find which change made a gate fail. Whatever goes wrong is told, and never raised: the verdict stands."""
    metric = next(judged.gate.metric for judged in decision.gates if judged.failed)
    try:
        runs = sides()
        with invocation():
            try:
                planned = prepare(*runs, replace(options, metric=metric))
            except UsageError:  # no mean over samples: the task's own number tells as much
                planned = prepare(*runs, replace(options, metric=metric.partition("/")[0]))
            return Because(metric, find(planned, options))
    except Exception as error:  # noqa: BLE001 - a model's own code runs here, after the verdict
        return Because(metric, None, str(error) or type(error).__name__)
