"""Score a batch's answers and put them into the store."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from harness.asks import ask_named
from harness.engine.ask import Part, Work
from harness.engine.collect import judge, measured, packed, unscored
from harness.engine.limits import failures
from harness.engine.others import Others
from harness.engine.pipeline import Answered
from harness.engine.plan import Batch
from harness.engine.sent import sent
from harness.engine.sessions import Clock
from harness.errors import in_words
from harness.facts import carried
from harness.patience import Patience
from harness.record.endings import on_truncated
from harness.record.store import ResponseStore, Row
from harness.spec.models import OnTruncated
from harness.tasks import Cell, Joins, Observation, Task
from harness.types import Finish, Response, Sample, Status

Number = TypeVar("Number", int, float)


class Keeper:
    """Writes what comes in, a batch a transaction, and counts it."""

    def __init__(self, store: ResponseStore, clock: Clock, patience: Patience) -> None:
        self._store = store
        self._clock = clock
        self._patience = patience
        self.responses = Counter(store.statuses(settled=True))
        """How many responses ended in each status, in all sessions; those that are to be asked again are not there."""
        self.refused = ""
        """Why no request will be answered any more, in the words of whoever refused one; nothing while they are."""
        self.others = Others(store)
        """What models took that tasks brought."""
        self.spent = Counter[str]()
        """Tokens that this command made the model read and write."""
        self._truncated: dict[str, OnTruncated] = {}
        """What each task does with answers that were cut off."""

    @property
    def failed(self) -> int:
        """Responses that are no answers."""
        return failures(self.responses)

    def recount(self) -> None:
        """Count again what is stored, after some of it was dropped."""
        self.responses = Counter(self._store.statuses(settled=True))

    def keep(self, answered: Answered) -> int:
        """Score and store one batch, as far as it was asked; return how many samples of it were.

        Raises:
            UsageError: if a sample id stands twice in its cell.
            StorageError: if the disk does not take it.
        """
        start = time.perf_counter()
        batch, done = answered.ready.batch, answered.done
        policy = self._policy(batch.task)
        worked = zip(batch.places, batch.samples, done.works, strict=True)
        asked = [(place, sample, work) for place, sample, work in worked if not work.later]

        def row(one: _Worked, late: str = "") -> tuple[int, Row]:
            place, sample, work = one
            return place, _row(batch, sample, work, done.seconds, policy, late)

        rows = self._patience.end(self._patience.begin(row, asked), row)
        self.refused = self.refused or next((said for work in done.works if (said := work.hopeless)), "")
        scored = time.perf_counter()
        self._clock.cached += sum(part.cached for work in done.works for part in work.parts)
        for part in (part for _, _, work in asked for part in work.parts if not part.cached):
            if part.response.images_reused is not None and not part.request.role:
                self._clock.shown += len(part.request.images)
                self._clock.reused += part.response.images_reused
        took = self.others.take(batch.task.name, (work for _, _, work in asked))
        self._store.insert(rows, {**self._clock.note(), **took})
        self._clock.timings["score"] += scored - start
        self._clock.timings["store"] += time.perf_counter() - scored
        self.responses.update(row.status for _, row in rows if not row.again)
        self.spent["images"] += sum(
            len(part.request.images) for _, _, work in asked for part in work.parts if not part.cached
        )
        for _, one in rows:
            if one.batch_seconds is not None:
                self.spent.update(tokens_in=one.tokens_in or 0, tokens_out=one.tokens_out or 0)
        return len(rows)

    def observe(
        self, task: Task, cell: Cell, number: int, seen: tuple[Observation, ...], place: int, formers: Mapping[str, str]
    ) -> None:
        """Store some of what a task measured by itself; ``formers`` says what it measured of a sample before."""
        rows = [replace(_observed(task.name, cell.id, number, one), former=formers.get(one.id)) for one in seen]
        self._store.append(rows, place, self._clock.note())
        self.responses.update(row.status for row in rows)

    def _policy(self, task: Task) -> OnTruncated:
        if task.name not in self._truncated:
            self._truncated[task.name] = on_truncated(task.describe())
        return self._truncated[task.name]


_JSON: Final = json.JSONEncoder(ensure_ascii=False).encode
_Worked = tuple[int, Sample, Work]
"""A sample's place in the plan, and what came of it."""


