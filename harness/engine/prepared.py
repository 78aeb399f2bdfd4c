"""What the process does that prepares: it makes the run's tasks anew, and sends requests with their pixels."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from PIL import Image

from harness.engine.manifest import Manifest
from harness.engine.plan import Plan
from harness.engine.prepare import Hashed, Made, maker
from harness.errors import in_words
from harness.hosts.apart import Link
from harness.hosts.freed import keep_freed
from harness.hosts.parcels import FULL, Arena, Parcel, pack
from harness.suite.bind import Suite
from harness.types import Sample

BETWEEN: Final = "between samples"
"""What the process says that it does when it loads no sample."""

_KEPT: Final = 512 << 20
"""Bytes that it keeps of those that it freed, 512 MiB: of a picture of 640 × 640 seven hundred pages were else given
back and taken anew, two fifths of the CPU time of decoding it; with a quarter of it, they still were."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What it must know at first."""

    manifest: str
    oracle: bool
    """Whether the run's model is a simulation, which may be told the answers."""
    arena: int | None
    """Descriptor of the memory for pixels."""


@dataclass(frozen=True, slots=True)
class Order:
    """Samples of one cell to prepare."""

    task: str
    cell: str
    places: Mapping[int, int]
    """Of each sample: which it is in its batch, and its position in the cell."""
    mark: bytes
    """Of the samples, as whoever wants them knows them."""


@dataclass(frozen=True, slots=True)
class Some:
    """A message with some of what was ordered."""

    parcels: Mapping[int, Parcel | None]
    """By place in the batch, a :data:`Sent`; None for a sample that cannot be sent, or is another one here."""
    last: bool
    seconds: float
    """Wall-clock time since the message before."""
    cpu: float
    """CPU time since the message before."""


Sent = tuple[Mapping[str, Any] | None, tuple[Hashed, ...], str | None]
"""Of a sample its facts where its images tell more of them, its requests, and why there are none."""


def mark_of(samples: Sequence[Sample]) -> bytes:
    """Return what tells samples from others, or from the same with other words."""
    told = [
        (
            one.id,
            one.question,
            one.references,
            one.evidence,
            one.problem,
            len(one.images),
            one.spans,
            one.tags,
            one.facts,
        )
        for one in samples
    ]
    return hashlib.blake2b(repr(told).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def main(link: Link) -> None:
    """Prepare what is ordered until told to end.

    It is sent a :class:`Setup`, and then orders. It sends ``ready`` or ``refused``, with its CPU seconds or why, and
    then :class:`Some` of each order until the last of it; None when it comes to the last sample, and wants another
    order.
    """
    keep_freed(_KEPT)
    link.say("data", "reading the suite")
    try:
        setup: Setup = link.receive()
        manifest = Manifest.model_validate_json(setup.manifest)
        suite = manifest.load_suite()
        arena = None if setup.arena is None else Arena(setup.arena)
        bench = _Bench(link, suite, manifest.plan(suite), arena, oracle=setup.oracle)
    except Exception as error:  # noqa: BLE001 - it is prepared where the run is, then
        link.send(("refused", in_words(error)))
        return
    link.say("", BETWEEN)
    link.send(("ready", time.process_time()))
    while (order := link.receive()) is not None:
        bench.fill(order)


class _Bench:
    """Where orders are filled, one after another."""

    def __init__(self, link: Link, suite: Suite, plan: Plan, arena: Arena | None, *, oracle: bool) -> None:
        self._link = link
        self._suite = suite
        self._plan = plan
        self._arena = arena
        self._oracle = oracle
        self._rows: _Rows | None = None
        self._parcels: dict[int, Parcel | None] = {}
        self._pixels: dict[int, bytes] = {}
        """Of the sample that is prepared, by identity of its pictures."""
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def fill(self, order: Order) -> None:
        """Prepare the samples of an order and send them, those of 8 MiB of pixels at a time."""
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        self._link.say("data", BETWEEN)
        final = max(order.places, default=-1)
        for place, sample in zip(order.places, self._samples(order), strict=True):
            if place == final:
                self._link.send(None)
            self._link.say("data", str(place))
            self._parcels[place] = None if sample is None else self._packed(sample)
            if self._arena is not None and self._arena.held > FULL:
                self._send(last=False)
        self._send(last=True)

    def _samples(self, order: Order) -> Sequence[Sample | None]:
        """Return the samples of an order; none where they are others here."""
        try:
            if self._rows is None or self._rows.of != (order.task, order.cell):
                self._rows = self._opened(order.task, order.cell)
            samples = [self._rows.at(position) for position in order.places.values()]
        except Exception:  # noqa: BLE001 - a plug-in's data may fail here, and not there
            self._rows = None
            return [None] * len(order.places)
        return samples if mark_of(samples) == order.mark else [None] * len(samples)

    def _opened(self, name: str, cell_id: str) -> "_Rows":
        task = self._suite.tasks[name]
        cell = next(cell for cell in task.cells() if cell.id == cell_id)
        one = maker(task, cell, oracle=self._oracle, pixels=self._bytes)
        return _Rows((name, cell_id), lambda: self._plan.samples(task, cell), one)

    def _packed(self, sample: Sample) -> Parcel | None:
        assert self._rows is not None  # noqa: S101 - it is where the sample came from
        told, asked, said = self._rows.one(sample)
        sent: Sent = None if told.facts is sample.facts else told.facts, asked, said
        try:
            return pack(sent, self._arena, self._pixels)
        except Exception:  # noqa: BLE001 - what cannot be sent is made again where it is wanted
            return None
        finally:
            self._pixels.clear()

    def _bytes(self, image: Image.Image) -> bytes:
        """Return a picture's bytes, and keep them until its sample is packed: they are hashed, and then sent."""
        if id(image) not in self._pixels:
            self._pixels[id(image)] = image.tobytes()
        return self._pixels[id(image)]

    def _send(self, *, last: bool) -> None:
        self._link.say("", BETWEEN)  # whoever reads may be slow
        wall, cpu = time.perf_counter(), time.process_time()
        self._link.send(Some(self._parcels, last, wall - self._wall, cpu - self._cpu))
        self._wall, self._cpu = wall, cpu
        self._parcels = {}
        if self._arena is not None:
            self._arena.turn()


class _Rows:
    """The samples of one cell, which are read in their order as far as they are wanted."""

    def __init__(
        self, of: tuple[str, str], read: Callable[[], Iterator[Sample]], one: Callable[[Sample], Made]
    ) -> None:
        self.of = of
        self.one = one
        """What prepares one of them."""
        self._read = read
        self._iterator = read()
        self._next = 0

    def at(self, position: int) -> Sample:
        """Return the sample at a position.

        Raises:
            StopIteration: if there are not so many.
        """
        if position < self._next:
            self._iterator, self._next = self._read(), 0
        found = next(islice(self._iterator, position - self._next, None))
        self._next = position + 1
        return found
