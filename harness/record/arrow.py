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
    """Return ``values`` as an array of strings, bytes, a dictionary of strings, lists of them, or 64-bit numbers.

    None is null.
    """
    import pyarrow as pa

    if pa.types.is_string(kind):
        return strings(values)
    if pa.types.is_binary(kind):
        return _packed(values, kind)
    if pa.types.is_dictionary(kind):
        return _dictionary(values)
    if pa.types.is_list(kind):
        return _lists(values)
    return _numbers(values, kind)


def constant(value: str | float, kind: "pa.DataType") -> "pa.Scalar":
    """Return a value as Arrow's functions take it: a bare one they would hand to ``pyarrow.array``."""
    return array([value], kind)[0]


def where(table: "pa.Table", column: str, text: str) -> "pa.Table":
    """Return the rows of a table in which a column holds a text; the table itself where all do."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = pc.equal(table[column], constant(text, pa.string()))
    return table if pc.all(mask, skip_nulls=False).as_py() else table.filter(mask)


def as_numpy(values: "pa.Array", missing: float) -> "np.ndarray":
    """Return an array of numbers or booleans as NumPy has them, with ``missing`` where there is none.

    ``to_numpy`` would import pandas, as ``pyarrow.array`` does.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(values.type):
        return as_numpy(values.cast(pa.uint8()), missing).astype(np.bool_)
    whole = pc.fill_null(values, constant(missing, values.type)) if values.null_count else values
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.combine_chunks()
    held = np.frombuffer(whole.buffers()[1] or b"", _dtype(whole.type))
    return held[whole.offset : whole.offset + len(whole)]


def vectors(values: Sequence[bytes]) -> "pa.Array":
    """Return packed little-endian float32 vectors as an array of lists."""
    import pyarrow as pa

    flat = b"".join(values)
    items = pa.Array.from_buffers(pa.float32(), len(flat) // 4, [None, pa.py_buffer(flat)])
    return pa.ListArray.from_arrays(_offsets([len(value) // 4 for value in values]), items)


def unsigned(numbers: "np.ndarray") -> "pa.Array":
    """Return numbers of dtype uint64, uint32 or int64 as an array."""
    import pyarrow as pa

    held = np.ascontiguousarray(numbers)
    return pa.Array.from_buffers(pa.from_numpy_dtype(held.dtype), len(held), [None, pa.py_buffer(held)])


def indices(rows: "np.ndarray") -> "pa.Array":
    """Return places of rows, of dtype int64, as ``take`` has them.

    >>> indices(np.array([2, 0])).to_pylist()
    [2, 0]
    """
    return unsigned(np.asarray(rows, np.int64))


def mask(kept: "np.ndarray") -> "pa.Array":
    """Return a mask of rows, of dtype bool, as ``filter`` has it."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.bool_(), len(kept), [None, pa.py_buffer(np.packbits(kept, bitorder="little"))])


def strings(values: Sequence[str | None]) -> "pa.Array":
    """Return texts as an array; None is null."""
    import pyarrow as pa

    if _absent(values):
        return pa.nulls(len(values), pa.string())
    return _packed([None if value is None else value.encode() for value in values], pa.string())


def _packed(values: Sequence[bytes | None], kind: "pa.DataType") -> "pa.Array":
    import pyarrow as pa

    held = [value or b"" for value in values]
    valid, nulls = _valid(values)
    buffers = [valid, pa.py_buffer(_ends([len(value) for value in held])), pa.py_buffer(b"".join(held))]
    return pa.Array.from_buffers(kind, len(values), buffers, nulls)


def _dictionary(values: Sequence[str | None]) -> "pa.Array":
    import pyarrow as pa

    if _absent(values):
        return pa.nulls(len(values), pa.dictionary(pa.int32(), pa.string()))
    codes = {value: code for code, value in enumerate(value for value in dict.fromkeys(values) if value is not None)}
    indices = np.fromiter([0 if value is None else codes[value] for value in values], np.int32, len(values))
    valid, nulls = _valid(values)
    coded = pa.Array.from_buffers(pa.int32(), len(values), [valid, pa.py_buffer(indices)], nulls)
    return pa.DictionaryArray.from_arrays(coded, strings([*codes]))


def _lists(values: Sequence[Sequence[str]]) -> "pa.Array":
    import pyarrow as pa

    return pa.ListArray.from_arrays(
        _offsets([len(value) for value in values]), strings([item for value in values for item in value])
    )


def _numbers(values: Sequence[float | None], kind: "pa.DataType") -> "pa.Array":
    import pyarrow as pa

    if _absent(values):
        return pa.nulls(len(values), kind)
    numbers = np.fromiter([0 if value is None else value for value in values], _dtype(kind), len(values))
    valid, nulls = _valid(values)
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(numbers)], nulls)


def _dtype(kind: "pa.DataType") -> "np.dtype":
    import pyarrow as pa

    # Not to_pandas_dtype(): pyarrow 16 asks pandas for it, and fails without.
    letter = "f" if pa.types.is_floating(kind) else "u" if pa.types.is_unsigned_integer(kind) else "i"
    return np.dtype(f"{letter}{kind.bit_width // 8}")


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


def _absent(values: Sequence[Any]) -> bool:
    """Say whether no value is there: so are most columns, and the first value says of most others that they are not."""
    return not values or (values[0] is None and values.count(None) == len(values))


def _valid(values: Sequence[Any]) -> "tuple[pa.Buffer | None, int]":
    import pyarrow as pa

    if None not in values:
        return None, 0
    present = np.fromiter([value is not None for value in values], np.bool_, len(values))
    nulls = len(values) - int(present.sum())
    return (pa.py_buffer(np.packbits(present, bitorder="little")) if nulls else None), nulls
