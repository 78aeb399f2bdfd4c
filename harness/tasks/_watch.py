"""What a task that measures by itself says while it works with models, so that a hang can be told from work."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from harness.errors import AdapterError
from harness.types import Status

Doing = Literal["call", "load", "data"]
"""A call of a model (which may take ``timeout``), loading one (``load_timeout``), or reading one sample."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a step can't be taken."""

    status: Status
    said: str


class LostError(AdapterError):
    """A step was begun that took its process with it before, or never ended."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        super().__init__(loss.said)


class Watch:
    """Hears what a measuring task is about to do.

    A step that hangs or takes its process with it is lost: the cell is measured anew, and whoever begins that step
    again is told so at once. A task that can do without it (one of two models) looks first (:meth:`lost`).

    >>> watch = Watch({"a call of b": Loss(Status.TIMEOUT, "no answer within 5 s")})
    >>> watch.begin("call", "a call of a")
    >>> watch.begin("call", "a call of b")
    Traceback (most recent call last):
    harness.tasks._watch.LostError: no answer within 5 s
    """

    def __init__(self, losses: Mapping[str, Loss] | None = None) -> None:
        self._losses = dict(losses or {})

    def lost(self, *steps: str) -> Loss | None:
        """Return why the first of some steps that is lost is so; None where all can be taken."""
        return next((self._losses[step] for step in steps if step in self._losses), None)

    def begin(self, doing: Doing, step: str) -> None:
        """Say what is begun now, in words that name no other step: it takes microseconds.

        Raises:
            LostError: if it cannot be taken.
        """
        if self._losses and (loss := self._losses.get(step)):
            raise LostError(loss)
        self._say(doing, step)

    def rest(self) -> None:
        """Say that it ended, and nothing is under way that could hang."""
        self._say("", "")

    def closing(self, step: str) -> None:
        """Say that a model is closed: what was measured is complete, whatever comes of it."""
        self._say("call", step)

    @contextmanager
    def during(self, doing: Doing, step: str) -> Iterator[None]:
        """Say that something is begun, and that it ended."""
        self.begin(doing, step)
        try:
            yield
        finally:
            self.rest()

    def _say(self, doing: Literal["", "call", "load", "data"], step: str) -> None:
        """Tell whoever watches; nobody does where the model lives in the harness's own process."""
