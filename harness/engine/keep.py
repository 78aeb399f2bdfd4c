"""Score a batch's answers and put them into the store."""

import time
from collections import Counter

from harness.engine.collect import judge, measured, packed
from harness.engine.limits import failures
from harness.engine.pipeline import Answered
from harness.engine.plan import Batch
from harness.engine.prepare import Prepared
from harness.engine.sessions import Clock
from harness.facts import carried
from harness.record.store import ResponseStore, Row
from harness.tasks import Cell, Observation, Task
from harness.types import Response, Sample


class Keeper:
    """Writes what comes in, a batch a transaction, and counts it."""

    def __init__(self, store: ResponseStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.responses = Counter(store.statuses())
        """How many responses ended in each status, in all sessions."""

    @property
    def failed(self) -> int:
        """Responses that are no answers."""
        return failures(self.responses)

    def recount(self) -> None:
        """Count again what is stored, after some of it was dropped."""
        self.responses = Counter(self._store.statuses())

    def keep(self, answered: Answered) -> None:
        """Score and store one batch.

        Raises:
            UsageError: if a sample id stands twice in its cell.
            StorageError: if the disk does not take it.
        """
        start = time.perf_counter()
        ready, called = answered.ready, answered.called
        rows = [
            _row(ready, i, sample, response, None if i in called.cached else called.seconds)
            for i, (sample, response) in enumerate(zip(ready.batch.samples, called.responses, strict=True))
        ]
        scored = time.perf_counter()
        self._clock.cached += len(called.cached)
        self._store.append(rows, ready.batch.place, self._clock.note())
        self._clock.timings["score"] += scored - start
        self._clock.timings["store"] += time.perf_counter() - scored
        self.responses.update(row.status for row in rows)

    def observe(self, task: Task, cell: Cell, number: int, seen: tuple[Observation, ...], place: int) -> None:
        """Store some of what a task measured by itself."""
        rows = [_observed(task.name, cell.id, number, observation) for observation in seen]
        self._store.append(rows, place, self._clock.note())
        self.responses.update(row.status for row in rows)


def _row(ready: Prepared, i: int, sample: Sample, response: Response, seconds: float | None) -> Row:
    batch: Batch = ready.batch
    judged, complaint = judge(batch.task, sample, response)
    request = ready.requests[i]
    return Row(
        task=batch.task.name,
        cell=batch.cell.id,
        sample_id=sample.id,
        cluster=sample.cluster,
        batch=batch.number,
        status=str(response.status),
        error=response.error or complaint,
        request_hash=ready.hashes[i],
        prompt=request.prompt if request else None,
        references=sample.references,
        evidence=sample.evidence,
        response=response.text,
        tokens_in=response.tokens_in,
        image_tokens=response.image_tokens,
        tokens_out=response.tokens_out,
        batch_seconds=seconds if request else None,
        tags=sample.tags,
        scores=packed(judged),
        facts=carried(sample),
        vector=None if response.vector is None else response.vector.astype("<f4").tobytes(),
    )


def _observed(task: str, cell: str, number: int, seen: Observation) -> Row:
    return Row(
        task=task,
        cell=cell,
        sample_id=seen.id,
        cluster=seen.cluster,
        batch=number,
        status=str(seen.status),
        error=seen.error,
        request_hash=None,
        prompt=None,
        references=(),
        evidence=None,
        response=seen.text,
        tokens_in=None,
        image_tokens=None,
        tokens_out=None,
        batch_seconds=None,
        tags=seen.tags,
        scores=packed(measured(seen)),
    )
