"""Turn a batch of samples into requests, in worker threads that run ahead of the model."""

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from PIL import Image

from harness.engine.plan import Batch
from harness.errors import SampleError
from harness.facts import of_images, shown, wrong
from harness.types import Request, Sample

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch with a request, or the reason why there is none, for every sample."""

    batch: Batch
    """Its samples carry what the shown images tell of them, as far as a metric asks for it."""
    requests: tuple[Request | None, ...]
    errors: tuple[str | None, ...]
    hashes: tuple[str | None, ...]


def prepare(batch: Batch, oracle: bool) -> Prepared:
    """Load, perturb and render one batch. A sample that fails costs itself, not the batch."""
    samples: list[Sample] = []
    requests: list[Request | None] = []
    errors: list[str | None] = []
    hashes: list[str | None] = []
    told = of_images(name for metric in batch.task.metrics.values() for name in (*metric.needs, *metric.wants))
    for given in batch.samples:
        sample, request, digest, said = given, None, None, None
        try:
            if sample.facts and (said := wrong(sample.facts)):
                sample = replace(sample, facts={})  # they cannot be stored
                raise SampleError(said)
            request = batch.task.prepare(batch.cell, sample, oracle=oracle)
            digest = request_hash(request)
            sample = shown(sample, request.images, told)
        except SampleError as error:
            request, said = None, str(error)
        except Exception as error:  # noqa: BLE001 - a plug-in's bug must cost its sample, not the run
            request, said = None, f"{type(error).__name__}: {error}"
        samples.append(sample)
        requests.append(request)
        errors.append(said)
        hashes.append(digest)
    return Prepared(replace(batch, samples=tuple(samples)), tuple(requests), tuple(errors), tuple(hashes))


def request_hash(request: Request) -> str:
    """Return a hash of all that the model sees: prompt, generation parameters and every pixel."""
    digest = hashlib.sha256()
    head = (request.system, request.prompt, request.generation.max_new_tokens, len(request.images))
    digest.update(repr(head).encode())
    if request.ask != "generate" or request.times:
        digest.update(repr((request.ask, request.times)).encode())
    if request.generation.temperature:
        digest.update(repr(request.generation).encode())
    for image in request.images:
        digest.update(f"{image.mode} {image.size}".encode())
        digest.update(image.tobytes())
        digest.update(_colours(image))
    return digest.hexdigest()


def _colours(image: Image.Image) -> bytes:
    """Return what an image's bytes mean where they are numbers of colours, not colours; nothing elsewhere."""
    if image.mode not in ("P", "PA"):
        return b""
    return repr((image.getpalette("RGBA"), image.info.get("transparency"))).encode()


def ahead(work: Callable[[A], B], items: Iterable[A], workers: int, depth: int) -> Generator[B, None, None]:
    """Map ``work`` over ``items`` in order, up to ``depth`` items ahead of the consumer.

    With one worker it runs in one thread beside the consumer. Closing the iterator early
    drops what is queued.
    """
    queue: deque[Future[B]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="harness-prepare")
    try:
        for item in items:
            queue.append(pool.submit(work, item))
            if len(queue) > depth:
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
