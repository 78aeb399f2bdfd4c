"""Answers that come compressed although plain ones were asked for: unpacked within a limit, or not at all."""

import zlib
from typing import Final

PLAIN: Final = ("", "identity")
_WINDOW: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""What zlib calls them."""


def unpacked(content: bytes, encoding: str, most: int) -> bytes:
    """Return a body without its ``Content-Encoding``.

    A few kilobytes can unpack to gigabytes, and packed twice to more; so one packing is undone, and no more of it than
    ``most`` bytes.

    Raises:
        ValueError: if it is packed in another way, more than once, broken, or larger than ``most`` bytes.

    >>> unpacked(zlib.compress(b"{}"), "deflate", 10), unpacked(b"{}", "identity", 10)
    (b'{}', b'{}')
    """
    name = encoding.strip().lower()
    if name in PLAIN:
        return content
    if name not in _WINDOW:
        raise ValueError(
            f"the server sent an answer encoded as {encoding!r:.60}, although it was asked for a plain one"
        )
    unpacking = zlib.decompressobj(_WINDOW[name])
    try:
        plain = unpacking.decompress(content, most)
    except zlib.error as cause:
        raise ValueError(f"the server's {name} answer is broken: {cause}") from cause
    if unpacking.unconsumed_tail:
        raise ValueError(f"the server's answer unpacks to more than {most >> 20} MiB")
    if not unpacking.eof:
        raise ValueError(f"the server's {name} answer ends too early")
    return plain
