"""Try a few samples of every cell without a model, to find what only shows when data is read."""

from collections.abc import Sequence
from itertools import islice

from harness.engine.collect import judge
from harness.engine.plan import Batch
from harness.engine.prepare import prepare
from harness.suite.bind import Suite
from harness.tasks import Continues, Measures, Task
from harness.types import Request, Response, Sample, Status

_SAMPLES = 2


def try_samples(suite: Suite) -> list[str]:
    """Prepare and score two samples of each task's first and last cell; return what went wrong, in sentences."""
    troubles: list[str] = []
    for task in suite.tasks.values():
        if isinstance(task, Measures):
            continue
        cells = task.cells()
        for cell in {cells[0].id: cells[0], cells[-1].id: cells[-1]}.values():
            # Rows that are broken are told where all rows are read.
            samples = tuple(islice((one for one in task.samples(cell) if one.problem is None), _SAMPLES))
            prepared = prepare(Batch(0, task, cell, samples), oracle=True)
            for sample, requests, error in zip(prepared.batch.samples, prepared.requests, prepared.errors, strict=True):
                complaint = None if error else _complaint(task, sample, requests)
                troubles += [
                    f"{task.name}/{cell.id}: sample {sample.id!r}: {said}" for said in (error, complaint) if said
                ]
    return troubles


def _complaint(task: Task, sample: Sample, requests: Sequence[Request]) -> str | None:
    """Return what a metric says to right answers, where a text for each request is all that the task judges."""
    if isinstance(task, Continues) or any(request.ask != "generate" for request in requests):
        return None
    right = [request.oracle.references if request.oracle else sample.references for request in requests]
    scores, complaint = judge(task, sample, [Response(next(iter(texts), "")) for texts in right])
    # A reference need not be an answer: a box in pixels is none where thousandths are asked for.
    return complaint if any(score.status == Status.ERROR for score in scores.values()) else None
