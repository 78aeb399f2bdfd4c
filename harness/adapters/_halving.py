"""Run a batch in pieces that fit into memory, and remember the size that did."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from harness.errors import is_out_of_memory

T = TypeVar("T")
R = TypeVar("R")


class Halving:
    """Splits batches; after an out-of-memory error it tries half, and stays there.

    What comes out is in order and complete; what was computed before the error is kept.
    """

    def __init__(self, release: Callable[[], None] = lambda: None) -> None:
        """Start without a limit; ``release`` gives cached memory back before the next try."""
        self.limit: int | None = None
        self._release = release

    def run(
        self, items: Sequence[T], call: Callable[[Sequence[T]], Sequence[R]], alone: Callable[[str], R] | None = None
    ) -> list[R]:
        """Return one result an item.

        Args:
            items: the batch.
            call: computes results of a part of it.
            alone: what to put in place of an item that does not fit even alone, given what was said.

        Raises:
            MemoryError: if an item does not fit alone and there is no ``alone``.
        """
        results: list[R] = []
        while len(results) < len(items):
            part = items[len(results) : len(results) + (self.limit or len(items))]
            try:
                results += call(part)
                continue
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                said = f"it does not fit into memory, even alone: {error}"
            # Outside the handler, whose traceback keeps the failed batch's tensors alive.
            self._release()
            if len(part) > 1:
                self.limit = len(part) // 2
            elif alone is not None:
                results.append(alone(said))
            else:
                raise MemoryError(said)
        return results
