"""What the engine must know of a kind of question: how it is asked, checked, kept, and held to a law."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from harness.registry import registry
from harness.types import Adapter, Request, Response

if TYPE_CHECKING:
    from PIL import Image

NOT_FINITE: Final = "the model's numbers were not finite (NaN or infinite)"
"""What a sample fails with whose answer is not a number."""


class Probing(Protocol):
    """An adapter under test, as the law of a kind of question sees it."""

    @property
    def adapter(self) -> Any: ...

    def probe(self, **changes: Any) -> Request:
        """Return an ordinary request, with some things changed."""
        ...

    def pictures(self) -> "list[Image.Image]":
        """Return three pictures."""
        ...

    def own_answer(self) -> str | None:
        """Return what the adapter itself says to :meth:`probe`; None where it does not answer in words."""
        ...


class Ask(ABC):
    """One kind of question.

    The module that holds a subclass says ``ENTRIES: Final = {"name": "Class"}``; a plug-in declares an entry point in
    the group ``harness.asks``. Hosts, cache and store know no kinds: they ask here.
    """

    name: ClassVar[str]
    """What ``Request.ask`` says."""
    capability: ClassVar[str]
    """What an adapter must be able to do."""
    floats: ClassVar[bool] = False
    """Whether payloads are little-endian float32, which the record then keeps in ``vectors.parquet``."""

    @abstractmethod
    def call(self, adapter: Adapter, requests: Sequence[Request]) -> Any:
        """Ask one batch; return what should be one response a request, in order.

        Raises:
            TypeError: if the adapter lacks the method, or its result has the wrong shape.
            Exception: whatever the adapter raises for the whole batch.
        """

    def check(self, request: Request) -> None:  # noqa: B027 - a question may need nothing
        """See that a request has what it needs.

        Raises:
            ValueError: with what it lacks.
        """

    def told(self, request: Request) -> tuple[Any, ...]:
        """Return what decides an answer beside the prompt, the generation and the images; it is hashed by its repr.

        Nothing is hashed for an empty tuple.
        """
        return (self.name, request.times)

    def lacks(self, response: Response) -> str:
        """Return why a response that calls itself ok is no answer; nothing where it is one."""
        return "" if response.value is not None else f"the adapter gave no answer to {self.name!r}"

    def plain(self, value: Any) -> Any:
        """Return a value in types that any process can read.

        Raises:
            ValueError: if it cannot be kept.
        """
        return value

    @abstractmethod
    def pack(self, value: Any) -> bytes:
        """Return a value as the cache and the store keep it."""

    @abstractmethod
    def unpack(self, payload: bytes, request: Request) -> Any:
        """Return the value that was packed; ``request`` is what it answers."""

    @abstractmethod
    def law(self, subject: Probing) -> None:
        """Hold an adapter to what its capability promises.

        Raises:
            AssertionError: if it breaks the promise.
        """

    def lacking(self, adapter: Adapter) -> TypeError:
        """Return what to raise for an adapter that cannot be asked this."""
        return TypeError(f"the adapter has no method {self.name!r}")


@cache
def ask_named(name: str) -> Ask:
    """Return the kind of question called ``name``.

    Raises:
        UsageError: if there is none, with the nearest name.
    """
    made: Ask = registry("asks").load(name)()
    return made


def require(holds: bool, message: str) -> None:
    """Break a law unless something holds; not ``assert``, which ``python -O`` leaves out."""
    if not holds:
        raise AssertionError(message)
