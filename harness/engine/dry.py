"""Try a few samples of every cell without a model, to find what only shows when data is read."""

from collections.abc import Sequence
from itertools import islice

from harness.engine.collect import judge
from harness.engine.plan import Batch
from harness.engine.prepare import preparing
from harness.patience import Patience
from harness.suite.bind import Suite
from harness.tasks import Cell, Continues, Measures, Task
from harness.types import Request, Response, Sample, Status

_SAMPLES = 2


def try_samples(suite: Suite) -> list[str]:
    """Prepare and score two samples of each task's first and last cell; return what went wrong, in sentences."""
    troubles: list[str] = []
    with Patience(seconds=suite.spec.engine.timeout) as patience:
        for task in suite.tasks.values():
            if isinstance(task, Measures):
                continue
            cells = task.cells()
            for cell in {cell.id: cell for cell in (*cells[:1], *cells[-1:])}.values():
                said = _tried(patience, task, cell)
                troubles += [f"{task.name}/{cell.id}: sample {sample!r}: {text}" for sample, text in said]
    return troubles


def _tried(patience: Patience, task: Task, cell: Cell) -> list[tuple[str, str]]:
    """Return what went wrong with the first samples of a cell, by sample."""
    # Rows that are broken are told where all rows are read.
    samples = tuple(islice((one for one in task.samples(cell) if one.problem is None), _SAMPLES))
    ready = preparing(patience, Batch(0, task, cell, samples), oracle=True)()
    made = [*zip(ready.batch.samples, ready.requests, ready.errors, strict=True)]
    asked = [(sample, requests) for sample, requests, error in made if not error]
    begun = patience.begin(lambda one: _complaint(task, *one), asked)
    complaints = patience.end(begun, lambda _, said: f"it could not be scored: {said}")
    troubles = [(sample.id, error) for sample, _, error in made if error]
    return troubles + [(sample.id, said) for (sample, _), said in zip(asked, complaints, strict=True) if said]


def _complaint(task: Task, sample: Sample, requests: Sequence[Request]) -> str | None:
    """Return what a metric says to right answers, where a text for each request is all that the task judges."""
    if isinstance(task, Continues) or any(request.ask != "generate" for request in requests):
        return None
    right = [request.oracle.references if request.oracle else sample.references for request in requests]
    scores, complaint = judge(task, sample, [Response(next(iter(texts), "")) for texts in right])
    # A reference need not be an answer: a box in pixels is none where thousandths are asked for.
    return complaint if any(score.status == Status.ERROR for score in scores.values()) else None
