"""In which size a task sends its pictures."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import Issue
from harness.images import fitted
from harness.metrics import SampleMetric
from harness.spec.models import ImagePolicy

if TYPE_CHECKING:
    from PIL import Image


def sized(images: "Sequence[Image.Image]", policy: ImagePolicy | None) -> "tuple[Image.Image, ...]":
    """Return pictures as they are sent: those that keep the limits are the very same."""
    if policy is None or not policy.limits:
        return tuple(images)
    return tuple(fitted(image, policy.max_pixels, policy.longest_side, policy.resample) for image in images)


def stated_images(policy: ImagePolicy | None) -> dict[str, Any]:
    """Return what a task's description says of sizes: nothing without limits, so that earlier runs stay comparable."""
    return {"images": policy.model_dump(mode="json")} if policy is not None and policy.limits else {}


def misplaced_boxes(policy: ImagePolicy | None, metrics: Mapping[str, SampleMetric]) -> Iterator[Issue]:
    """Yield that limits do not go with metrics that compare places: references count the pixels of the file."""
    if policy is None or not policy.limits:
        return
    for label, metric in metrics.items():
        if "size" in (*metric.needs, *metric.wants):
            said = (
                f"{label} compares places, which references tell in pixels of the picture as it lies, not as it is sent"
            )
            yield Issue(("images",), said, "limit sizes in the adapter's file, whose model answers in its own frame")
