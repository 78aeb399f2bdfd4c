"""What forms come to: each is a function of sums over rows, under any number of weightings at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.estimate.statistic import Node, Statistic, children, forms_in, key

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What rows sum up to under any number of weightings."""

    totals: Floats
    """[..., k]"""
    places: Mapping[str, tuple[int, int]]
    """Where a column's sum, its count (``#`` and its key) or a block of one-hot sums stands, and how wide it is."""
    values: Mapping[str, Floats] = field(default_factory=dict)
    """What each cell of a block stands for, by the block's key."""
    known: Mapping[str, Floats] = field(default_factory=dict)
    """Forms that are no functions of sums, computed already, [...]."""

    def __getitem__(self, name: str) -> Floats:
        start, width = self.places[name]
        return self.totals[..., start] if width == 1 else self.totals[..., start : start + width]

    def block(self, name: str) -> Floats:
        """Return a block's sums, [..., width]."""
        start, width = self.places[name]
        return self.totals[..., start : start + width]

    def moved(self, totals: Floats) -> "Sums":
        """Return the same layout with other totals."""
        return Sums(totals, self.places, self.values, self.known)


@dataclass(frozen=True, slots=True)
class Form:
    """How one kind of form is evaluated."""

    evaluate: Callable[[Node, Sums], Floats]
    smooth: bool = True
    """Whether a small change of the weights moves it by a multiple of that change."""
    block: bool = False
    """Whether it reads one-hot sums of its columns instead of their sums."""
    unsummed: bool = False
    """Whether it needs the rows themselves."""


