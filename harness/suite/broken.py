"""What cannot be read of a dataset, row by row: before a model is asked, and never as a wrong answer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.data.jsonl import JsonlConfig, JsonlDataset
from harness.errors import in_words
from harness.types import Dataset, Sample

SHOWN: Final = 20
"""Rows that a message names; it counts the others."""


@dataclass(slots=True)
class Broken:
    """Rows of one dataset, each with its place and what is wrong with it."""

    dataset: str
    rows: list[str] = field(default_factory=list)

    def told(self, what: str, most: int | None = SHOWN) -> str:
        """Return them as a headline that ends in ``what``, and a line each."""
        count = len(self.rows)
        shown = self.rows[:most]
        more = [f"… and {count - len(shown):,} more"] if count > len(shown) else []
        head = f"{count:,} row{'s' if count != 1 else ''} of the dataset {self.dataset!r} {what}"
        return "\n  ".join([head, *shown, *more])


class Reader:
    """Looks at the samples of one dataset as they come by."""

    def __init__(self, name: str, dataset: Dataset, media: bool) -> None:
        """Look.

        Args:
            name: of the dataset.
            dataset: what is read.
            media: whether to open images and clips as well.
        """
        self.dataset = dataset
        self.strict = getattr(dataset, "on_broken", None) == "refuse"
        """Whether a run refuses rows that are broken; a dataset of a plug-in need not say so."""
        self.broken = Broken(name)
        self.unopened = Broken(name)
        """Rows with an image or a clip that cannot be opened."""
        self._media = media
        self._opened: dict[str, str] = {}

    @property
    def skipped(self) -> str:
        """How many rows the dataset left out because they are broken, as a sentence; nothing where there are none."""
        count, first = getattr(self.dataset, "skipped", None) or (0, "")
        rows = f"{count:,} broken row{'s were' if count != 1 else ' was'}"
        return f"{rows} left out (`on_broken: skip`); first {first}" if count else ""

    def see(self, sample: Sample) -> None:
        """Take note of a sample."""
        if sample.problem is not None:
            if self.strict:
                self.broken.rows.append(placed(sample, sample.problem))
        elif self._media:
            self.unopened.rows += [placed(sample, said) for said in self._faults(sample)]

    def _faults(self, sample: Sample) -> Iterator[str]:
        """Yield why images or the clip cannot be opened; each file is opened once, however many rows show it."""
        opens: list[tuple[object, Callable[[], object]]] = [(source, source.load) for source in sample.images]
        opens += [(sample.clip, sample.clip.fetch)] if sample.clip else []
        for source, opened in opens:
            name = repr(source) if hasattr(source, "path") else ""
            said = self._opened[name] if name in self._opened else _fault(opened)
            if name:
                self._opened[name] = said
            if said:
                yield said


def read_file(path: Path, roots: Sequence[Path] = ()) -> tuple[int, Reader]:
    """Read all rows of a file of ``type: jsonl`` and open their images; return how many there are, and what was seen.

    Raises:
        ConfigError: if there is no such file, or nothing in it.
    """
    folder = path.resolve().parent
    dataset = JsonlDataset.from_config(JsonlConfig(path=path.name), folder, (folder, *roots))
    reader = Reader(path.name, dataset, media=True)
    for sample in dataset:
        reader.see(sample)
    return len(dataset), reader


def placed(sample: Sample, said: str) -> str:
    """Return a complaint with the place of its row before it."""
    line = " ".join(said.split())
    place = sample.origin or f"sample {sample.id!r}"
    return line if line.startswith(place) else f"{place}: {line}" if line else place


def _fault(opened: Callable[[], object]) -> str:
    try:
        opened()
    except Exception as cause:  # noqa: BLE001 - a plug-in's source may raise anything
        return in_words(cause)
    return ""
