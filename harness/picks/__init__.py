"""Which samples of a run to label next, so that a model that is trained on the labels gains most by them."""

from harness.picks.leaks import Leak, Leaks, shown_of
from harness.picks.order import Ranked, in_order
from harness.picks.pick import How, Pick, Picked, pick
from harness.picks.signals import SIGNALS, Signal, units_of

__all__ = [
    "SIGNALS",
    "How",
    "Leak",
    "Leaks",
    "Pick",
    "Picked",
    "Ranked",
    "Signal",
    "in_order",
    "pick",
    "shown_of",
    "units_of",
]
