"""Keys of a task of ``kind: judge``."""

from typing import Literal

from pydantic import Field

from harness.spec.models import Model

Planting = Literal["wrong", "longer"]
Form = Literal["question", "caption", "dialogue"]
"""What the judged answers are, for the words in which the judge is asked."""


class Example(Model):
    """An answer with the verdict that it deserves, for the judge to see."""

    question: str
    """What was asked."""
    answer: str
    """What was answered; in pairs the better answer, which is shown first and second in turn."""
    other: str = ""
    """In pairs: the worse answer."""
    verdict: str
    """What the judge should say of it."""


class Rubric(Model):
    """What an answer is held against."""

    criteria: tuple[str, ...] = Field(default=(), strict=False)
    """Sentences that a good answer fits, each a line of the prompt."""
    scale: tuple[int, int] | None = Field(default=None, strict=False)
    """The worst and the best grade, `[1, 5]`; without it the judge says yes or no. Not for pairs."""
    passes: float | None = None
    """The lowest grade that counts as right; by default what lies above the middle of the scale."""
    examples: tuple[Example, ...] = Field(default=(), strict=False)
    """Some that the judge is shown before the answer."""
    reference: bool = True
    """Whether the judge is shown the right answer; never where that is one of the two answers of a pair."""
    image: bool = True
    """Whether the judge is shown the images."""


class Known(Model):
    """Answers whose truth is known: what the judge's own error is measured on."""

    planted: tuple[Planting, ...] = Field(default=("wrong", "longer"), strict=False)
    """Made of the dataset's own right answers. `wrong`: the right one, and one with another number, the other of yes
    and no, or the right answer to another question; of captions another picture's, or one in which a thing or a number
    is another. `longer`: the same in many words, which tells what length does."""
    limit: int = Field(default=200, ge=1)
    """At most so many questions are made known answers of; drawn with the suite's seed."""
    labels: str | None = None
    """A file of people's labels (JSON lines), from the suite's folder; with them the correction rests on these."""
    runs: tuple[str, ...] = Field(default=(), strict=False)
    """The runs whose answers the labels are of, both of them for pairs: their folders, from the working directory."""


class Families(Model):
    """Two models whose answers the judge is shown where both are right, or both wrong."""

    own: str
    """An adapter of the judge's own family, by name or file."""
    other: str
    """One of another family."""


class JudgeConfig(Model):
    """Keys of a task of ``kind: judge``."""

    of: str
    """A task of kind `qa`, `caption`, `dialogue`, `ocr` or `temporal` that stands before this one: its questions are
    asked, and the answers judged; of a dialogue the last one."""
    metric: str | None = None
    """The metric of that task that says whether planted answers are wrong indeed; its first by default. Captions have
    none."""
    judge: str | None = None
    """The adapter that judges, by name or file. Without it the run's own model judges known answers and nothing else,
    so that two judges are compared as two models are."""
    against: str | None = None
    """Shows the judge two answers, in both orders: the model's, and the right one (`references`) or that of another
    run (its folder, from the working directory)."""
    rubric: Rubric = Rubric()
    """What an answer is held against."""
    prompt: str | None = None
    """Jinja template in place of the usual one; knows `question`, `reference` and `references` (the first and all),
    `conversation` (of a dialogue: pairs of what was said before), `criteria`, `examples`, and `answer`, `lowest` and
    `highest`, or `first` and `second` where two are shown."""
    verdict: Literal["words", "json"] = "words"
    """How the usual prompt asks for the verdict; either is read."""
    system: str | None = None
    """System prompt of the judge."""
    votes: int = Field(default=1, ge=1, le=99)
    """How often the judge is asked about the same thing; more than once needs a `temperature`."""
    votes_by: Literal["majority", "mean", "median"] = "majority"
    """What becomes of several votes: what most of them pass, or their mean or median grade."""
    temperature: float = Field(default=0.0, ge=0, le=10)
    """Above 0 the judge samples its verdict."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Sample among the most likely tokens that together are this likely."""
    max_new_tokens: int = Field(default=256, ge=1, le=100_000)
    """Longest verdict."""
    known: Known | None = Known()
    """Answers whose truth is known; `null` for none, and then no judged number is corrected."""
    self_preference: Families | None = None
    """Asks two models, to see whether the judge prefers its own family where neither answer is better."""
    slices: tuple[str, ...] = ()
    """Tags to cut the judged numbers by."""
