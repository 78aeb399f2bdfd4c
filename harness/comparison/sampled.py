"""How what people labelled was drawn, and so what each label weighs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.labels import Draw
from harness.labels.draws import known_before
from harness.stats.labelled import lure_weights

_RANDOM: Final = "nobody says how they were chosen: they are taken as a random sample of {}"
_OTHERS: Final = "they were drawn for other answers than these: they are taken as a random sample of {} now"
_LATE: Final = "{} labels are of what was drawn long after others that nobody has labelled: they wait for those"
_NEARLY: Final = 0.9
"""So much of the first draws must be labelled: what is missing of them is then taken as missing at random."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What was drawn, and what their labels weigh."""

    weights: Mapping[str, float]
    """By name, 1 on average. What has a label and no weight was known before anything was drawn."""
    late: frozenset[str] = frozenset()
    """What has a label that does not count: it was drawn long after others that nobody has labelled."""
    notes: tuple[str, ...] = ()


def sampled(draws: Mapping[str, Draw | None], names: Sequence[str]) -> Sampled | None:
    """Return how things were drawn; None where no design fits."""
    design, before = known_before(list(dict.fromkeys(names)), draws)
    if design is None:
        return None
    ours = {name: draw for name, draw in draws.items() if draw is not None and name not in before}
    drawn = sorted(ours.items(), key=lambda one: one[1].number)
    whole = [i for i, (_, draw) in enumerate(drawn, 1) if i >= _NEARLY * draw.number]
    count = max(whole, default=len(drawn))
    kept, late = drawn[:count], frozenset(name for name, _ in drawn[count:])
    gaps = kept[-1][1].number - count
    weights = lure_weights([draw.chance for _, draw in kept], kept[0][1].of).tolist()
    notes = [f"{gaps} of the first {count + gaps} that were drawn have no label"] if gaps else []
    notes += [_LATE.format(len(late))] if late else []
    return Sampled(dict(zip((name for name, _ in kept), weights, strict=True)), late, tuple(notes))


def taken(draws: Mapping[str, Draw | None], names: Sequence[str], of: str = "what differs") -> Sampled:
    """Return labels of no known design as a random sample, and say so."""
    alike = dict.fromkeys(draws, 1.0)
    if len(draws) == len(set(names)):
        return Sampled(alike)
    if not any(draws.values()):
        return Sampled(alike, notes=(_RANDOM.format(of),))
    odds = {name: 1.0 if one is None else 1 / (one.chance * (one.of - one.number + 1)) for name, one in draws.items()}
    mean = sum(odds.values()) / len(odds)
    return Sampled({name: one / mean for name, one in odds.items()}, notes=(_OTHERS.format(of),))
