"""How a public data set is asked and scored by those who made it, or by the harness that most cite."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MetricKeys = str | Mapping[str, Any]

SHORT: Final = "{{ question }}\nAnswer with a word, a number or a short phrase."
CHOICE: Final = (
    "{{ question }}\n"
    "{% for choice in choices %}{{ 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[loop.index0] }}. {{ choice }}\n{% endfor %}"
    "Answer with the letter of the right option."
)
MIXED: Final = (
    "{{ question }}\n{% if choices is defined %}"
    "{% for choice in choices %}{{ 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[loop.index0] }}. {{ choice }}\n{% endfor %}"
    "Answer with the letter of the right option."
    "{% else %}Answer with a word, a number or a short phrase.{% endif %}"
)
LETTER: Final = ("final_answer", "choice_letter")


@dataclass(frozen=True, slots=True)
class Official:
    """What `harness init --from` writes into a suite."""

    metrics: tuple[MetricKeys, ...]
    """As a suite names them, with variant and revision."""
    source: str
    """Where the metric is defined: paper, or repository and file."""
    prompt: str | None = SHORT
    """In our words: every published harness has its own, for each model another. None: the task's own."""
    extract: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    """Tags that the set's own tables cut by."""
    note: str = ""
    """Where our numbers part from the published ones, and why."""
    kind: str = "qa"
    task: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the task."""
