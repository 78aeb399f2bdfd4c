"""Try a few samples of every cell without a model, to find what only shows when data is read."""

from itertools import islice

from harness.engine.collect import judge
from harness.engine.plan import Batch
from harness.engine.prepare import prepare
from harness.suite.bind import Suite
from harness.tasks import Measures
from harness.types import Response, Status

_SAMPLES = 2


def try_samples(suite: Suite) -> list[str]:
    """Prepare and score two samples of each task's first and last cell; return what went wrong, in sentences."""
    troubles: list[str] = []
    for task in suite.tasks.values():
        if isinstance(task, Measures):
            continue
        cells = task.cells()
        for cell in {cells[0].id: cells[0], cells[-1].id: cells[-1]}.values():
            samples = tuple(islice(task.samples(cell), _SAMPLES))
            prepared = prepare(Batch(0, task, cell, samples), oracle=True)
            for sample, error in zip(prepared.batch.samples, prepared.errors, strict=True):
                text = next(iter(sample.references), "")
                scores, complaint = judge(task, sample, Response(text))
                # A reference need not be an answer: a box in pixels is none where thousandths are asked for.
                if all(score.status != Status.ERROR for score in scores.values()):
                    complaint = None
                troubles += [
                    f"{task.name}/{cell.id}: sample {sample.id!r}: {said}" for said in (error, complaint) if said
                ]
    return troubles
