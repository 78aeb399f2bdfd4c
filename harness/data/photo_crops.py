"""Seeded crops of the photographs that scikit-image and scikit-learn carry, with what ImageNet calls them."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final, Self

from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue, SampleError
from harness.spec.models import Model
from harness.types import Sample
from harness.zoo.photographs import CROPS_VERSION, Part, crops

ENTRIES: Final = {"photo_crops": "PhotoCrops"}


class PhotoCropsConfig(Model):
    """Keys of a dataset of ``type: photo_crops``."""

    split: Part = "evaluation"
    """`evaluation` or `calibration`: no photograph is in both."""
    limit: int = Field(default=210, ge=1, le=100_000)
    """How many crops; the photographs take turns."""
    area: tuple[float, float] = Field(default=(0.35, 1.0), strict=False)
    """The smallest and the largest share of a photograph's area."""
    labelled: bool = True
    """Only photographs that show something of ImageNet's 1,000 classes."""
    seed: int = Field(default=0, ge=0, lt=1 << 63)
    """Another seed, other crops."""


class PhotoCrops:
    """Real photographs, few of them: crops of one share a cluster, since they are not independent."""

    Config: ClassVar[type[BaseModel]] = PhotoCropsConfig
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: PhotoCropsConfig) -> None:
        self._config = config
        self._crops = crops(config.split, config.limit, config.seed, config.area, config.labelled)

    @classmethod
    def from_config(cls, config: PhotoCropsConfig, folder: Path, roots: Sequence[Path]) -> Self:
        if not 0 < config.area[0] <= config.area[1] <= 1:
            raise ConfigError(Issue(("area",), "two shares in (0, 1], the smaller one first"))
        if config.labelled and config.split == "calibration":
            raise ConfigError(
                Issue(("split",), "the photographs for calibration have no labels", "set `labelled: false`")
            )
        made = cls(config)
        for photograph in {crop.photograph for crop in made._crops}:
            try:
                photograph.path()
            except SampleError as cause:
                raise ConfigError(Issue((), str(cause))) from cause
        return made

    def __len__(self) -> int:
        return len(self._crops)

    def __iter__(self) -> Iterator[Sample]:
        for crop in self._crops:
            name = crop.photograph.name
            yield Sample(
                id=f"{name}-{crop.number:05d}",
                question="What is in the picture?",
                references=crop.photograph.labels,
                images=(crop,),
                cluster=name,
                tags={"photograph": name},
            )

    def content_hash(self) -> str:
        content = f"photo crops {CROPS_VERSION} {self._config.model_dump_json()}"
        return hashlib.sha256(content.encode()).hexdigest()
