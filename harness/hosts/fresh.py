"""What a model takes in a process of its own: time to load, memory at its peak, time of a call."""

import base64
import gc
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import import_module
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any, Final

from harness.errors import AdapterError, LateError
from harness.types import PATIENT, Adapter, Footprint, Generation, Patience, Request

_WARM: Final = 3
"""Calls before the first that is timed."""
_SEVERAL: Final = 5
"""All calls of a process together may take so many times as long as one may: a hang must not cost an hour."""

Loader = Callable[[Path, Mapping[str, Any]], Adapter]
"""Loads the adapter of a file, with values for its keys."""


def measure(
    load: Loader,
    file: Path,
    config: Mapping[str, Any],
    request: Request,
    calls: int = 0,
    patience: Patience = PATIENT,
) -> Footprint:
    """Start a process, load an adapter there, answer ``request``, and return what that took.

    Args:
        load: a function of a module, by whose name the process finds it.
        file: the adapter's file.
        config: values for its keys.
        request: with at most one image.
        calls: how often the same request is timed after that; a few calls before the first are not.
        patience: how long loading and a call may take; where several are timed, all together five times that of one.

    Raises:
        AdapterError: if the process fails.
        LateError: if it takes longer.
    """
    told = {
        "load": [load.__module__, load.__qualname__],
        "file": str(file.resolve()),
        "config": dict(config),
        "ask": request.ask,
        "prompt": request.prompt,
        "tokens": request.generation.max_new_tokens,
        "calls": calls,
        "images": [_encoded(image) for image in request.images],
    }
    command = [sys.executable, "-m", "harness.hosts.fresh"]
    limit = patience.load + patience.call * (_SEVERAL if calls else 1)
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter and a module of ours
            command, input=json.dumps(told), capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired as cause:
        raise LateError(f"{file.name} did not answer in a process of its own within {limit:g} s") from cause
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise AdapterError(f"{file.name} failed in a process of its own (exit code {done.returncode}): {said}")
    return Footprint(**json.loads(lines[-1]))


def main() -> None:
    """Read what to load from standard input; print the footprint."""
    from harness.hosts.dispatch import dispatch
    from harness.types import Status

    told = json.load(sys.stdin)
    module, name = told["load"]
    load: Loader = getattr(import_module(module), name)
    request = Request("fresh", told["prompt"], tuple(map(_decoded, told["images"])),
                      generation=Generation(told["tokens"]), ask=told["ask"])  # fmt: skip
    before = _peak_mib()
    start = time.perf_counter()
    adapter = load(Path(told["file"]), told["config"])
    loaded = time.perf_counter()
    (response,) = dispatch(adapter, [request])
    answered = time.perf_counter()
    if response.status != Status.OK:
        raise AdapterError(f"it gave no answer: {response.error}")
    # The peak is that of one answer, however many calls are timed after it.
    peak, device = _peak_mib(), _device_mib()
    wall, cpu = _timed(lambda: dispatch(adapter, [request]), told["calls"])
    found = Footprint(loaded - start, answered - loaded, before, peak, device, wall, cpu)
    print(json.dumps(asdict(found)))  # noqa: T201 - the parent reads it


def _timed(call: Callable[[], Any], calls: int) -> tuple[float, float]:
    """Return the median wall-clock and CPU milliseconds of a call."""
    if not calls:
        return math.nan, math.nan
    for _ in range(_WARM):
        call()
    gc.disable()
    times = []
    for _ in range(calls):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    gc.enable()
    walls, cpus = zip(*times, strict=True)
    return 1000 * median(walls), 1000 * median(cpus)


def _peak_mib() -> float:
    # VmHWM belongs to this program; ru_maxrss keeps the peak of whoever started it, through fork and exec.
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _device_mib() -> float | None:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.max_memory_allocated():
        return None
    return float(torch.cuda.max_memory_allocated()) / (1024 * 1024)


def _encoded(image: Any) -> str:
    from harness.images import plain

    buffer = BytesIO()
    plain(image).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _decoded(text: str) -> Any:
    from harness.images import decode

    return decode(base64.b64decode(text), "an image", formats=("PNG",))


if __name__ == "__main__":
    main()
