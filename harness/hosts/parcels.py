"""What a process sends with many pixels in it: a pickle, and beside it the pixels, in memory that both sides see."""

import mmap
import os
import pickle
import struct
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final, Self

from PIL import Image

_HEAD: Final = struct.Struct("<Q")
_START: Final = 4096
_HALF: Final = 16 << 20
"""Bytes of pixels that one message may have in shared memory, 16 MiB; what does not fit goes with the pickle."""
FULL: Final = _HALF // 2
"""Bytes of pixels after which a message had better be sent."""


class Arena:
    """Memory of two processes, one of which writes: two halves, each of which holds the pixels of every other message.

    It has no name, so that nothing is left of it once both processes are gone, however they ended, and a small
    ``/dev/shm`` does not bound it. Pages of it take no memory before they are written.

    >>> theirs = Arena.new()
    >>> ours = Arena(theirs.file)
    >>> ours.put(b"pixels"), bytes(theirs.view(4096, 6))
    (4096, b'pixels')
    >>> ours.turn(), ours.put(b"of the next message")
    (None, 16781312)
    >>> ours.turn(), ours.put(b"of a third, before the first is read")
    (None, None)
    >>> theirs.done(), ours.put(b"the first was read")
    (None, 4096)
    >>> ours.close(), theirs.close()
    (None, None)
    """

    def __init__(self, file: int) -> None:
        """Map it.

        Args:
            file: its descriptor, which stays the caller's.

        Raises:
            OSError: if there is not so much memory.
        """
        self.file = file
        self._memory = mmap.mmap(file, _START + 2 * _HALF)
        self._own = False
        self._message = 0
        """Which message is put together, by the one who writes, or was read last, by the one who reads."""
        self._at = _START

    @classmethod
    def new(cls) -> Self | None:
        """Make one; None where this machine has none to give."""
        try:
            file = _nameless()
        except OSError:
            return None
        try:
            found = cls(file)
        except OSError:
            os.close(file)
            return None
        found._own = True
        return found

    def put(self, data: bytes) -> int | None:
        """Put a copy of some bytes there, and return where it is; None where there is no room for it now."""
        end = _START + (1 + self._message % 2) * _HALF
        (read,) = _HEAD.unpack_from(self._memory, 0)
        if self._at + len(data) > end or read < self._message - 1:
            return None
        at, self._at = self._at, self._at + len(data)
        self._memory[at : self._at] = data
        return at

    @property
    def held(self) -> int:
        """Bytes of the message that is put together."""
        return self._at - _START - self._message % 2 * _HALF

    def turn(self) -> None:
        """Say, where they are written, that a message is complete: what comes now belongs to the next."""
        self._message += 1
        self._at = _START + self._message % 2 * _HALF

    def view(self, at: int, size: int) -> memoryview:
        """Return some bytes, as long as their message was not said to be read."""
        return memoryview(self._memory)[at : at + size]

    def done(self) -> None:
        """Say, where they are read, that one more message was read: its bytes may be written over."""
        self._message += 1
        _HEAD.pack_into(self._memory, 0, self._message)

    def close(self) -> None:
        """Let go of it."""
        with suppress(BufferError):  # somebody still looks at pixels, and it goes with them
            self._memory.close()
        if self._own:
            os.close(self.file)
            self._own = False


def _nameless() -> int:
    """Return the descriptor of memory without a name, or of a file that is deleted already."""
    size = _START + 2 * _HALF
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("harness-pixels")
        os.ftruncate(file, size)
        return file
    if os.name == "nt":
        raise OSError("no descriptor can be shared there")
    with tempfile.TemporaryFile(prefix="harness-pixels-") as made:
        made.write(bytes(size))  # a disk that is full only later would end the process that writes
        made.flush()
        return os.dup(made.fileno())


@dataclass(frozen=True, slots=True)
class Parcel:
    """A value on its way."""

    content: bytes
    """Its pickle."""
    pixels: tuple[tuple[int, int], ...]
    """Where in the arena those of its pictures are, and how many bytes each has."""


def pack(value: Any, arena: Arena | None, pixels: Mapping[int, bytes] = MappingProxyType({})) -> Parcel:
    """Put a value up for another process.

    A picture arrives as one of its own class with its mode, size, palette, ``info`` and, of a file's, ``filename``.
    Nothing else that hangs on it is sent: attributes that somebody gave it, further pages.

    Args:
        value: which must be such as can be pickled.
        arena: where its pictures' pixels go as far as there is room; None where they are sent with the rest.
        pixels: by identity of a picture its bytes, where they are known already.

    Raises:
        Exception: whatever pickling it raises.
    """
    stream = BytesIO()
    packer = _Packer(stream, arena, pixels)
    packer.dump(value)
    return Parcel(stream.getvalue(), tuple(packer.pixels))


def unpack(parcel: Parcel, arena: Arena | None) -> Any:
    """Return what was put up; its pixels are copied once.

    Raises:
        Exception: whatever unpickling it raises: a class that is only known where the value was made, say.
    """
    views = [arena.view(at, size) for at, size in parcel.pixels] if arena else []
    try:
        return pickle.loads(parcel.content, buffers=views)  # noqa: S301 - from a process that we started
    finally:
        for view in views:
            view.release()


class _Packer(pickle.Pickler):
    """Pickles pictures as Pillow does, but for their pixels, which go beside the rest, and for palettes with alpha."""

    def __init__(self, stream: BytesIO, arena: Arena | None, known: Mapping[int, bytes]) -> None:
        super().__init__(stream, 5, buffer_callback=self._with_the_rest)
        self._arena = arena
        self._known = known
        self._buffers: list[pickle.PickleBuffer] = []
        self.pixels: list[tuple[int, int]] = []

    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, Image.Image) or type(value).__reduce_ex__ is not object.__reduce_ex__:
            return NotImplemented
        known = self._known.get(id(value)) if type(value) is Image.Image else None
        state = value.__getstate__() if known is None else [value.info, value.mode, value.size, None, known]
        if not (isinstance(state, list) and len(state) >= 5 and isinstance(state[4], bytes)):
            return NotImplemented  # it is none of Pillow's own, or a Pillow to come
        palette = None
        if value.mode in ("P", "PA") and value.palette is not None:
            palette = value.palette.mode, bytes(value.getpalette(value.palette.mode) or ())
        info, state[0], state[3] = state[0], {}, None
        at = self._arena.put(state[4]) if self._arena else None
        if at is not None:
            self.pixels.append((at, len(state[4])))
            self._buffers.append(pickle.PickleBuffer(state[4]))
            state[4] = self._buffers[-1]
        return _picture, (type(value), state, palette, info)

    def _with_the_rest(self, buffer: pickle.PickleBuffer) -> bool:
        """Return whether a buffer belongs into the pickle: an array would go on using memory that is written over."""
        return not any(buffer is own for own in self._buffers)


def _picture(kind: type[Image.Image], state: list[Any], palette: tuple[str, bytes] | None, info: Any) -> Image.Image:
    image = kind.__new__(kind)
    image.__setstate__(state)
    state[4] = b""  # a view of shared memory must not outlive the message
    if palette is not None:
        image.putpalette(palette[1], palette[0])
        image.load()
    image.info = info  # after the palette, which a transparent colour in it would change once more
    return image
