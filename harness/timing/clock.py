"""Time one call after another, sides taking turns in random order."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from harness.errors import AdapterError, in_words
from harness.seeds import Stream
from harness.timing.energy import Meter

_EMPTY_CALLS: Final = 2000


@dataclass(frozen=True, slots=True)
class Timed:
    """One call."""

    round: int
    side: int
    wall: float
    """Milliseconds on the wall clock."""
    cpu: float
    """Milliseconds of CPU of all threads of this process."""
    energy: float
    """Millijoules of the whole package meanwhile; NaN where the machine does not tell."""
    answer: Any
    error: str | None = None


Call = Callable[[int], Callable[[], Any]]
"""Prepares a round's call, untimed, and returns what to time."""


FAULTS: Final = (Exception, SystemExit)
"""What a call may raise and be an observation all the same: a model's ``exit()`` is no wish of the user's."""


def _quiet(side: int) -> None:
    """Hear nothing."""


def interleaved(
    sides: Sequence[Call],
    rounds: int,
    warmup: int,
    seed: int,
    meter: Meter,
    begin: Callable[[int], None] = _quiet,
) -> Iterator[Timed]:
    """Time ``rounds`` calls of every side.

    In each round every side is called once, in a random order drawn from ``seed``. Whenever the side
    changes, its call is made once untimed before, so that caches hold what they hold in steady use: what
    is compared is the models and not who ran last. The collector of garbage rests meanwhile. A call that
    fails, or cannot be prepared, is an observation with its reason.

    Args:
        sides: what takes turns.
        rounds: timed calls of each.
        warmup: untimed calls of each before them.
        seed: of the order.
        meter: of energy.
        begin: hears before every call, timed or not, which side it is of; not within the time.

    Raises:
        AdapterError: if a side says while preparing that it can do nothing of the kind.
    """
    order = Stream("latency", seed)
    for number in range(warmup):
        for side, prepare in enumerate(sides):
            call = _prepared(prepare, number)
            begin(side)
            _attempt(call)
    last = -1
    for number in range(rounds):
        for side in order.shuffled(range(len(sides))):
            call = _prepared(sides[side], number)
            if side != last:
                begin(side)
                _attempt(call)
                last = side
            begin(side)
            with _no_collection():
                yield _timed(call, number, side, meter)


def _prepared(prepare: Call, number: int) -> Callable[[], Any]:
    """Return the call to time; where it cannot be prepared, one that fails with the reason."""
    try:
        return prepare(number)
    except AdapterError:
        raise
    except FAULTS as cause:  # what one input does to a model must not end the measurement
        failure = cause

    def fail() -> None:
        raise failure

    return fail


def _timed(call: Callable[[], Any], number: int, side: int, meter: Meter) -> Timed:
    error = None
    before = meter.read()
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    try:
        answer = call()
    except FAULTS as cause:  # a failed call is an observation with its reason
        answer, error = None, in_words(cause)
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    return Timed(number, side, wall / 1e6, cpu / 1e6, meter.since(before), answer, error)


def _attempt(call: Callable[[], Any]) -> None:
    with suppress(*FAULTS):  # the timed call will say it
        call()


@contextmanager
def _no_collection() -> Iterator[None]:
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def overhead() -> float:
    """Return what the protocol adds to a timed call, in milliseconds of CPU: the median over empty calls."""
    meter = Meter(None)
    found = sorted(_timed(_nothing, 0, 0, meter).cpu for _ in range(_EMPTY_CALLS))
    return found[_EMPTY_CALLS // 2]


def _nothing() -> None:
    return None
