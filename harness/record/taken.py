"""What a run record says that a run was expected to take, and took: pictures, tokens and money."""

from harness.record.model import RecordModel


class PicturesRecord(RecordModel):
    """What became of the pictures of answers that were asked for."""

    shown: int
    """A picture counts for each question about it."""
    reused: int
    """Of those, how many the model need not look at: what it had made of the same pixels was kept."""


class SpentRecord(RecordModel):
    """What the answers of a run took that no cache knew."""

    asked: int
    """Answers whose tokens these are."""
    tokens_in: int
    image_tokens: int | None
    """Of those that were read, where the adapter tells."""
    tokens_out: int
    cost: float | None
    """By the prices of the adapter's file."""
    currency: str | None


class ExpectedTask(RecordModel):
    """What one task was expected to take."""

    samples: int
    """In all cells."""
    looked_at: int
    """Samples whose requests were made for the estimate; their mean stands for the others."""
    requests: int
    """Before the first answer is known."""
    images: int
    text_tokens: int | None
    """None where the adapter cannot count."""
    image_tokens: int | None
    tokens_out_at_most: int | None
    """If every answer were as long as it may be."""
    cost_at_most: float | None = None
    """By the prices of the adapter's file."""


class ExpectedRecord(RecordModel):
    """What a run was expected to take, before anything was asked."""

    how: str
    """By whom tokens were counted, in words; empty where nobody could."""
    requests: int
    images: int
    text_tokens: int | None
    image_tokens: int | None
    tokens_out_at_most: int | None
    cost_at_most: float | None
    """By the prices of the adapter's file."""
    currency: str | None
    looked_at: int
    tasks: dict[str, ExpectedTask]
    left_out: list[str] = []
    """What is not in it, in words."""