def evaluate(node: Node, sums: Sums) -> Floats:
    """Return the value of a form under every weighting, [...]; NaN where it has none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(FORMS[node["form"]].evaluate(node, sums), np.float64)


def read(found: Mapping[str, Any]) -> Statistic:
    """Return a statistic of a record; one with a form that is not known here is untestable, and says so.

    Raises:
        ValueError: if it is no statistic.
    """
    made = Statistic.from_plain(found)
    unknown = next((form for form in forms_in(made.of) if form not in FORMS), None)
    if unknown is None or made.untestable:
        return made
    return replace(made, untestable=f"the form {unknown!r} is not known here")


def smooth(node: Node) -> bool:
    """Return whether every form of a tree is smooth."""
    return all(FORMS[form].smooth for form in forms_in(node))


def _of(node: Node, sums: Sums) -> list[Floats]:
    return [evaluate(child, sums) for child in children(node)]


def _mean(node: Node, sums: Sums) -> Floats:
    name = key(node["of"])
    return sums[name] / sums[f"#{name}"]


def _linear(node: Node, sums: Sums) -> Floats:
    start = np.full(sums.totals.shape[:-1], float(node["plus"]))
    for weight, part in zip(node["weights"], _of(node, sums), strict=True):
        start = start + weight * part
    return start


def _ratio(node: Node, sums: Sums) -> Floats:
    over, under = _of(node, sums)
    empty = np.nan if node["empty"] is None else node["empty"]
    return np.where(under != 0, over / np.where(under != 0, under, 1.0), np.where(over == 0, empty, np.nan))


def _bleu(node: Node, sums: Sums) -> Floats:
    """Papineni et al. 2002; ``exponential`` halves the precision of each order that matches nothing (sacreBLEU).

    ``tiny`` adds a very small number to every count, as the evaluation of COCO captions does.
    """
    words, closest, *orders = (sums[key(child)] for child in node["of"])
    matched, possible = np.stack(orders[0::2], -1), np.stack(orders[1::2], -1)
    if node["smoothing"] == "tiny":
        shorter = (closest + 1e-9) / (words + 1e-15)
        precision = np.exp(np.log((matched + 1e-15) / (possible + 1e-9)).mean(-1))
        return np.asarray(precision * np.exp(np.minimum(0.0, 1 - shorter)))
    brevity = np.where(words > 0, np.exp(np.minimum(0.0, 1 - closest / np.maximum(words, 1))), 0.0)
    if node["smoothing"] == "exponential":
        halved = np.where(matched > 0, matched, 0.5 ** np.cumsum(matched == 0, axis=-1)) / np.maximum(possible, 1)
        usable = (possible > 0).all(-1) & (matched[..., 0] > 0)
        return np.where(usable, np.exp(np.log(halved).mean(-1)) * brevity, 0.0)
    logs = np.log(np.where(matched > 0, matched, 1.0) / np.maximum(possible, 1))
    return np.where((matched > 0).all(-1), np.exp(logs.mean(-1)) * brevity, 0.0)


def _calibration(node: Node, sums: Sums) -> Floats:
    both = sums.block(key(node))
    bins = both.shape[-1] // 2
    gaps, counts = np.abs(both[..., :bins]), both[..., bins:]
    return np.asarray(gaps.sum(-1) / counts.sum(-1))


def _calibration_max(node: Node, sums: Sums) -> Floats:
    both = sums.block(key(node))
    bins = both.shape[-1] // 2
    gaps, counts = np.abs(both[..., :bins]), both[..., bins:]
    worst = (gaps / np.where(counts > 0, counts, 1.0)).max(-1)
    return np.where(counts.sum(-1) > 0, worst, np.nan)


def _sides(node: Node, sums: Sums) -> tuple[Floats, Floats]:
    """Return how many positives and negatives there are in each cell of scores, from the lowest up."""
    both = sums.block(key(node))
    half = both.shape[-1] // 2
    return both[..., :half], both[..., half:]


def _from_the_top(node: Node, sums: Sums) -> tuple[Floats, Floats]:
    """Return positives and negatives at or above each distinct score, from the highest down."""
    positives, negatives = _sides(node, sums)
    return np.cumsum(positives[..., ::-1], axis=-1), np.cumsum(negatives[..., ::-1], axis=-1)


def _auroc(node: Node, sums: Sums) -> Floats:
    positives, negatives = _sides(node, sums)
    below = np.cumsum(negatives, axis=-1) - negatives / 2
    return np.asarray((positives * below).sum(-1) / (positives.sum(-1) * negatives.sum(-1)))


def _aupr(node: Node, sums: Sums) -> Floats:
    positives, negatives = _from_the_top(node, sums)
    gained = np.diff(positives, axis=-1, prepend=0.0)
    every = np.maximum(positives + negatives, 1e-300)
    return np.asarray(np.where(gained > 0, gained * positives / every, 0.0).sum(-1) / positives[..., -1])


def _fpr_at(node: Node, sums: Sums) -> Floats:
    positives, negatives = _from_the_top(node, sums)
    enough = (positives >= node["tpr"] * positives[..., -1:] - 1e-9).argmax(-1)
    return np.asarray(np.take_along_axis(negatives, enough[..., None], -1)[..., 0] / negatives[..., -1])


def _detection_error(node: Node, sums: Sums) -> Floats:
    positives, negatives = _from_the_top(node, sums)
    rates = 1 - positives / positives[..., -1:] + negatives / negatives[..., -1:]
    return np.asarray(np.minimum(rates.min(-1), 1.0) / 2)


def _quantile(node: Node, sums: Sums) -> Floats:
    name = key(node)
    counts, values = sums.block(name), sums.values[name]
    until = np.cumsum(counts, axis=-1)
    rank = np.maximum(until[..., -1] - 1, 0) * node["q"]
    low, high = np.floor(rank), np.ceil(rank)
    first = (until > low[..., None] + 0.5).argmax(-1)
    second = (until > high[..., None] + 0.5).argmax(-1)
    found = values[first] + (rank - low) * (values[second] - values[first])
    return np.where(until[..., -1] >= max(1, node["least"]), found, np.nan)


def _extreme(pick: Callable[..., Any], node: Node, sums: Sums) -> Floats:
    parts = np.stack(_of(node, sums))
    filled = np.where(np.isnan(parts), np.inf if pick is np.min else -np.inf, parts)
    found = pick(filled, axis=0)
    return np.where(np.isfinite(found), found, np.nan)


def _rogan_gladen(node: Node, sums: Sums) -> Floats:
    """As :func:`harness.stats.judged.corrected_share`; not clipped, so that differences do not vanish at a bound."""
    passed, answered, right, wrong = (sums[key(child)] / sums[f"#{key(child)}"] for child in node["of"])
    informed = right - wrong
    return np.where(informed > 0, (passed - answered * wrong) / np.where(informed > 0, informed, 1.0), np.nan)


def _product(node: Node, sums: Sums) -> Floats:
    return np.asarray(np.prod(np.stack(_of(node, sums)), axis=0), np.float64)


FORMS: Final[Mapping[str, Form]] = {
    "constant": Form(lambda node, sums: np.full(sums.totals.shape[:-1], float(node["value"]))),
    "sum": Form(lambda node, sums: sums[key(node["of"])]),
    "count": Form(lambda node, sums: sums[f"#{key(node['of'])}"]),
    "mean": Form(_mean),
    "linear": Form(_linear),
    "ratio": Form(_ratio),
    "product": Form(_product),
    "minimum": Form(lambda node, sums: _extreme(np.min, node, sums), smooth=False),
    "maximum": Form(lambda node, sums: _extreme(np.max, node, sums), smooth=False),
    "bleu": Form(_bleu),
    "calibration": Form(_calibration, block=True),
    "calibration_max": Form(_calibration_max, smooth=False, block=True),
    "auroc": Form(_auroc, block=True),
    "aupr": Form(_aupr, block=True),
    "fpr_at": Form(_fpr_at, smooth=False, block=True),
    "detection_error": Form(_detection_error, smooth=False, block=True),
    "quantile": Form(_quantile, smooth=False, block=True),
    "rogan_gladen": Form(_rogan_gladen),
    "call": Form(lambda node, sums: sums.known[key(node)], smooth=False, unsummed=True),
    "stored": Form(lambda node, sums: np.full(sums.totals.shape[:-1], np.nan), smooth=False),
}
"""All forms, by name. A changed form gets a new name (``bleu/2``): what an old record says stays true."""
