"""Arrow arrays from lists, buffer by buffer.

``pyarrow.array`` imports pandas where it is installed, to see whether a list is one of its own: 60 MiB
and half a second of CPU that a run does not have to pay.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def array(values: Sequence[Any], kind: "pa.DataType") -> "pa.Array":
    """Return ``values`` as an array of strings, a dictionary of them, lists of them, 64-bit integers or floats.

    None is null.
    """
    import pyarrow as pa

    if pa.types.is_string(kind):
        return _strings(values)
    if pa.types.is_dictionary(kind):
        return _dictionary(values)
    if pa.types.is_list(kind):
        return _lists(values)
    return _numbers(values, kind)


def vectors(values: Sequence[bytes]) -> "pa.Array":
    """Return packed little-endian float32 vectors as an array of lists."""
    import pyarrow as pa

    flat = b"".join(values)
    items = pa.Array.from_buffers(pa.float32(), len(flat) // 4, [None, pa.py_buffer(flat)])
    return pa.ListArray.from_arrays(_offsets([len(value) // 4 for value in values]), items)


def _strings(values: Sequence[str | None]) -> "pa.Array":
    import pyarrow as pa

    if all(value is None for value in values):
        return pa.nulls(len(values), pa.string())
    encoded = [b"" if value is None else value.encode() for value in values]
    offsets = _ends([len(value) for value in encoded])
    valid, nulls = _valid(values)
    buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers, nulls)


def _dictionary(values: Sequence[str | None]) -> "pa.Array":
    import pyarrow as pa

    codes: dict[str, int] = {}
    indices = np.fromiter((0 if v is None else codes.setdefault(v, len(codes)) for v in values), np.int32, len(values))
    valid, nulls = _valid(values)
    coded = pa.Array.from_buffers(pa.int32(), len(values), [valid, pa.py_buffer(indices)], nulls)
    return pa.DictionaryArray.from_arrays(coded, _strings([*codes]))


def _lists(values: Sequence[Sequence[str]]) -> "pa.Array":
    import pyarrow as pa

    return pa.ListArray.from_arrays(
        _offsets([len(value) for value in values]), _strings([item for value in values for item in value])
    )


def _numbers(values: Sequence[float | None], kind: "pa.DataType") -> "pa.Array":
    import pyarrow as pa

    # Not to_pandas_dtype(): pyarrow 16 asks pandas for it, and fails without.
    letter = "f" if pa.types.is_floating(kind) else "u" if pa.types.is_unsigned_integer(kind) else "i"
    held = np.dtype(f"{letter}{kind.bit_width // 8}")
    numbers = np.fromiter((0 if value is None else value for value in values), held, len(values))
    valid, nulls = _valid(values)
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(numbers)], nulls)


def _offsets(lengths: Sequence[int]) -> "pa.Array":
    import pyarrow as pa

    return pa.Array.from_buffers(pa.int32(), len(lengths) + 1, [None, pa.py_buffer(_ends(lengths))])


def _ends(lengths: Sequence[int]) -> "np.ndarray":
    """Return where each item starts, and where the last one ends.

    Raises:
        OverflowError: if it is beyond 2 GiB.
    """
    ends = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    if ends[-1] >= 1 << 31:
        raise OverflowError("more than 2 GiB of text in a thousand rows")
    return ends.astype(np.int32)


def _valid(values: Sequence[Any]) -> "tuple[pa.Buffer | None, int]":
    import pyarrow as pa

    present = np.fromiter((value is not None for value in values), np.bool_, len(values))
    nulls = len(values) - int(present.sum())
    return (pa.py_buffer(np.packbits(present, bitorder="little")) if nulls else None), nulls
