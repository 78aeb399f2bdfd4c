"""How often each class was answered where each was right, under weightings of the rows, and what that makes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from harness.estimate import by_count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_AT_ONCE: Final = 2_000_000
"""Numbers to hold at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Tallies:
    """Sums by class under each weighting."""

    right: "NDArray[np.float64]"
    """[b, classes]; answered and right."""
    said: "NDArray[np.float64]"
    """[b, classes]; answered."""
    true: "NDArray[np.float64]"
    """[b, classes]; right."""
    rows: "NDArray[np.float64]"
    """[b]"""


def tallies(said: "NDArray[np.float64]", wanted: "NDArray[np.float64]", weights: "NDArray[np.float64]") -> Tallies:
    """Sum up rows by class.

    Args:
        said: the class that each row was answered with, [n].
        wanted: the right one; NaN where a row does not count.
        weights: [b, n].
    """
    import numpy as np

    there = ~np.isnan(wanted)
    said, wanted, weights = said[there], wanted[there], weights[:, there]
    classes = np.unique(np.concatenate([said, wanted]))
    step = max(1, _AT_ONCE // max(1, len(said)))

    def summed(labels: Any, kept: Any) -> Any:
        order = np.argsort(labels[kept], kind="stable")
        place = np.flatnonzero(kept)[order]
        out = np.zeros((len(weights), len(classes)))
        if len(place):
            ordered = labels[place]
            starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
            which = np.searchsorted(classes, ordered[starts])
            for start in range(0, len(weights), step):
                part = np.take(weights[start : start + step], place, 1)
                out[start : start + step, which] = np.add.reduceat(part, starts, axis=1)
        return out

    everywhere = np.ones(len(said), bool)
    return Tallies(
        summed(wanted, said == wanted), summed(said, everywhere), summed(wanted, everywhere), weights.sum(axis=1)
    )


def balanced_accuracy(found: Tallies) -> Any:
    """Return the mean over classes of the share of their rows that are answered right, [b]."""
    return _mean(found.right, found.true, found.true > 0)


def macro_f1(found: Tallies) -> Any:
    """Return the mean over the classes of the references of F1, [b]."""
    return _mean(2 * found.right, found.said + found.true, found.true > 0)


def micro_f1(found: Tallies) -> Any:
    """Return F1 of all classes of the references together, [b]."""
    import numpy as np

    there = found.true > 0
    below = (np.where(there, found.said, 0) + found.true).sum(axis=1)
    return np.divide(2 * found.right.sum(axis=1), below, out=np.full(len(below), np.nan), where=below > 0)


def mcc(found: Tallies) -> Any:
    """Return Gorodkin's R_K, the correlation of answers and references as classes, [b]."""
    import numpy as np

    n = found.rows
    both = found.right.sum(axis=1) * n - (found.said * found.true).sum(axis=1)
    said, true = (n**2 - np.square(side).sum(axis=1) for side in (found.said, found.true))
    scale = np.sqrt(said) * np.sqrt(true)
    # One answer to everything says nothing; one reference everywhere asks for nothing.
    value = np.divide(both, scale, out=np.zeros(len(n)), where=scale > 0)
    return np.where(true > 0, value, np.nan)


def cohen_kappa(found: Tallies) -> Any:
    """Return how far answers and references agree beyond what their shares would make by chance, [b]."""
    import numpy as np

    n = np.maximum(found.rows, 1)
    seen = found.right.sum(axis=1) / n
    chance = (found.said * found.true).sum(axis=1) / n**2
    several = (found.true > 0).sum(axis=1) > 1
    return np.divide(seen - chance, 1 - chance, out=np.full(len(n), np.nan), where=several & (chance < 1))


RULES: Final[dict[str, Callable[[Tallies], Any]]] = {
    "balanced_accuracy": balanced_accuracy,
    "cohen_kappa": cohen_kappa,
    "macro_f1": macro_f1,
    "mcc": mcc,
    "micro_f1": micro_f1,
}


@by_count
def agreement_of_classes(columns: Sequence[Any], weights: Sequence[Any], rule: str) -> "NDArray[np.float64]":
    """Return a number of :data:`RULES` under weightings: what ``macro_f1`` and its kin are forms of.

    Args:
        columns: two, [n]: the classes that were answered, and the right ones.
        weights: two, [b, n], alike.
        rule: which number.

    Returns:
        [b]; NaN where it has no meaning.
    """
    import numpy as np

    said, wanted = (np.asarray(column, np.float64) for column in columns)
    made: NDArray[np.float64] = RULES[rule](tallies(said, wanted, np.asarray(weights[1])))
    return made


def _mean(over: Any, under: Any, there: Any) -> Any:
    import numpy as np

    each = np.divide(over, under, out=np.zeros_like(over), where=under > 0)
    # In sorted order: a sum must not depend on the codes of the classes.
    sums = np.sort(np.where(there, each, 0.0), axis=1).sum(axis=1)
    counts = there.sum(axis=1)
    return np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
