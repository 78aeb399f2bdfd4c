"""Whether an adapter can do what the tasks of a suite need."""

from collections.abc import Iterable

from harness.errors import UsageError
from harness.locate import near
from harness.suite.adapters import AdapterChoice
from harness.suite.bind import Suite
from harness.tasks import Task


def misfits(suite: Suite, choices: Iterable[AdapterChoice]) -> list[str]:
    """Compare what the tasks need with what the types of the adapters can give, before any model is loaded.

    Returns:
        A sentence for each task and adapter that don't fit, naming both.
    """
    return [
        said
        for choice in choices
        for task in suite.tasks.values()
        if isinstance(getattr(choice.factory, "capabilities", None), frozenset)
        and (said := misfit(task, choice.name, choice.factory.capabilities))
    ]


def check_capabilities(suite: Suite, choices: Iterable[AdapterChoice]) -> None:
    """As :func:`misfits`.

    Raises:
        UsageError: with all of them.
    """
    if said := misfits(suite, choices):
        raise UsageError("\n".join(f"{near(suite.file)}: {text}" for text in said))


def misfit(task: Task, adapter: str, capabilities: frozenset[str]) -> str:
    """Return what an adapter lacks for a task, as a sentence; nothing where it fits."""
    lacking = sorted(task.requires - capabilities)
    can = ", ".join(sorted(capabilities)) or "nothing"
    return f"task {task.name!r} needs {', '.join(lacking)}; adapter {adapter!r} can {can}" if lacking else ""
