"""How much boxes overlap, pair by pair: arrays in, arrays out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def iou_pairs(boxes: "ArrayLike", others: "ArrayLike") -> "NDArray[np.float64]":
    """Return the IoU of each row's two boxes; 0 where both have no area.

    Args:
        boxes: [n, 4] as x1, y1, x2, y2 with x1 ≤ x2 and y1 ≤ y2, finite.
        others: the same.

    >>> iou_pairs([[0, 0, 2, 2]], [[1, 0, 3, 2]]).round(4).tolist()
    [0.3333]
    """
    import numpy as np

    first, second = _valid(boxes, "boxes"), _valid(others, "others")
    shared, union, _ = _measures(first, second)
    overlap: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap


def giou_pairs(boxes: "ArrayLike", others: "ArrayLike") -> "NDArray[np.float64]":
    """Return the generalised IoU of each row's two boxes: IoU − empty share of the hull; −1 where the hull has no area.

    >>> giou_pairs([[0, 0, 1, 1]], [[2, 0, 3, 1]]).round(4).tolist()
    [-0.3333]
    """
    import numpy as np

    first, second = _valid(boxes, "boxes"), _valid(others, "others")
    shared, union, hull = _measures(first, second)
    overlap = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    empty = np.divide(hull - union, hull, out=np.ones_like(hull), where=hull > 0)
    generalised: NDArray[np.float64] = np.clip(overlap - empty, -1.0, 1.0)
    return generalised


def _valid(boxes: "ArrayLike", argument: str) -> "NDArray[np.float64]":
    import numpy as np

    array = np.asarray(boxes, np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"{argument} must have the shape [n, 4], got {list(array.shape)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{argument} must be finite")
    if (array[:, :2] > array[:, 2:]).any():
        raise ValueError(f"{argument} must have x1 ≤ x2 and y1 ≤ y2")
    return array


def _measures(first: Any, second: Any) -> tuple[Any, Any, Any]:
    import numpy as np

    # Column by column: four contiguous arrays are several times as fast as slices of rows.
    a, b = np.ascontiguousarray(first.T), np.ascontiguousarray(second.T)
    width = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0])
    height = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    hull = (np.maximum(a[2], b[2]) - np.minimum(a[0], b[0])) * (np.maximum(a[3], b[3]) - np.minimum(a[1], b[1]))
    return shared, union, hull
