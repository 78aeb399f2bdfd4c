"""What an adapter makes of one request on the way to its answer, stage by stage, for whoever compares two adapters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from harness.types import Adapter, Request, Response

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Layout = Literal["chw", "hwc", "patches", "other"]
"""How the numbers of an image lie; ``other`` where nobody can say which belong to which place."""


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """One image, or one tile of one, as the model reads it."""

    values: "NDArray[np.float32]"
    """The numbers as they are fed: [channels, height, width], [height, width, channels], or for ``patches``
    [rows · columns, channels · frames · side²]."""
    layout: Layout
    grid: tuple[int, int] = (0, 0)
    """Rows and columns of ``patches``."""
    merge: int = 1
    """Of ``patches``: merge × merge neighbours stand together, as Qwen2-VL has it."""
    frames: int = 1
    """Of ``patches``: how often the image is repeated in each."""

    def picture(self) -> "NDArray[np.float32] | None":
        """Return the numbers where they belong in the image, [height, width, channels]; None where nobody can say.

        >>> import numpy as np
        >>> Pixels(np.arange(4, dtype=np.float32).reshape(4, 1), "patches", (2, 2), 2).picture()[..., 0].tolist()
        [[0.0, 1.0], [2.0, 3.0]]
        """
        if self.layout == "hwc":
            return self.values
        if self.layout == "chw":
            return self.values.transpose(1, 2, 0)
        return self._unpatched() if self.layout == "patches" else None

    def _unpatched(self) -> "NDArray[np.float32] | None":
        rows, columns = self.grid
        each = self.values.shape[-1] // self.frames
        channels = 3 if each % 3 == 0 else 1
        side = isqrt(each // channels)
        merged = (rows // self.merge, columns // self.merge, self.merge, self.merge)
        if self.values.size != rows * columns * channels * self.frames * side**2:
            return None
        blocks = self.values.reshape(*merged, channels, self.frames, side, side)[:, :, :, :, :, 0]
        return blocks.transpose(0, 2, 5, 1, 3, 6, 4).reshape(rows * side, columns * side, channels)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One request's way through an adapter. What it cannot show is None, and is then not compared."""

    response: Response
    """What ``generate`` answers to the same request, with its counts of tokens."""
    pixels: tuple[Pixels, ...] | None = None
    """The images as the model reads them, in the order in which it does."""
    prompt: str | None = None
    """The text that is cut into tokens, with one mark an image."""
    ids: tuple[int, ...] | None = None
    """The tokens of the prompt by number, those of images repeated as often as the model sees them."""
    tokens: tuple[str, ...] = ()
    """The tokens of the prompt as texts, one for each of ``ids``."""
    logits: "NDArray[np.float32] | None" = None
    """The scores from which the first token of the answer is chosen, [vocabulary], or all classes' [classes]."""
    first: tuple[str, float] | None = None
    """The first token of the answer as text, and its log-probability in nats."""
    precision: str | None = None
    """What the model computes in: ``float32``, ``bfloat16``, ``float16``, or the name of a quantisation such as
    ``int8``. None: nobody knows."""


def likeliest(logits: "NDArray[np.float32]", text: Callable[[int], str]) -> tuple[str, float]:
    """Return the likeliest token as ``text`` tells it, and its log-probability.

    >>> import numpy as np
    >>> likeliest(np.array([0, 0], np.float32), str)
    ('0', -0.6931471805599453)
    """
    import numpy as np

    best = int(logits.argmax())
    rest = logits.astype(np.float64) - float(logits[best])
    return text(best), -float(np.log(np.exp(rest).sum()))


@runtime_checkable
class TracingAdapter(Adapter, Protocol):
    """An adapter that shows what it makes of a request."""

    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        """Answer one request and show the way: the same numbers, made by the same code, as in ``generate``.

        Args:
            request: of any kind that the adapter answers in words or classes.
            beside: other requests that stand behind it in the same batch. Only rounding may follow from them. An
                adapter that answers one at a time leaves them out.

        Raises:
            AdapterError: if the adapter is closed.
            SampleError: if the request cannot be used.
        """
        ...
