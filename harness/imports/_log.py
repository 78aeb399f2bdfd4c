"""What another harness's log says, in our words: the parts that every importer fills and one writer reads."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from harness.estimate import ANY, SHARE, Bounds, ColumnSpec
from harness.imports._place import Place
from harness.record.schema import RunStatus
from harness.types import Direction

Failures = Literal["origin", "wrong", "exclude"]
"""What an answer that never came counts: as its own harness has it, 0 under every score, or nothing."""

LONGEST: Final = 256 * 1024
"""Characters of a text that are kept; its hash is of all of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a log may not say of itself, and its reader does."""

    higher: tuple[str, ...] = ()
    """Scores that are better when higher."""
    lower: tuple[str, ...] = ()
    """Scores that are better when lower."""
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """The least and the greatest value that a score can have."""
    failures: Failures = "origin"
    columns: Mapping[str, str] = field(default_factory=dict)
    """Of a table: which column is what."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What a score is: which way it gets better, and between which ends."""

    direction: Direction = "none"
    bounds: Bounds = ANY
    unit: str = ""
    worth: float | None = None
    """What the origin counts where no answer came; None: it leaves the sample out."""
    binary: bool = False
    known: bool = True
    """Whether the origin, or a table of names, says so."""

    def spec(self, failures: Failures) -> ColumnSpec:
        """Return what a record says of the column."""
        worth = {"origin": self.worth, "wrong": self._worst(), "exclude": None}[failures]
        return ColumnSpec(self.direction, self.unit, self.bounds, worth, self.binary)

    def _worst(self) -> float | None:
        """Return the end that a wrong answer has; 0 where none is known."""
        low, high = self.bounds
        return (high if self.direction == "lower" else low) or 0.0


RIGHT: Final = Scale("higher", SHARE, "share", binary=True)
"""Right or wrong."""
PART: Final = Scale("higher", SHARE, "share")
"""A part of 1."""
PERCENT: Final = Scale("higher", (0.0, 100.0), "of 100")
LESS: Final = Scale("lower", (0.0, None))
UNKNOWN: Final = Scale(known=False)

