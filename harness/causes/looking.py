"""Whether a changed model still looks at its images: its gap to the answers that it gives to another sample's image."""

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

from harness.causes.estimate import Interval
from harness.causes.planning import Options, Planned
from harness.causes.setups import Setup
from harness.comparison.compare import changes
from harness.engine.options import RunOptions
from harness.engine.run import run_suite
from harness.errors import HarnessError
from harness.record import Run
from harness.record.schema import MetricRecord
from harness.suite.select import Selection

Sight = Literal["looks", "looks less", "looks no longer", "undecided", "did not look"]
"""``looks``: the gap is above 0, and not surely smaller than before. ``looks less``: above 0, and surely smaller.
``looks no longer``: surely smaller, and may be 0. ``undecided``: it may be 0, and may be no smaller.
``did not look``: these questions do not show that even the model before looked."""

_CONTROL: Final = "mismatched"
"""The image of another sample: the fair one, since no model has been shown blank images."""
_GAP: Final = f"blind_gap[{_CONTROL}]"


@dataclass(frozen=True, slots=True)
class Looking:
    """What two models owe to the right image: score with it minus score with another sample's."""

    before: MetricRecord
    after: MetricRecord
    change: Interval
    """After minus before, paired by sample."""

    @property
    def sight(self) -> Sight:
        """The answer in a word."""
        if not _above(self.before):
            return "did not look"
        fell = self.change.high < 0
        if _above(self.after):
            return "looks less" if fell else "looks"
        return "looks no longer" if fell else "undecided"


def looking(planned: Planned, options: Options) -> Looking:
    """Ask both models the questions of the task once more, each with the image of another sample.

    Raises:
        HarnessError: if the task cannot be asked so: it has no images, or its number is no share.
    """
    runs = []
    for setup, side in ((planned.before, "baseline"), (planned.after, "candidate")):
        options.say(f"the {side} with other samples' images, and as they are: {planned.rows:,} samples")
        runs.append(_blind(setup, planned, options))
    name = f"{_task(planned)}/{_GAP}"
    found = changes(runs[0], runs[1], [name])[name].comparison
    change = Interval(math.nan, math.nan, math.nan)
    if found is not None:
        change = Interval(found.estimate, found.low, found.high)
    before, after = (run.record.tasks[_task(planned)].metrics[_GAP] for run in runs)
    return Looking(before, after, change)


def _task(planned: Planned) -> str:
    return f"{planned.measure.task}-blind"


def _blind(setup: Setup, planned: Planned, options: Options) -> Run:
    own = {"kind": "blind", "of": planned.measure.task, "metric": planned.measure.column, "controls": [_CONTROL]}
    suite = {**setup.suite, "tasks": {**setup.suite.get("tasks", {}), _task(planned): own}}
    bound = replace(setup, suite=suite).bound(_task(planned))
    record = planned.candidate.record
    asked = RunOptions(
        out=options.out,
        batch_size=record.options.get("batch_size"),
        workers=options.workers,
        limit=record.options.get("limit"),
        head=record.limit_rule != "drawn",
        selection=Selection((_task(planned),)),
        cache=options.cache,
        say=options.say,
    )
    folder, made = run_suite(bound, setup.choice(), asked, options.progress)
    if made.status != "complete":
        raise HarnessError(f"the run with other samples' images failed: {made.reason}; its record is in {folder}")
    return Run(folder)


def _above(gap: MetricRecord) -> bool:
    return gap.low is not None and gap.low > 0
