"""How long a thread holds the interpreter's lock while it prepares pictures, seen from another process.

``python -m benchmarks.lock [SECONDS]`` prints a table. A process prepares pictures in one thread; this one reads, at
random moments, the word of its memory in which CPython 3.11 says that the lock is held. Other work on the machine
takes both states alike, so that the share is one of CPU time, however busy the machine is.

Two threads that hold the lock for a share f of their work, at moments that have nothing to do with each other, take
1 + f² of the time of two processes (mean value analysis of two customers at one server).
"""

import ctypes
import math
import random
import struct
import subprocess
import sys
import time
from typing import IO, Final

from benchmarks.lanes import WORK, prepare

_HEAD: Final = 4096
_LOOKS: Final = 400


def work_for_ever(work: str) -> None:
    """What the process does that is looked at: ``idle`` and ``python`` are the two states to tell apart."""
    address = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    if work not in ("idle", "python"):
        for seed in range(20):  # textures and tables are made once
            prepare(work, seed)
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
    seed = 0
    while True:
        if work == "idle":
            time.sleep(60)
        elif work == "python":
            seed += 1
        else:
            prepare(work, seed)
            seed += 1


class Watched:
    """A process that does one kind of work, and its memory."""

    def __init__(self, work: str) -> None:
        command = [sys.executable, "-m", "benchmarks.lock", "--work", work]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self._address = int(self.process.stdout.readline())
        # It stays open as long as the process is watched, and is closed with it.
        self._memory: IO[bytes] = open(f"/proc/{self.process.pid}/mem", "rb", buffering=0)  # noqa: SIM115, PTH123

    def words(self) -> tuple[int, ...]:
        """Return the first words of the interpreter's state."""
        self._memory.seek(self._address)
        return struct.unpack(f"{_HEAD // 4}i", self._memory.read(_HEAD))

    def close(self) -> None:
        """End it."""
        self._memory.close()
        self.process.kill()
        self.process.wait()


def looks(work: str, seconds: float) -> list[tuple[int, ...]]:
    """Return the words at random moments."""
    watched = Watched(work)
    found = []
    moments = random.Random(work)  # noqa: S311 - moments
    try:
        for _ in range(_LOOKS):
            time.sleep(moments.expovariate(_LOOKS / seconds))
            found.append(watched.words())
    finally:
        watched.close()
    return found


def place_of_lock() -> int:
    """Return which word is 1 while Python code runs, and 0 while nothing does.

    Raises:
        RuntimeError: if none is, or several are: this is another version of CPython.
    """
    idle, held = looks("idle", 1), looks("python", 1)
    places = [i for i in range(_HEAD // 4) if {one[i] for one in idle} == {0} and {one[i] for one in held} == {1}]
    if len(places) != 1:
        raise RuntimeError(f"{len(places)} words look like the lock; this reads CPython 3.11")
    return places[0]


def main(seconds: float) -> None:
    """Print a row for each kind of work."""
    place = place_of_lock()
    sys.stdout.write("| work | share of the lock | two threads by two processes |\n|---|---|---|\n")
    for work in WORK:
        share = sum(one[place] for one in looks(work, seconds)) / _LOOKS
        wide = 1.96 * math.sqrt(share * (1 - share) / _LOOKS)
        sys.stdout.write(f"| {work} | {share:.2f} ± {wide:.2f} | {1 + share**2:.2f} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work_for_ever(sys.argv[2])
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
