"""Rows of a data set, as `harness data show` prints them."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from harness.data import Found
from harness.errors import HarnessError
from harness.types import Dataset, Sample

_LONGEST: Final = 300
_FEW: Final = 4


def as_data(sample: Sample) -> dict[str, Any]:
    """Return a sample as plain JSON, its images by what they are."""
    told: dict[str, Any] = {
        "id": sample.id,
        "origin": sample.origin,
        "question": sample.question,
        "answers": list(sample.references),
        "images": [picture(source) for source in sample.images],
        "cluster": sample.cluster,
        "tags": dict(sample.tags),
        "facts": dict(sample.facts),
    }
    if sample.clip is not None:
        told["clip"] = str(getattr(sample.clip, "path", ""))
    if sample.spans:
        told["spans"] = [list(span) for span in sample.spans]
    if sample.problem is not None:
        told["problem"] = sample.problem
    return told


def picture(source: Any) -> dict[str, Any]:
    """Return what an image is called and how large it is, or why it cannot be opened."""
    path = getattr(source, "path", None)
    named = {"name": path.name if isinstance(path, Path) else getattr(source, "name", "")}
    try:
        image = source.load()
    except HarnessError as cause:
        return {**named, "problem": str(cause)}
    return {**named, "width": image.width, "height": image.height, "mode": image.mode}


def first_rows(dataset: Dataset, count: int) -> list[dict[str, Any]]:
    """Return the first rows as plain JSON."""
    return [as_data(sample) for sample in islice(dataset, count)]


def layout_as_data(found: Found, keys: Mapping[str, Any], others: list[Found]) -> dict[str, Any]:
    """Return what is known of a layout."""
    official = found.official
    return {
        "type": found.type,
        "title": found.title,
        "parts": [{"config": config, "split": split} for config, split in found.splits()],
        "shown": dict(keys),
        "metrics": [] if official is None else list(official.metrics),
        "source": "" if official is None else official.source,
        "slices": [] if official is None else list(official.slices),
        "also": [one.type for one in others],
    }


def in_text(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a row."""
    yield f"{row['id']}    ({row['origin']})"
    if "problem" in row:
        yield f"  broken    {row['problem']}"
        return
    yield f"  question  {_short(row['question'])}"
    answers = row["answers"]
    more = f" … {len(answers)} in all" if len(answers) > _FEW else ""
    yield f"  answers   {' | '.join(_short(one) for one in answers[:_FEW])}{more}" if answers else "  answers   none"
    for one in row["images"]:
        size = f"{one['width']} × {one['height']} px, {one['mode']}" if "width" in one else one["problem"]
        yield f"  image     {one['name']}: {size}"
    for name in ("clip", "spans", "cluster"):
        if row.get(name):
            yield f"  {name:<9} {row[name]}"
    if row["tags"]:
        yield "  tags      " + ", ".join(f"{name}={_short(value)}" for name, value in row["tags"].items())
    for name, value in row["facts"].items():
        yield f"  {name:<9} {_short(str(value))}"


def _short(text: str) -> str:
    flat = " ⏎ ".join(text.split("\n"))
    return flat if len(flat) <= _LONGEST else f"{flat[:_LONGEST]}…"
