"""Models that find shapes by their colour, and others that do so badly: what tests of boxes share."""

import json
import re
from collections.abc import Sequence

import numpy as np
from PIL import Image

from harness.data.shapes import PALETTE
from harness.types import Request, Response
from tests.doubles import Double

Box = list[float]


class Finder(Double):
    """Knows where the pixels of a colour are, and answers with the box round all of them, in pixels."""

    simulated = False
    capabilities = frozenset({"generate", "ground"})

    def find(self, image: Image.Image, colour: str) -> Box | None:
        pixels = np.asarray(image.convert("RGB"), float)
        ys, xs = np.nonzero(np.abs(pixels - PALETTE[colour]).sum(axis=2) < 10)
        if not len(xs):
            return None
        return self.place([float(xs.min()), float(ys.min()), float(xs.max()) + 1, float(ys.max()) + 1], image.size)

    def place(self, box: Box, size: tuple[int, int]) -> Box:
        """Return the box as it is answered."""
        return box

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [Response(self.say(one.prompt, one.images[0] if one.images else None)) for one in requests]

    def say(self, prompt: str, image: Image.Image | None) -> str:
        colour = next(name for name in PALETTE if re.search(rf"\b{name}\b", prompt))
        box = self.find(image, colour) if image else None
        return "none" if box is None else str(box)

    def ground(self, images: Sequence[Image.Image], phrases: Sequence[str]) -> list[np.ndarray]:
        found = [self.find(image, phrase) for image, phrase in zip(images, phrases, strict=True)]
        return [np.array([] if box is None else box, np.float32).reshape(-1, 4) for box in found]


class Shifted(Finder):
    """Off by half of the box's width."""

    def place(self, box: Box, size: tuple[int, int]) -> Box:
        by = (box[2] - box[0]) * 0.55
        return [box[0] + by, box[1], box[2] + by, box[3]]


class Swapped(Finder):
    """Says y before x."""

    def place(self, box: Box, size: tuple[int, int]) -> Box:
        return [box[1], box[0], box[3], box[2]]


class Thousandths(Finder):
    """Writes thousandths of the picture."""

    def place(self, box: Box, size: tuple[int, int]) -> Box:
        return [round(side * 1000 / size[at % 2]) for at, side in enumerate(box)]


class Small(Finder):
    """Answers in pixels of the picture as it sees it, a third as wide and high."""

    def place(self, box: Box, size: tuple[int, int]) -> Box:
        return [round(side / 3, 2) for side in box]


class Centre(Finder):
    """Always means the middle of the picture."""

    def find(self, image: Image.Image, colour: str) -> Box | None:
        width, height = image.size
        return [width * 0.3, height * 0.3, width * 0.7, height * 0.7]


class Left(Finder):
    """Always means the left half."""

    def find(self, image: Image.Image, colour: str) -> Box | None:
        return [0.0, 0.0, image.width / 2, float(image.height)]


class Pointer(Finder):
    """Answers with the middle of the box."""

    def place(self, box: Box, size: tuple[int, int]) -> Box:
        return [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]


class LeftSighted(Finder):
    """Does not see what is in the right half, and names a corner for it."""

    def find(self, image: Image.Image, colour: str) -> Box | None:
        box = super().find(image, colour)
        return [4.0, 4.0, 12.0, 12.0] if box and box[0] + box[2] > image.width else box


class NeverThere(Finder):
    """Says that nothing is there."""

    def find(self, image: Image.Image, colour: str) -> Box | None:
        return None


class Detector(Finder):
    """Lists the box of every colour that is asked for, as JSON, surer of larger ones."""

    def say(self, prompt: str, image: Image.Image | None) -> str:
        asked = [name for name in PALETTE if re.search(rf"\b{name}\b", prompt)]
        found = {name: self.find(image, name) for name in asked} if image else {}
        return json.dumps([{"label": name, "box": box, "score": 0.9} for name, box in found.items() if box])


class Confused(Detector):
    """Takes red for blue and blue for red."""

    def find(self, image: Image.Image, colour: str) -> Box | None:
        return super().find(image, {"red": "blue", "blue": "red"}.get(colour, colour))


class Everywhere(Detector):
    """Sees everything everywhere."""

    def find(self, image: Image.Image, colour: str) -> Box | None:
        return super().find(image, colour) or [10.0, 10.0, 40.0, 40.0]


class OffDetector(Shifted, Detector):
    """Finds everything, half of a width too far to the right."""


class PerMilleDetector(Thousandths, Detector):
    """Finds everything, in thousandths of the picture."""
