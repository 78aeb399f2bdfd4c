"""What an observation of a latency task holds."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.tasks._cells import CellResult

STAGES: Final = ("preprocess_ms", "vision_ms", "prefill_ms", "decode_ms", "first_token_ms", "per_token_ms")
TOKENS: Final = ("image_tokens", "tokens_out")
_CALL: Final = ("side", "round", "wall_ms", "cpu_ms", "energy_mj", "left_out")
_SAMPLE: Final = ("right", "reference_right", "same", "cosine", "kl_nats", "random_weights")
_MODEL: Final = ("load_s", "first_s", "start_mib", "peak_mib", "device_mib", "file_mib")
MEASURES: Final = (*_CALL, *STAGES, *TOKENS, *_SAMPLE, *_MODEL)

Floats = NDArray[np.float64]


def row(**values: float) -> dict[str, float]:
    """Return an observation's values, NaN where it has none.

    >>> row(side=1)["wall_ms"]
    nan
    """
    assert not values.keys() - set(MEASURES), values.keys() - set(MEASURES)  # noqa: S101 - our own names
    return {name: float(values.get(name, math.nan)) for name in MEASURES}


def by_round(result: CellResult, column: str, sides: int) -> Floats:
    """Return a column as [sides, rounds], NaN where a call failed or the column does not apply."""
    side, number, values = (result.columns[name].worths for name in ("side", "round", column))
    known = np.isfinite(side) & np.isfinite(number)
    rounds = max(int(number[known].max()) + 1 if known.any() else 0, number.size // sides)
    table = np.full((sides, rounds), np.nan)
    table[side[known].astype(int), number[known].astype(int)] = values[known]
    return table
