"""What a suite and an adapter file hold, as frozen pydantic models: the part that no plug-in owns."""

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from harness.spec.described import descriptions
from harness.spec.limits import MOST_IN_A_BATCH, MOST_THREADS
from harness.types import Patience

Name = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80),
]
"""Letters, digits, dots, dashes and underscores: it becomes part of folder and series names."""

BatchSize = Annotated[int, Field(ge=1, le=MOST_IN_A_BATCH)]
"""Requests, samples or clips a call."""
Threads = Annotated[int, Field(ge=1, le=MOST_THREADS)]


def _bytes(value: Any) -> Any:
    """Return a number of bytes that is said with its unit; anything else as it came, for others to refuse."""
    found = re.fullmatch(_SIZE, value) if isinstance(value, str) else None
    return int(found[1]) << _SHIFTS[found[2]] if found else value


_SHIFTS: Final = {"B": 0, "KiB": 10, "MiB": 20, "GiB": 30}
_SIZE: Final = r"([0-9]{1,9}) ?(B|KiB|MiB|GiB)"

Size = Annotated[
    int,
    BeforeValidator(_bytes),
    Field(ge=0),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{_SIZE}$"}]}, mode="validation"
    ),
]
"""Bytes: a number, or one with its unit, `256MiB`."""


OnTruncated = Literal["count", "fail", "unparsed"]
"""What becomes of an answer that was cut off: it is scored as it stands, or it failed, or it cannot be read."""


class Model(BaseModel):
    """The base of every model that is read from YAML: frozen, strict, no unknown keys, no NaN."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        str_max_length=20_000,
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Add what the fields say of themselves."""
        made = handler(schema)
        properties = handler.resolve_ref_schema(made).get("properties", {})
        for name, text in descriptions(cls).items():
            field = cls.model_fields.get(name)
            for key in (field.alias, name) if field else ():
                if key in properties:
                    properties[key].setdefault("description", text)
        return made


class ImagePolicy(Model):
    """In which size pictures are sent."""

    max_pixels: int | None = Field(default=None, ge=1)
    """The largest area, in pixels: a larger picture is made smaller, and none larger. No limit by default."""
    longest_side: int | None = Field(default=None, ge=1)
    """The longest side, in pixels; likewise."""
    resample: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] = "bicubic"
    """The filter, as Pillow calls it."""

    @property
    def limits(self) -> bool:
        """Whether it makes anything smaller."""
        return self.max_pixels is not None or self.longest_side is not None


