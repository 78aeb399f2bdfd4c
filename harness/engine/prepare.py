"""Turn a batch of samples into requests, in worker threads that run ahead of the model."""

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from PIL import Image

from harness.asks import ask_named
from harness.engine.plan import Batch
from harness.errors import SampleError
from harness.facts import of_images, shown, wrong
from harness.patience import Patience
from harness.tasks import Cell, Task
from harness.types import Request, Sample

A = TypeVar("A")
B = TypeVar("B")

Pixels = Callable[[Image.Image], bytes]
"""Gives the bytes of a picture."""

Hashed = tuple[Request, str]
"""A request and the hash of all that the model sees of it."""

Made = tuple[Sample, tuple[Hashed, ...], str | None]
"""A sample with what its images tell, its requests, and why there are none."""


def bytes_of(image: Image.Image) -> bytes:
    """Return the bytes of a picture, as its own class gives them."""
    return image.tobytes()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch with the requests, or the reason why there are none, of every sample."""

    batch: Batch
    """Its samples carry what the shown images tell of them, as far as a metric asks for it."""
    asked: tuple[tuple[Hashed, ...], ...]
    """Of each sample; none where there is an error, or nothing to ask."""
    errors: tuple[str | None, ...]

    @property
    def size(self) -> int:
        """Bytes of the pictures that are shown."""
        shown = (image for asked in self.asked for request, _ in asked for image in request.images)
        return sum(image.width * image.height * len(image.getbands()) for image in shown)

    @property
    def requests(self) -> tuple[tuple[Request, ...], ...]:
        """The requests of each sample."""
        return tuple(tuple(request for request, _ in asked) for asked in self.asked)


def prepare(batch: Batch, oracle: bool) -> Prepared:
    """Load, perturb and render one batch. A sample that fails costs itself, not the batch."""
    with Patience() as patience:
        return preparing(patience, batch, oracle=oracle)()


def preparing(patience: Patience, batch: Batch, *, oracle: bool) -> Callable[[], Prepared]:
    """Begin as :func:`prepare`; return what waits for the end. A sample that takes too long fails, too."""
    begun = patience.begin(maker(batch.task, batch.cell, oracle=oracle), batch.samples)
    return lambda: put_together(batch, patience.end(begun, late))


def maker(task: Task, cell: Cell, *, oracle: bool, pixels: Pixels = bytes_of) -> Callable[[Sample], Made]:
    """Return what makes the requests of a sample of a cell; it raises nothing but what nobody can go on from.

    Args:
        task: whose cell it is.
        cell: where they are asked.
        oracle: whether a simulated adapter is told the right answers.
        pixels: gives the bytes of a picture, to whoever wants them besides.
    """
    told = of_images(name for metric in task.metrics.values() for name in (*metric.needs, *metric.wants))
    make = partial(task.requests, cell, oracle=oracle)

    def one(sample: Sample) -> Made:
        if sample.facts and (said := wrong(sample.facts)):
            return replace(sample, facts={}), (), said  # they cannot be stored
        made, said = contained(partial(make, sample), pixels=pixels)
        return shown(sample, made[0][0].images, told) if made else sample, made, said

    return one


def late(sample: Sample, said: str) -> Made:
    """Return what stands for a sample that was given up."""
    return sample, (), f"it could not be loaded and perturbed: {said}"


def put_together(batch: Batch, made: Sequence[Made]) -> Prepared:
    """Return a batch with what was made of each of its samples."""
    samples, asked, errors = zip(*made, strict=True) if made else ((), (), ())
    return Prepared(replace(batch, samples=samples), asked, errors)


def contained(
    make: Callable[[], Iterable[Request]], before: Sequence[str] = (), pixels: Pixels = bytes_of
) -> tuple[tuple[Hashed, ...], str | None]:
    """Make one sample's requests and hash them; return them, or what went wrong instead.

    Args:
        make: the task's part.
        before: the parts that the sample has already.
        pixels: gives the bytes of a picture.
    """
    try:
        made = [(request, request_hash(request, pixels)) for request in make()]
        if before or len(made) > 1:
            parts = [*before, *(request.part for request, _ in made)]
            if len(set(parts)) < len(parts):
                raise ValueError(f"two requests of the sample have one `part`: {sorted(parts)}")
    except SampleError as error:
        return (), str(error)
    except Exception as error:  # noqa: BLE001 - a plug-in's bug must cost its sample, not the run
        return (), f"{type(error).__name__}: {error}"
    return tuple(made), None


def request_hash(request: Request, pixels: Pixels = bytes_of) -> str:
    """Return a hash of all that the model sees: prompt, generation parameters, what its kind adds, and every pixel.

    Raises:
        ValueError: if it lacks something that its kind of question needs.
    """
    ask = ask_named(request.ask)
    ask.check(request)
    digest = hashlib.sha256()
    head = (request.system, request.prompt, request.generation.max_new_tokens, len(request.images))
    digest.update(repr(head).encode())
    if request.interleaved:
        digest.update(repr(request.content()).encode())
    if told := ask.told(request):
        digest.update(repr(told).encode())
    if request.generation.temperature:
        digest.update(repr(request.generation).encode())
    for image in request.images:
        digest.update(f"{image.mode} {image.size}".encode())
        digest.update(pixels(image))
        digest.update(_colours(image))
    return digest.hexdigest()


def _colours(image: Image.Image) -> bytes:
    """Return what an image's bytes mean where they are numbers of colours, not colours; nothing elsewhere."""
    if image.mode not in ("P", "PA"):
        return b""
    return repr((image.getpalette("RGBA"), image.info.get("transparency"))).encode()


def ahead(
    begin: Callable[[A], Callable[[], B]], items: Iterable[A], least: int, most: Callable[[B], int] | None = None
) -> Generator[B, None, None]:
    """Yield what comes of each of ``items`` in order, begun some items ahead of the consumer.

    What is prepared unevenly must lie ready for a while, or the consumer waits for each slow item. Each item that is
    yielded lets one more be begun than before, so that none waits for many others to be begun first.

    Args:
        begin: begins the work on one, and returns what waits for its end.
        items: what to work on.
        least: how far ahead at first, and whatever ``most`` says.
        most: how far ahead at last, given what was yielded last; ``least`` without it.

    >>> [*ahead(lambda n: lambda: n * n, range(5), 2, lambda n: 4)]
    [0, 1, 4, 9, 16]
    """
    queue: deque[Callable[[], B]] = deque()
    room = least
    for item in items:
        queue.append(begin(item))
        if len(queue) > room:
            found = queue.popleft()()
            if most is not None:
                room = max(least, min(room + 1, most(found)))
            yield found
            while len(queue) > room:  # it was told of larger ones
                yield queue.popleft()()
    while queue:
        yield queue.popleft()()