_NAMES: Final[Mapping[str, Scale]] = {
    **dict.fromkeys(
        ("acc", "acc_norm", "accuracy", "correct", "em", "exact_match", "hit", "is_correct", "match"), RIGHT
    ),
    **dict.fromkeys(("pass", "passed", "quasi_exact_match", "prefix_exact_match", "success", "includes"), RIGHT),
    **dict.fromkeys(("anls", "f1", "f1_score", "iou", "recall", "precision", "rouge_l", "rouge1", "rouge2"), PART),
    **dict.fromkeys(("rougel", "bertscore", "similarity", "relaxed_accuracy", "vqa_accuracy"), PART),
    **dict.fromkeys(("cer", "wer", "ter", "error", "mae", "mse", "rmse", "latency", "cost", "loss"), LESS),
    **dict.fromkeys(("perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "brier_score"), LESS),
}


def scale_of(name: str) -> Scale:
    """Return what a score of a common name is; unknown for others.

    >>> scale_of("exact_match").direction, scale_of("Exact Match").binary, scale_of("length").known
    ('higher', True, False)
    """
    return _NAMES.get(name.lower().replace(" ", "_").replace("-", "_"), UNKNOWN)


def told_scale(name: str, better: Any) -> Scale:
    """Return what a score is, of which the origin says whether more is better; as its name says where it does not."""
    common = scale_of(name)
    if not isinstance(better, bool):
        return common
    direction: Direction = "higher" if better else "lower"
    return common if common.known and common.direction == direction else Scale(direction)


def within(value: Any, *keys: str) -> Mapping[str, Any]:
    """Return the object at some keys of JSON; an empty one where there is something else, or nothing."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list of JSON; none where it is something else."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


@dataclass(slots=True)
class Entry:
    """One sample, once, under one filter or in one subset."""

    task: str
    id: str
    scores: Mapping[str, float | None]
    """By name; None where the origin has no score for this sample."""
    cell: str = ""
    """The filter, scorer or subset; empty where there is one."""
    epoch: int = 0
    """From 1 where each question was asked several times."""
    prompt: str | None = None
    references: Sequence[str] = ()
    response: str | None = None
    content: Sequence[str] = ()
    """What makes it the same question; by default prompt and references."""
    error: str | None = None
    cluster: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float | None = None
    finish: str | None = None
    where: str = ""
    """File and line, for complaints."""

    @property
    def request_hash(self) -> str | None:
        """A hash of the question; None where the log holds nothing of it."""
        parts = self.content or ([self.prompt, *self.references] if self.prompt is not None else self.references)
        return digest(*parts) if parts else None


@dataclass(frozen=True, slots=True)
class Told:
    """A number of the origin's own summary."""

    column: str
    """The score that it is of."""
    value: float
    label: str = ""
    """How the origin prints it."""
    cells: tuple[str, ...] = ()
    """Where; empty for everywhere."""
    stderr: float | None = None
    mean: bool | None = None
    """Whether the origin says that it is the mean of its samples' scores; None: it does not say."""
    digits: int | None = None
    """Decimals that the origin prints; None: all."""
    times: float = 1.0
    """What the samples' mean is multiplied by."""


@dataclass(slots=True)
class Part:
    """One task of a log, as far as its header tells."""

    name: str
    scales: dict[str, Scale] = field(default_factory=dict)
    """By score, the headline first; scores that only the samples have come after."""
    pooled: bool = False
    """Whether cells are subsets, with one number over all of them; else they judge the same samples in other ways."""
    config: dict[str, Any] = field(default_factory=dict)
    """What must be the same on both sides of a comparison."""
    told: list[Told] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    """Warnings that a reader must not miss."""
    expected: int | None = None
    """How many questions its origin says that it has."""
    reducer: str = "mean"


@dataclass(slots=True)
class Log:
    """A run of another harness."""

    kind: str
    version: str
    model: str
    files: Sequence[Path]
    parts: dict[str, Part]
    entries: Callable[[], Iterator[Entry]]
    """All samples, from the first one each time it is called."""
    config: dict[str, Any] = field(default_factory=dict)
    """Of the model and its generation: what one compares, told as lineage."""
    packages: dict[str, str] = field(default_factory=dict)
    started: datetime | None = None
    seconds: float = 0.0
    simulated: bool = False
    commit: str | None = None
    status: RunStatus = "complete"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A run that an importer sees at a place."""

    kind: str
    anchor: Path
    """What to name it by."""
    files: tuple[Path, ...]
    version: str = ""


class Importer(Protocol):
    """Reads the logs of one harness. Never runs anything of them."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return the runs that lie at a place, as far as their files' names and beginnings tell."""
        ...

    def read(self, found: Found, asked: Asked) -> Log:
        """Open one run.

        Raises:
            UsageError: if its files cannot be read, naming the file, the line and what to do.
        """
        ...


def digest(*parts: str) -> str:
    """Return a hash of some texts, each with its length: ``("ab", "c")`` is not ``("a", "bc")``."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in encoded)).hexdigest()


def count(value: Any) -> int | None:
    """Return a value of JSON as a whole number; None for anything else.

    >>> count(3), count(True), count(3.0), count("3")
    (3, None, None, None)
    """
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: Any) -> float | None:
    """Return a value of JSON as a finite number; None for anything else.

    >>> number(True), number(0.5), number("0.5"), number(float("nan")), number(10**400)
    (1.0, 0.5, None, None, None)
    """
    if not isinstance(value, (bool, int, float)):
        return None
    try:
        made = float(value)
    except OverflowError:
        return None
    return made if math.isfinite(made) else None


def text(value: Any) -> str:
    """Return a value of JSON as text: a number as it is written, a structure as JSON.

    >>> text(33.0), text("33"), text(["a", 1]), text(None)
    ('33', '33', '["a", 1]', '')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return str(int(value))
    if isinstance(value, (Mapping, list, tuple)):
        import json

        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