class Budget(Model):
    """What one command may spend on a run; what a cache answers costs nothing."""

    cost: float | None = Field(default=None, gt=0)
    """Money, by the adapter's `prices:` and in their currency."""
    tokens: int | None = Field(default=None, ge=1)
    """Tokens, read and written, as far as the adapter counts them."""
    images: int | None = Field(default=None, ge=1)
    """Images that are sent."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.cost is None and self.tokens is None and self.images is None:
            raise ValueError("`cost`, `tokens`, `images`, or several of them")
        return self


class EngineSpec(Model):
    """How a run treats time and failure."""

    timeout: float = Field(default=120.0, gt=0, le=86_400)
    """Seconds that one call of the adapter may take; its batch is then recorded as `timeout`."""
    load_timeout: float = Field(default=600.0, gt=0, le=86_400)
    """Seconds that loading a model may take in a process of its own."""
    retries: int = Field(default=0, ge=0, le=10)
    """How often a batch is asked again after the adapter raised."""
    deadline: float | None = Field(default=None, gt=0, le=86_400)
    """Seconds that one sample may take. A batch that takes longer than its samples together may is asked again one by
    one (where answers don't depend on their batch), so that only the late ones are recorded as `timeout`."""
    isolation: Literal["auto", "thread", "process"] = "auto"
    """`process`: the model lives in a process of its own, which is killed when it hangs and replaced when it dies.
    `auto`: only while a task measures it by itself (`latency`, `serving`); questions are asked in this process.
    `thread`: never."""
    max_errors: int | float | None = Field(default=None, ge=0)
    """Failed samples that stop the run with exit code 4: a count, or a share below 1."""
    budget: Budget | None = None
    """Once a command has spent so much, it asks no more and exits with 4; `harness resume` spends as much again."""
    max_failures: float = Field(default=0.01, ge=0, le=1)
    """The share of samples that may fail. With more of them the run comes to its end, says so and exits with 3: no gate
    of it passes."""

    @property
    def patience(self) -> Patience:
        """How long a model may take that a task works with by itself."""
        return Patience(self.load_timeout, self.timeout)


class GateSpec(Model):
    """A rule on one metric."""

    metric: str = Field(pattern=r"^[^/]+/.+$")
    """`task/metric`, as the table prints it."""
    min: float | None = None
    """The value must be at least this."""
    max: float | None = None
    """The value must be at most this."""
    max_drop: float | None = Field(default=None, ge=0)
    """Against a baseline: how much worse the metric may get."""
    max_increase: float | None = Field(default=None, ge=0)
    """Against a baseline: how much a metric may grow that is better when lower, such as `flip_rate`."""
    max_ratio: float | None = Field(default=None, gt=0)
    """Against a baseline from the same machine: how many times slower or larger the metric may get, such as 1.03."""
    floor: float = Field(default=0.0, ge=0)
    """With `max_ratio`: a growth of no more than this, in the metric's unit, passes whatever the ratio."""
    launch_spread: float | None = Field(default=None, ge=0, lt=1)
    """With `max_ratio`: the standard deviation, as a share, by which two launches of the same program differ on this
    machine, such as 0.02. By default 0.05 for times of calls, and 0 for what is measured on the same samples or
    interleaved with a reference."""
    max_failures: float = Field(default=0.01, ge=0, le=1)
    """The share of samples that may have failed where the gate passes; with more of them it is inconclusive."""
    jointly: tuple[str, ...] = ()
    """Metrics with gates of their own that must pass for this one to pass: a delay and its false alarms."""
    control: bool = False
    """The metric is a control, whose worse side is the right one: a model that cannot see must stay below `max`."""
    strict: bool = False
    """With a gate that compares: pass only where it is shown that the metric is not worse by so much."""

    @property
    def margin(self) -> float | None:
        """How much worse the metric may get against a baseline; None where the gate needs none."""
        return self.max_increase if self.max_drop is None else self.max_drop

    @property
    def empty(self) -> bool:
        """Whether the gate rules nothing."""
        return self.min is None and self.max is None and self.margin is None and self.max_ratio is None


class LabelsSpec(Model):
    """What people say of answers, and what it decides."""

    file: str = "labels.jsonl"
    """Where `harness label` keeps it, from the suite's folder."""
    max_drop: float | None = Field(default=None, gt=0, le=1)
    """How much worse answers may get in people's eyes, as a share of all of them; by default as the gate on the task's
    primary metric says, else 0.05."""
    min: float | None = Field(default=None, gt=0, le=1)
    """The share of a run's answers that must be right in people's eyes, of tasks whose single answers are labelled; by
    default as a gate with `min` on the task's primary metric says, where that is such a share."""
    proxy: str | None = None
    """The score that stands in for labels where there are none, `task/metric` or `metric`: a judge's, say. By default
    each task's primary metric. However wrong it is, it costs labels, not truth."""


class WhySpec(Model):
    """How much may be asked to find out why a gate fails."""

    budget: int = Field(ge=1)
    """Questions at most; by default a fifth of a full run of the task for each change."""


class SuiteSpec(Model):
    """A suite file."""

    suite: Name
    """The suite's name."""
    version: int = Field(ge=1)
    """Raise it when results stop being comparable with earlier ones."""
    description: str = ""
    """One sentence for `harness list suites`."""
    tier: Literal["core", "domain", "stress"] = "core"
    """`core`: every pull request; `domain`: nightly; `stress`: before a release."""
    seed: int = Field(default=0, ge=0, lt=1 << 63)
    """All randomness derives from it."""
    datasets: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    """Data by name; `type` says which kind. A simulated process of `drift` needs none."""
    tasks: dict[Name, dict[str, Any]] = Field(min_length=1)
    """What to measure, by name; `kind` says how."""
    gates: tuple[GateSpec, ...] = ()
    """Rules that decide the exit code."""
    labels: LabelsSpec | None = None
    """People's labels: `compare` and `gate` say what they decide, in rows of their own. `{}` takes `labels.jsonl`."""
    why: Literal["auto"] | WhySpec | None = None
    """What `harness gate` does where it fails: find which of the changes since the baseline did it, as `--why` does;
    `auto`, or with a `budget` of questions. The verdict stands whatever comes of it."""
    slice_by: tuple[str, ...] | None = None
    """Tags whose slices are looked at in reports and comparisons; all of them by default."""
    on_truncated: OnTruncated = "count"
    """What becomes of answers that were cut off at `max_new_tokens`, in tasks that do not say it themselves: `count`
    scores them as they stand, `fail` records their samples as failed, `unparsed` scores them as if nobody could read
    them. Whatever it says, they are counted and shown."""
    images: ImagePolicy | None = None
    """In which size pictures are sent, in tasks that do not say it themselves; as they lie by default."""
    engine: EngineSpec = EngineSpec()
    """Time-outs, retries, how many failures end the run."""


class AdapterSpec(Model):
    """The part of an adapter file that all types share; further keys belong to the type."""

    adapter: Name
    """The adapter's name."""
    type: str
    """Which code speaks to the model; see `harness list adapters`."""
    description: str = ""
    """One sentence for `harness list adapters`."""
