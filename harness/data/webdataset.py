"""Questions in WebDataset shards: members of tar files that share a key, read from front to back."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from harness.data._layout import Row
from harness.data._mapped import MappedDataset
from harness.data._parts import Part, files_under
from harness.data._shards import ShardTable
from harness.data._tables import Table
from harness.types import Sample

ENTRIES: Final = {"webdataset": "WebDataset"}

_NUMBERS: Final = re.compile(r"[-_.]?\d+$")
_OWN: Final = frozenset({"__key__", "__url__", "txt", "text", "cls", "image", "json"})
_MEMBER: Final = re.compile(r"(?:\w+\.)*(?:npy|npz|png|jpg|jpeg|webp|json|txt|cls|mp4|wav|flac|xml|html|md)")


class WebDataset(MappedDataset):
    """Shards in the form of WebDataset, `shard-000000.tar` and on; the key of a sample is its id.

    Of each sample `json` gives its keys as columns, `txt` and `cls` are columns of text, the picture is `image`, and
    other members are columns under their endings (`seg.png`): `fields: {answer: txt, tags: [cls]}`. Members that
    nothing reads are no mistake. Pickles are not opened. A shard that breaks off costs what is missing.
    """

    title: ClassVar[str] = "WebDataset"
    expects: ClassVar[str] = "tar files whose members share keys: a/0001.jpg, a/0001.json"
    optional: frozenset[str] = _OWN

    @classmethod
    def find(cls, path: Path) -> list[Part]:
        files = files_under(path, ".tar", ".tgz")
        files += [file for file in files_under(path, ".gz") if file.name.endswith(".tar.gz")]
        found: dict[str, list[Path]] = {}
        for file in sorted(files):
            stem = file.name.split(".tar")[0].split(".tgz")[0]
            found.setdefault(_NUMBERS.sub("", stem) or stem, []).append(file)
        return [Part(split, tuple(some), certainty=2) for split, some in found.items()]

    def open(self, parts: Sequence[Part]) -> Table:
        return ShardTable([file for part in parts for file in part.files])

    def samples(self, row: Row, origin: str) -> tuple[Sample, ...]:
        plain = row
        if not row.keys() <= self._known:
            plain = {name: cell for name, cell in row.items() if name in self._known or not _MEMBER.fullmatch(name)}
        return (self.mapped(plain, origin, identity=str(row["__key__"])),)
