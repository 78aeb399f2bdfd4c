"""What every contestant is measured by. Imported by programs of other environments: nothing but the standard library.

The model's own `generate` is watched, since all of them end there: what it takes is the model's, the rest their own.
"""

import json
import resource
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import PackageNotFoundError, version
from typing import Any

STARTED = time.perf_counter()


class Watch:
    """Clocks around `transformers`' `generate`."""

    def __init__(self) -> None:
        self.calls = 0
        self.inside = 0.0
        self.first: tuple[float, float] | None = None
        self.measured: dict[str, float] = {}
        self.stages: dict[str, float] = {}
        """CPU seconds by stage, of all threads; what a stage calls that is another's is that one's."""
        self._within = threading.local()
        self._adding = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the CPU time that this thread takes in the block."""
        outer: list[float] = self._within.__dict__.setdefault("open", [])
        outer.append(0.0)
        start = time.thread_time()
        try:
            yield
        finally:
            taken = time.thread_time() - start
            inner = outer.pop()
            if outer:
                outer[-1] += taken
            with self._adding:
                self.stages[name] = self.stages.get(name, 0.0) + taken - inner

    def count(self, owner: Any, name: str, stage: str) -> None:
        """Count all calls of a function, or of a method of a class, towards a stage."""
        watched = getattr(owner, name)

        @wraps(watched)
        def counted(*args: Any, **kwargs: Any) -> Any:
            with self.stage(stage):
                return watched(*args, **kwargs)

        setattr(owner, name, counted)

    def begin(self) -> None:
        """Put the clocks in place; `transformers` is imported by this."""
        from transformers.generation import utils

        watched = utils.GenerationMixin.generate

        def generate(*args: Any, **kwargs: Any) -> Any:
            before = time.process_time()
            try:
                return watched(*args, **kwargs)
            finally:
                self.inside += time.process_time() - before
                self.calls += 1
                self.first = self.first or (time.process_time(), time.perf_counter() - STARTED)

        utils.GenerationMixin.generate = generate
        self.stages["start"] = time.process_time()

    def end(self) -> None:
        """Stop the clocks: all is answered and saved, and what follows only tells of it."""
        assert self.first, "the model was never asked"
        self.measured = {
            "cpu": time.process_time(),
            "wall": time.perf_counter() - STARTED,
            "first_cpu": self.first[0],
            "first_wall": self.first[1],
            "in_model": self.inside,
            "calls": self.calls,
            "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
        self.stages["rest"] = self.measured["cpu"] - sum(self.stages.values())

    def tell(self, answers: Mapping[str, str], *packages: str) -> None:
        """Print what was measured, what was answered and with which versions, as the last line."""
        versions = {name: _version(name) for name in (*packages, "torchvision")}
        told = {**self.measured, "stages": self.stages, "answers": dict(answers), "versions": versions}
        sys.stdout.write("\n" + json.dumps(told) + "\n")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def without_compiled_torchvision() -> None:
    """Declare the operators whose absence makes torchvision refuse to load beside a torch that it was not built for.

    None of them is called: the processors need its transforms alone.
    """
    from importlib.util import find_spec

    if find_spec("torchvision") is None:
        return
    import torch

    try:
        import torchvision  # noqa: F401 - one that was built for this torch needs nothing
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]  # half imported


_KEPT: list[Any] = []
