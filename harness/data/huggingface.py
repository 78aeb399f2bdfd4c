"""Questions in a data set of the Hugging Face Hub or its cache, read through `datasets`; columns named by the suite."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, Field

from harness.data._arrow import Columns
from harness.data._images import confine
from harness.data._mapped import MappedConfig, MappedDataset
from harness.data._parts import Part
from harness.data._tables import Placed, Table
from harness.errors import ConfigError, Issue, in_words
from harness.extras import install

ENTRIES: Final = {"huggingface": "HuggingFaceDataset"}

_BATCH: Final = 64


class HuggingFaceConfig(MappedConfig):
    """Keys of a dataset of ``type: huggingface``."""

    path: str
    """A name of the Hub (`lmms-lab/ChartQA`), or a folder that `datasets` can load, relative to the suite."""
    revision: str | None = Field(default=None, pattern="[0-9A-Za-z._/-]+")
    """Of a name of the Hub: the commit or tag. Without it the newest, which is another one tomorrow."""
    split: str = "test"
    """Which split."""


class HuggingFaceDataset(MappedDataset):
    """A data set as `datasets` loads it, which needs the extra `huggingface`; nothing of it is run.

    What is cached is read without a network (`HF_HUB_OFFLINE=1`). Images come as files' bytes and are decoded as
    everywhere else; classes by their names.
    """

    Config: ClassVar[type[BaseModel]] = HuggingFaceConfig
    title: ClassVar[str] = "a data set of the Hub"

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        return []

    @classmethod
    def opened(cls, config: Any, folder: Path, roots: Sequence[Path]) -> Self:
        try:
            import datasets  # noqa: F401
        except ImportError as cause:
            hint = f"{install('huggingface')}; files on disk are read without it, as `type: parquet`"
            raise ConfigError(Issue(("type",), "the library `datasets` is not installed", hint)) from cause
        try:
            local = folder / config.path
            place = confine(local, tuple(roots)) if local.exists() else folder
            return cls(config, place, [Part(config.split, ())], tuple(roots))
        except ConfigError:
            raise
        except Exception as cause:  # the library raises what its many sources raise
            said = f"{config.path!r} cannot be loaded: {in_words(cause)}"
            raise ConfigError(Issue(("path",), said)) from cause

    def open(self, parts: Sequence[Part]) -> Table:
        import datasets

        datasets.disable_progress_bars()
        local = self.path.name == Path(self.config.path).name
        name = str(self.path) if local else self.config.path
        found = datasets.load_dataset(name, self.config.config, split=self.config.split, revision=self.config.revision)
        table = _Loaded(found, Path(name).name)
        self.columns_known(table.columns, self.config.path)
        return table


class _Loaded(Table):
    """The Arrow table behind a loaded data set, read batch by batch."""

    files: tuple[Path, ...] = ()

    def __init__(self, found: Any, name: str) -> None:
        self._found, self._name = found.with_format("arrow"), name
        self.columns: tuple[str, ...] = tuple(found.column_names)
        self._features: Mapping[str, Any] = found.features.to_dict()

    def __len__(self) -> int:
        return int(self._found.num_rows)

    def rows(self, *, light: bool = False) -> Iterator[Placed]:
        schema = self._found.features.arrow_schema
        reading, number = Columns(schema, self._features, light), 0
        for batch in self._found.iter(batch_size=_BATCH):
            for row in reading.plain(batch):
                yield Placed(f"{self._name}[{number}]", row)
                number += 1
