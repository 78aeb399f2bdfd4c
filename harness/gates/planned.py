"""What a run will be comparable with, known before it starts."""

from harness.comparison.identity import Identity, conflicts
from harness.engine.collect import plain
from harness.errors import UsageError
from harness.record.lineage import without_users
from harness.record.schema import RunRecord
from harness.suite.adapters import AdapterChoice
from harness.suite.bind import Suite


def planned_identity(suite: Suite, choice: AdapterChoice) -> Identity:
    """Return the identity that the run of a suite on an adapter will have."""
    return _identity(suite, choice.simulated)


def check_run_of(suite: Suite, record: RunRecord) -> None:
    """See that a run was made of the suite as it stands now: its version, seed, data and configuration.

    Raises:
        UsageError: with everything that has changed since.
    """
    planned, made = _identity(suite, record.adapter.simulated), Identity.of(record)
    changed = [f"{one.what}: {one.candidate} then, {one.baseline} now" for one in conflicts(planned, made)]
    if changed:
        lines = "".join(f"\n  {one}" for one in changed)
        raise UsageError(f"run {record.run_id} is not of {suite.spec.suite!r} as it stands; run it again:{lines}")


def _identity(suite: Suite, simulated: bool) -> Identity:
    spec = suite.spec
    # As in the record, where the users and passwords of addresses are left out.
    tasks = {name: without_users(plain(task.describe())) for name, task in suite.tasks.items()}
    return Identity(spec.suite, spec.version, spec.seed, simulated, tasks)
