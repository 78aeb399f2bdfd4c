"""Clips of charts whose values change, with events of known spans: "When is A higher than B?"."""

from typing import Final

from harness.data.evolving_charts.dataset import EvolvingChartsDataset

__all__ = ["ENTRIES", "EvolvingChartsDataset"]

ENTRIES: Final = {"evolving_charts": "EvolvingChartsDataset"}
