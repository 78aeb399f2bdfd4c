"""What a run will be comparable with, known before it starts."""

from harness.comparison.identity import Identity, conflicts
from harness.comparison.sets import Rows, apart
from harness.engine.collect import plain
from harness.engine.same import marks_of
from harness.errors import UsageError
from harness.patience import patiently
from harness.record import Run
from harness.record.scrub import scrubbed_values
from harness.suite.adapters import AdapterChoice
from harness.suite.bind import Suite


def planned_identity(suite: Suite, choice: AdapterChoice) -> Identity:
    """Return the identity that the run of a suite on an adapter will have."""
    return _identity(suite, choice.simulated)


def planned_rows(suite: Suite) -> Rows:
    """Return the rows that a run of a suite will ask."""
    hashes = patiently(lambda: {name: one.content_hash() for name, one in suite.datasets.items()})
    return Rows(hashes, marks_of(suite))


def rows_of(run: Run) -> Rows:
    """Return the rows that a run has asked."""
    return Rows(run.record.datasets, run.folder)


def check_run_of(suite: Suite, run: Run) -> None:
    """See that a run was made of the suite as it stands now: its version, seed, data and configuration.

    Raises:
        UsageError: with everything that has changed since, the rows by name.
    """
    record = run.record
    planned, made = _identity(suite, record.adapter.simulated), Identity.of(record)
    rows = apart(made, rows_of(run), planned, planned_rows(suite))
    changed = [f"{one.what}: {one.candidate} then, {one.baseline} now" for one in conflicts(planned, made, rows)]
    changed += [f"data of {task}: {found}" for task, found in rows.items()]
    if changed:
        lines = "".join(f"\n  {one}" for one in changed)
        raise UsageError(f"run {record.run_id} is not of {suite.spec.suite!r} as it stands; run it again:{lines}")


def _identity(suite: Suite, simulated: bool) -> Identity:
    spec = suite.spec
    # As in the record, where the users and passwords of addresses are left out.
    tasks = {name: scrubbed_values(plain(task.describe())) for name, task in suite.tasks.items()}
    return Identity(spec.suite, spec.version, spec.seed, simulated, tasks)
