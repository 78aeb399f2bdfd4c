"""How answers came to their end, and from whom: those cut off at their limit of tokens, and servers that changed."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from harness.spec.models import OnTruncated
from harness.types import Finish

NOTICED: Final = 0.01
"""The share of answers cut off above which a reader must be told."""

_BECOME: Final[Mapping[str, str]] = {
    "count": "scored as they stand",
    "fail": "failures here (`on_truncated: fail`)",
    "unparsed": "unparsed here (`on_truncated: unparsed`)",
}


class CutOff(NamedTuple):
    """How many answers were cut off, of those of which it is known."""

    cut: int
    known: int

    @property
    def share(self) -> float:
        """The share of answers that were cut off; 0 where nothing is known."""
        return self.cut / self.known if self.known else 0.0

    def __str__(self) -> str:
        return f"{self.cut:,} of {self.known:,}"


def cut_off(finishes: Mapping[str, int]) -> CutOff:
    """Return how many answers were cut off, given how many ended in which way.

    >>> str(cut_off({"stop": 2, "length": 4, "": 9}))
    '4 of 6'
    """
    return CutOff(finishes.get(Finish.LENGTH, 0), sum(count for name, count in finishes.items() if name))


def on_truncated(config: Mapping[str, Any]) -> OnTruncated:
    """Return what a task does with answers that were cut off, from its description or that in its record."""
    return _declared(config, "on_truncated") or "count"


def said_of(finishes: Mapping[str, int], config: Mapping[str, Any]) -> str:
    """Return what a reader must not miss of how a task's answers ended; nothing where few were cut off.

    >>> said_of({"stop": 2, "length": 4}, {"max_new_tokens": 16})
    '4 of 6 answers reached max_new_tokens 16: raise `max_new_tokens`; such answers are scored as they stand'
    >>> said_of({"stop": 200, "length": 1}, {"max_new_tokens": 16})
    ''
    """
    found = cut_off(finishes)
    if found.share <= NOTICED:
        return ""
    limit = _declared(config, "max_new_tokens")
    reached = "their limit of tokens" if limit is None else f"max_new_tokens {limit}"
    answers = "answers" if found.known > 1 else "answer"
    become = _BECOME[on_truncated(config)]
    return f"{found} {answers} reached {reached}: raise `max_new_tokens`; such answers are {become}"


def changed_server(served: Mapping[str, int]) -> list[str]:
    """Return what a reader must not miss where a server said of itself that it runs more than one thing.

    >>> changed_server({"m-0301 fp_1": 30, "m-0417 fp_2": 10})
    ["the server's model changed during the run: 'm-0301 fp_1' gave 30 answers, 'm-0417 fp_2' 10"]
    >>> changed_server({"m-0301 fp_1": 40})
    []
    """
    if len(served) < 2:
        return []
    (first, count), *others = sorted(served.items(), key=lambda item: (-item[1], item[0]))
    told = "".join(f", {name!r} {number:,}" for name, number in others)
    return [f"the server's model changed during the run: {first!r} gave {count:,} answers{told}"]


def _declared(config: Mapping[str, Any], key: str) -> Any:
    """Return what a task's description says, or that of the task which it is made from."""
    base = config.get("of")
    return config[key] if key in config else base.get(key) if isinstance(base, Mapping) else None