def _row(batch: Batch, sample: Sample, work: Work, seconds: float, policy: OnTruncated, late: str) -> Row:
    parts, responses, failed = work.parts, work.responses, work.failed
    status = Status.ERROR if work.error is not None else Status(failed.response.status) if failed else Status.OK
    status = status if sample.problem is None else Status.UNDEFINED  # a row that is broken is no wrong answer
    finish = Finish.of(_own(parts))
    cut = status is Status.OK and finish is Finish.LENGTH
    status = Status.ERROR if cut and policy == "fail" else status
    alone = _alone(parts)
    complaint: str | None = f"it could not be scored: {late}"
    if late:
        judged = unscored(batch.task)
    else:
        judged, complaint = judge(
            batch.task, sample, responses, Status.UNPARSED if cut and policy == "unparsed" else status
        )
    text, said = (alone.response.text, None) if alone else _text(batch.task, sample, responses, status, late)
    counts = alone.response if alone else _counts(parts)
    return Row(
        task=batch.task.name,
        cell=batch.cell.id,
        sample_id=sample.id,
        cluster=sample.cluster,
        batch=batch.number,
        status=str(status),
        error=work.error or (failed.response.error if failed else None) or _cut_off(status, parts) or complaint or said,
        request_hash=_asked_hash(parts[: work.first]),
        prompt=parts[0].request.prompt if parts else None,
        references=sample.references,
        evidence=sample.evidence,
        response=text,
        tokens_in=counts.tokens_in,
        image_tokens=counts.image_tokens,
        tokens_out=counts.tokens_out,
        batch_seconds=None if all(part.cached for part in parts) else seconds,
        tags=sample.tags,
        scores=packed(judged),
        ask=alone.request.ask if alone and alone.response.value is not None else None,
        payload=b"".join([_payload(part) for part in parts if part.response.value is not None]) or None,
        parts=None if alone or not parts else json.dumps([*map(_told, parts)]),
        details={name: score.rows for name, score in judged.items() if score.rows is not None},
        facts=carried(sample),
        finish=finish if parts else None,
        again=bool(work.hopeless),
        sent=_JSON(sent(alone.request)) if alone else None,
        seconds=_total(part.seconds for part in parts),
        attempts=_total(part.response.attempts for part in parts if not part.cached),
        reasoning_tokens=counts.reasoning_tokens,
        served=" + ".join(dict.fromkeys(filter(None, _served(parts)))) or None,
        mean_logprob=counts.mean_logprob,
        min_logprob=counts.min_logprob,
    )


def _total(values: Iterable[Number | None]) -> Number | None:
    """Return the sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def _own(parts: Sequence[Part]) -> list[Finish]:
    """Return how the answers of the run's own model end."""
    return [part.response.finish for part in parts if not part.request.role]


def _served(parts: Sequence[Part]) -> list[str]:
    """Return what the server of the run's own model said that it runs, of each answer."""
    return [part.response.served for part in parts if not part.request.role]


def _cut_off(status: Status, parts: Sequence[Part]) -> str | None:
    """Return why a sample failed all of whose requests were answered: a task with `on_truncated: fail` has such."""
    cut = [part.request for part in parts if part.response.finish is Finish.LENGTH and not part.request.role]
    if status is Status.OK or not cut:
        return None
    limit = cut[0].generation.max_new_tokens
    return f"the answer was cut off at max_new_tokens {limit}, which `on_truncated: fail` takes for a failure"


def _text(
    task: Task, sample: Sample, responses: Sequence[Response], status: Status, late: str
) -> tuple[str | None, str | None]:
    """Return the text that stands for a sample with several parts or none, and what went wrong in making it."""
    if status != Status.OK or late:
        return None, None
    if not isinstance(task, Joins):
        return (responses[0].text if responses else None), None
    try:
        return task.joined(sample, responses), None
    except Exception as error:  # noqa: BLE001 - a plug-in's bug must cost its sample's text, not the run
        return None, f"the task cannot join the answers: {in_words(error)}"


def _alone(parts: Sequence[Part]) -> Part | None:
    """Return the only part of a sample that has no parts by name."""
    return parts[0] if len(parts) == 1 and not parts[0].request.part and not parts[0].request.role else None


def _asked_hash(first: Sequence[Part]) -> str | None:
    """Return a hash of what a sample is asked before any answer: what follows from answers differs between models."""
    if alone := _alone(first):
        return alone.hash
    return hashlib.sha256(" ".join(part.hash for part in first).encode()).hexdigest() if first else None


def _counts(parts: Sequence[Part]) -> Response:
    """Return the tokens that the run's own model took for all parts together."""
    own = [part.response for part in parts if not part.request.role]

    def total(name: str) -> int | None:
        counts: list[int | None] = [getattr(response, name) for response in own]
        return _total(counts)

    mean, least = _sure(own)
    return Response(
        None,
        tokens_in=total("tokens_in"),
        image_tokens=total("image_tokens"),
        tokens_out=total("tokens_out"),
        reasoning_tokens=total("reasoning_tokens"),
        mean_logprob=mean,
        min_logprob=least,
    )


def _sure(own: Sequence[Response]) -> tuple[float | None, float | None]:
    """Return how sure the model was of several answers: as of the least sure of them; nothing where one is unknown."""
    said = [(one.mean_logprob, one.min_logprob) for one in own]
    means = [mean for mean, _ in said if mean is not None]
    least = [one for _, one in said if one is not None]
    known = bool(said) and len(means) == len(least) == len(said)
    return (min(means), min(least)) if known else (None, None)


def _payload(part: Part) -> bytes:
    value = part.response.value
    return b"" if value is None else ask_named(part.request.ask).pack(value)


def _told(part: Part) -> dict[str, Any]:
    """Return one part of several as the record keeps it."""
    request, response = part.request, part.response
    return {
        "part": request.part,
        "role": request.role,
        "ask": request.ask,
        "request_hash": part.hash,
        "prompt": request.prompt,
        "status": str(response.status),
        "error": response.error,
        "response": response.text,
        "tokens_in": response.tokens_in,
        "image_tokens": response.image_tokens,
        "tokens_out": response.tokens_out,
        "finish": str(response.finish),
        **({"served": response.served} if response.served else {}),
        "bytes": len(_payload(part)),
        "sent": sent(request),
    }


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
