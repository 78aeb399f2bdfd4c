"""Pictures through the vision encoder one at a time, each once: what it made of one serves every question about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from harness.adapters._pictures import PictureCache, picture_key
from harness.adapters._qwen2_vl.decoding import Graphs, Watched
from harness.adapters._qwen2_vl.images import ImageSettings, fit, rgb, to_patches
from harness.adapters._qwen2_vl.prompts import Floats, Ints, Prompt

Grid = tuple[int, int, int]
Kept = PictureCache[tuple[Grid, Floats]]
"""Of each picture its grid, and the features [tokens, hidden] that the vision encoder made of it."""


@dataclass(slots=True)
class Look:
    """A picture that a batch shows, in however many of its prompts."""

    key: bytes
    grid: Grid
    patches: Floats | None
    """None where its features were kept."""
    features: Floats | None


class Looks:
    """The pictures of one batch."""

    def __init__(self, kept: Kept, settings: ImageSettings) -> None:
        """Begin with none; ``kept`` holds what was seen before, ``settings`` say how a picture becomes patches."""
        self._kept = kept
        self._settings = settings
        self._looks: dict[bytes, Look] = {}
        self._prompt: list[Look] = []

    def begin(self) -> list[Look]:
        """Go on to the next prompt; return what its pictures will be in."""
        self._prompt = []
        return self._prompt

    def prepare(self, image: Image.Image) -> tuple[Floats, Grid]:
        """Take in a picture of the prompt; return nothing in the place of its patches, and its grid.

        Raises:
            SampleError: if it cannot be decoded or has an impossible shape.
        """
        fit(image.height, image.width, self._settings)
        shown = rgb(image)
        key = picture_key(shown)
        look = self._looks.get(key)
        if look is None:
            look = self._looks[key] = self._look(key, shown)
        self._prompt.append(look)
        return np.zeros((0, 0), np.float32), look.grid

    def _look(self, key: bytes, shown: Image.Image) -> Look:
        if known := self._kept.get(key):
            return Look(key, known[0], None, known[1])
        patches, grid = to_patches(shown, self._settings)
        return Look(key, grid, patches, None)

    def see(self, graphs: Graphs, shown: Mapping[int, Sequence[Look]]) -> dict[int, int]:
        """Let the vision encoder see what it has not seen; return of how many pictures of each prompt it had."""
        return {number: sum(self._see(graphs, look) for look in own) for number, own in shown.items()}

    def _see(self, graphs: Graphs, look: Look) -> bool:
        if look.features is not None or look.patches is None:
            return True
        look.features = apart(graphs, look.patches, look.grid)
        look.patches = None
        self._kept.put(look.key, (look.grid, look.features))
        return False


def apart(graphs: Graphs, patches: Floats, grid: Grid) -> Floats:
    """Return what the vision encoder makes of one picture by itself, [tokens, hidden]."""
    return graphs.encode_images(patches, np.array([grid], np.int64))


def seen(prompt: Prompt, looks: Sequence[Look]) -> Prompt:
    """Return a prompt with the features of its pictures in the place of patches."""
    return replace(prompt, pixel_values=tuple(look.features for look in looks if look.features is not None))


class SeenBefore(Watched):
    """Graphs for prompts that bring features in the place of patches."""

    def __init__(self, graphs: Graphs) -> None:
        super().__init__(graphs)
        self.encode_images = self._given

    @staticmethod
    def _given(pixel_values: Floats, grids: Ints) -> Floats:
        return pixel_values
