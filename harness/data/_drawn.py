"""What all datasets have in common whose samples are drawn from a seed."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel

from harness.types import Sample


class Limited(Protocol):
    """A configuration that says how many samples there are."""

    @property
    def limit(self) -> int: ...

    def model_dump_json(self) -> str: ...


ConfigT = TypeVar("ConfigT", bound=Limited)


class DrawnDataset(ABC, Generic[ConfigT]):
    """As many samples as the configuration says, each a pure function of it and of the sample's place."""

    Config: ClassVar[type[BaseModel]]
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    @abstractmethod
    def version(self) -> str:
        """Return what changes whenever the same configuration gives other samples."""

    @abstractmethod
    def sample(self, index: int) -> Sample:
        """Return the sample at a place, from 0."""

    def __len__(self) -> int:
        return self.config.limit

    def __iter__(self) -> Iterator[Sample]:
        return map(self.sample, range(self.config.limit))

    def content_hash(self) -> str:
        """Return a hash of what is drawn; the bytes of an encode belong to its encoder and are left out."""
        return hashlib.sha256(f"{self.version()} {self.config.model_dump_json()}".encode()).hexdigest()
