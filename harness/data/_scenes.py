"""Scenes that are drawn: a gradient with discs that move, and what leads from one to the next."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from harness.seeds import Stream

WIDTH: Final = 96
HEIGHT: Final = 72

Transition = Literal["cut", "fade", "wipe"]
Pixels = NDArray[np.float32]
"""[HEIGHT, WIDTH, 3], 0 to 255."""

_Y, _X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)


@dataclass(frozen=True, slots=True)
class Disc:
    """A disc that crosses the picture; it leaves at one side and comes back at the other."""

    x: float
    y: float
    dx: float
    """Pixels a second."""
    dy: float
    radius: float
    color: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is seen between two transitions."""

    near: tuple[float, float, float]
    far: tuple[float, float, float]
    slope: float
    """Direction of the gradient, in radians."""
    discs: tuple[Disc, ...]

    def draw(self, seconds: float) -> Pixels:
        """Return the picture at a time."""
        along = np.cos(self.slope) * _X / WIDTH + np.sin(self.slope) * _Y / HEIGHT
        share = ((along - along.min()) / max(float(np.ptp(along)), 1e-6))[..., None]
        picture = (1 - share) * np.array(self.near, np.float32) + share * np.array(self.far, np.float32)
        for disc in self.discs:
            x = (disc.x + disc.dx * seconds) % (WIDTH + 2 * disc.radius) - disc.radius
            y = (disc.y + disc.dy * seconds) % (HEIGHT + 2 * disc.radius) - disc.radius
            picture[(_X - x) ** 2 + (_Y - y) ** 2 < disc.radius**2] = disc.color
        return np.asarray(picture, np.float32)


def draw_scene(stream: Stream) -> Scene:
    """Draw a scene at random."""

    def color() -> tuple[float, float, float]:
        return stream.uniform(10, 245), stream.uniform(10, 245), stream.uniform(10, 245)

    discs = tuple(
        Disc(
            stream.uniform(0, WIDTH),
            stream.uniform(0, HEIGHT),
            stream.uniform(-30, 30),
            stream.uniform(-20, 20),
            stream.uniform(5, 14),
            color(),
        )
        for _ in range(stream.integer(1, 4))
    )
    return Scene(color(), color(), stream.uniform(0, 6.28), discs)


def blend(before: Pixels, after: Pixels, share: float, kind: Transition) -> Pixels:
    """Return what is seen when a share of a transition is done: 0 is all of ``before``, 1 all of ``after``."""
    if kind == "fade":
        return np.asarray((1 - share) * before + share * after, np.float32)
    if kind == "wipe":
        return np.where((share * WIDTH > _X)[..., None], after, before)
    return after if share >= 1 else before
