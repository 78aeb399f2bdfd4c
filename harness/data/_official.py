"""How a public data set is asked and scored by those who made it, or by the harness that most cite."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MetricKeys = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Official:
    """What `harness init --from` writes into a suite."""

    metrics: tuple[MetricKeys, ...]
    """As a suite names them, with variant and revision."""
    source: str
    """Where prompt and metric are taken from: paper, repository and file."""
    prompt: str = "{{ question }}"
    extract: tuple[str, ...] = ()
    max_new_tokens: int | None = None
    slices: tuple[str, ...] = ()
    """Tags that the set's own tables cut by."""
    note: str = ""
    """Where our numbers part from the published ones, and why."""
    task: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the task."""
    kind: str = "qa"
