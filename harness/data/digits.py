"""Handwritten digits: scikit-learn's 1,797 scans of 8 × 8 pixels."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field

from harness.errors import ConfigError, Issue
from harness.extras import install
from harness.spec.models import Model
from harness.types import Sample

ENTRIES: Final = {"digits": "DigitsDataset"}

Split = Literal["train", "test", "all"]
_GREY_LEVELS: Final = 16
_TEST_ONE_IN: Final = 5


class DigitsConfig(Model):
    """Keys of a dataset of ``type: digits``; needs the extra `digits`."""

    split: Split = "all"
    """`test` is every fifth scan, `train` the others."""
    limit: int | None = Field(default=None, ge=1)
    """At most so many."""
    size: int = Field(default=112, ge=8, le=1024)
    """Side of the image in pixels; scans are enlarged without smoothing."""


@dataclass(frozen=True, slots=True)
class DigitImage:
    """One scan."""

    number: int
    size: int

    def load(self) -> Image.Image:
        """Return an RGB image, dark ink on white."""
        levels = 255 - _scans()[0][self.number] * (255.0 / _GREY_LEVELS)
        grey = Image.fromarray(levels.round().astype(np.uint8))
        return grey.resize((self.size, self.size), Image.Resampling.NEAREST).convert("RGB")


class DigitsDataset:
    """Handwritten digits, 8 × 8, of scikit-learn, labelled with the digit."""

    Config: ClassVar[type[BaseModel]] = DigitsConfig
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: DigitsConfig) -> None:
        self.config = config
        scans, labels = _scans()
        wanted = [
            i for i in range(len(scans)) if config.split == "all" or (i % _TEST_ONE_IN == 0) == (config.split == "test")
        ]
        self._numbers = wanted[: config.limit]
        self._labels = labels

    @classmethod
    def from_config(cls, config: DigitsConfig, folder: Path, roots: Sequence[Path]) -> Self:
        try:
            return cls(config)
        except ImportError as cause:
            hint = f"run `{install('digits')}`"
            raise ConfigError(
                Issue(("type",), "digits come with scikit-learn, which is not installed", hint)
            ) from cause

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Sample]:
        for number in self._numbers:
            label = str(self._labels[number])
            yield Sample(
                id=f"digit-{number:04d}",
                question="Which digit is this?",
                references=(label,),
                images=(DigitImage(number, self.config.size),),
                evidence=label,
                tags={"digit": label},
            )

    def content_hash(self) -> str:
        pixels = hashlib.sha256(_scans()[0].tobytes()).hexdigest()
        return hashlib.sha256(f"digits {pixels} {self.config.model_dump_json()}".encode()).hexdigest()


@cache
def _scans() -> tuple[NDArray[np.float64], Any]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return np.asarray(found.images, np.float64), found.target
