"""What public sets of questions about videos share: where the clips lie."""

from typing import ClassVar

from pydantic import BaseModel

from harness.data._clips import FileClip
from harness.data._layout import FilesDataset, LayoutConfig


class ClipsConfig(LayoutConfig):
    """Keys of a public data set of clips."""

    clips: str | None = None
    """The folder of the clips, relative to `path`, where it is not the usual one."""
    suffix: str | None = None
    """What follows a clip's name to make its file's, where it is not the usual ending."""


class ClipSet(FilesDataset):
    """A public data set of clips."""

    Config: ClassVar[type[BaseModel]] = ClipsConfig
    folders: ClassVar[tuple[str, ...]] = ("data", "videos", "video")
    """Where clips lie, as a rule."""
    suffix: ClassVar[str] = ".mp4"

    def clip(self, name: str) -> FileClip:
        """Return a clip by the name that the annotations give it."""
        top = self.path if self.path.is_dir() else self.path.parent
        ending = self.suffix if self.config.suffix is None else self.config.suffix
        if name.endswith((".mp4", ".webm", ".mkv", ".avi", ".gif")):
            ending = ""
        folders = (self.config.clips,) if self.config.clips is not None else (*self.folders, "")
        places = [top / folder / f"{name}{ending}" for folder in folders]
        return FileClip(next((place for place in places if place.exists()), places[0]), self.roots)
