"""The processes that worked on a run, as its store remembers them; a killed one is known up to its last batch."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harness import __version__
from harness.record.lineage import command, commit, machine
from harness.record.schema import PicturesRecord, SessionRecord
from harness.record.store import ResponseStore

_COUNT: Final = "sessions"
_REVISION: Final = "revision"


@dataclass(frozen=True, slots=True)
class Session:
    """One process's part in a run."""

    record: SessionRecord
    workers: int


@dataclass(slots=True)
class Clock:
    """Takes the time of this process's part in a run."""

    number: int
    timings: dict[str, float]
    cached: int = 0
    """Answers that were taken from the cache."""
    shown: int = 0
    """Images of answers whose adapter tells which it had seen before."""
    reused: int = 0
    """Of those, how many it had."""
    elsewhere: float = 0.0
    """CPU seconds of the processes that prepared samples."""
    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default_factory=time.process_time)

    def note(self) -> Mapping[str, str]:
        """Return what to remember beside the next batch."""
        told = {
            "seconds": time.perf_counter() - self._wall,
            "cpu_seconds": time.process_time() - self._cpu + self.elsewhere,
            "timings": self.timings,
            "cached": self.cached,
            "shown": self.shown,
            "reused": self.reused,
        }
        return {f"clock/{self.number}": json.dumps(told)}


def begin_revision(store: ResponseStore) -> None:
    """Note that failed samples of a complete run are asked again."""
    store.remember({_REVISION: str(read_revision(store) + 1)})


def read_revision(store: ResponseStore) -> int:
    """Return how often that was done."""
    return int(store.recall(_REVISION) or 0)


def begin_session(store: ResponseStore, workers: int, asked_again: int = 0) -> Clock:
    """Write this process into the store."""
    number = int(store.recall(_COUNT) or 0) + 1
    git = commit(Path.cwd())
    told = {
        "started": datetime.now(UTC).isoformat(),
        "command": command(),
        "harness_version": __version__,
        "machine": machine().model_dump(mode="json"),
        "git": git.model_dump(mode="json") if git else None,
        "workers": workers,
        "asked_again": asked_again,
    }
    clock = Clock(number, {})
    store.remember({_COUNT: str(number), f"session/{number}": json.dumps(told), **clock.note()})
    return clock


def forget_sessions(store: ResponseStore) -> None:
    """Start counting anew."""
    store.remember({_COUNT: "0"})


def read_sessions(store: ResponseStore) -> list[Session]:
    """Return all sessions, the oldest first."""
    found = []
    for number in range(1, int(store.recall(_COUNT) or 0) + 1):
        told = json.loads(store.recall(f"session/{number}") or "{}")
        workers = told.pop("workers")
        times = _clock(store, number)
        record = SessionRecord.model_validate_json(
            json.dumps(told | {"seconds": times["seconds"], "cpu_seconds": times["cpu_seconds"]})
        )
        found.append(Session(record, workers))
    return found


def read_timings(store: ResponseStore) -> dict[str, float]:
    """Return the seconds of each stage, summed over the sessions."""
    total: dict[str, float] = {}
    for number in range(1, int(store.recall(_COUNT) or 0) + 1):
        for stage, seconds in _clock(store, number)["timings"].items():
            total[stage] = total.get(stage, 0.0) + seconds
    return total


def read_cached(store: ResponseStore) -> int:
    """Return how many answers came from the cache."""
    return sum(int(_clock(store, number)["cached"]) for number in range(1, int(store.recall(_COUNT) or 0) + 1))


def read_pictures(store: ResponseStore) -> PicturesRecord | None:
    """Return how many pictures the model was shown, and how many again; None where its adapter does not tell."""
    clocks = [_clock(store, number) for number in range(1, int(store.recall(_COUNT) or 0) + 1)]
    shown, reused = (sum(int(one.get(name, 0)) for one in clocks) for name in ("shown", "reused"))
    return PicturesRecord(shown=shown, reused=reused) if shown else None


def copy_sessions(source: ResponseStore, target: ResponseStore) -> None:
    """Append the sessions of one store to those of another."""
    before = int(target.recall(_COUNT) or 0)
    own = int(source.recall(_COUNT) or 0)
    facts = {_COUNT: str(before + own)}
    for number in range(1, own + 1):
        for kind in ("session", "clock"):
            facts[f"{kind}/{before + number}"] = source.recall(f"{kind}/{number}") or "{}"
    target.remember(facts)


def _clock(store: ResponseStore, number: int) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(store.recall(f"clock/{number}") or "{}")
    return told
