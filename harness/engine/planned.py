"""What a run will be comparable with, known before it starts."""

from harness.engine.collect import plain
from harness.engine.resolve import AdapterChoice, Suite
from harness.gate.identity import Identity


def planned_identity(suite: Suite, choice: AdapterChoice) -> Identity:
    """Return the identity that the run of a suite on an adapter will have."""
    spec = suite.spec
    tasks = {name: plain(task.describe()) for name, task in suite.tasks.items()}
    return Identity(spec.suite, spec.version, spec.seed, choice.simulated, tasks)
