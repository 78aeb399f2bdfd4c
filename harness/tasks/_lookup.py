"""Find what a task refers to, or say what is wrong with the reference."""

from collections.abc import Mapping

from PIL import Image

from harness.errors import Issue, SampleError, did_you_mean
from harness.images import pictures
from harness.types import Dataset, Sample

Key = tuple[str | int, ...]
"""Where in the task's block something is named."""


def find_dataset(name: str, datasets: Mapping[str, Dataset], key: Key, issues: list[Issue]) -> Dataset | None:
    """Return the dataset of that name; where there is none, add to the issues that ``key`` leads nowhere."""
    if name not in datasets:
        issues.append(Issue(key, f"no dataset is called {name!r}", did_you_mean(name, datasets)))
    return datasets.get(name)


def one_image(sample: Sample) -> Image.Image:
    """Return the only image of a sample, for what looks at one.

    Raises:
        SampleError: if it cannot be used, or has none or several.
    """
    if sample.problem is not None:
        raise SampleError(sample.problem)
    if len(sample.images) != 1:
        raise SampleError(f"a detector looks at one image; this sample has {len(sample.images)}")
    return pictures(sample.images)[0]
