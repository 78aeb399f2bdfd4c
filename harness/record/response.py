"""One response with its scores: what a run keeps of each sample, whatever file it lies in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.types import JSON


@dataclass(frozen=True, slots=True)
class Row:
    """One response with its scores."""

    task: str
    cell: str
    sample_id: str
    cluster: str
    batch: int
    status: str
    error: str | None
    request_hash: str | None
    prompt: str | None
    references: Sequence[str]
    evidence: str | None
    response: str | None
    tokens_in: int | None
    image_tokens: int | None
    tokens_out: int | None
    batch_seconds: float | None
    tags: Mapping[str, str]
    scores: Mapping[str, tuple[float | None, str]]
    """By metric: value (None where there is none) and status."""
    payload: bytes | None = None
    """What a request got that asked for more than a text, as its kind packs it; of several parts one after another."""
    facts: Mapping[str, JSON] = field(default_factory=dict)
    """What the sample carried beside evidence and tags."""
    ask: str | None = None
    """What was asked, where there is a payload."""
    parts: str | None = None
    """Where the sample's work had several parts: a JSON list of them, as ``samples.parquet`` holds it."""
    details: Mapping[str, str] = field(default_factory=dict)
    """By metric: the rows of its score, as JSON, where it keeps any."""
    finish: str | None = None
    """Why the answer ends, as :class:`harness.types.Finish` says; None where nothing was asked, or nothing kept it."""
    former: str | None = None
    """What came of it before it was asked again: a JSON list, the oldest first, of status, error, response, finish."""
    again: bool = False
    """It failed and is to be asked again: what is here stands until then."""
    sent: str | None = None
    """What went to the model beside ``prompt``, as :mod:`harness.engine.sent` writes it; None where there are parts,
    which say it themselves, and where nothing was asked."""
    seconds: float | None = None
    """Wall-clock time that its answers took, its share of calls that answered several; None where nobody was asked."""
    attempts: int | None = None
    """How often its requests were sent, all together; None where nobody was asked."""
    reasoning_tokens: int | None = None
    """Of ``tokens_out``, those that the model only thought, where it says."""
    served: str | None = None
    """What the server said that it runs; None where there is none that says."""
    mean_logprob: float | None = None
    """The mean of the natural log-probabilities of the answer's tokens; None where the adapter does not know them."""
    min_logprob: float | None = None
    """The least of them."""
