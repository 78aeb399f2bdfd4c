"""Results that show themselves: in a console as text, in a notebook as a table."""

from typing import Protocol

from harness.registry import registry


class Shown:
    """A result that is shown as a page of ``harness.report`` would show it; imported when it is looked at.

    A class of this kind has an entry in the registry ``cards``, under its name: a function from the result to a
    :class:`Card`.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return _card(self).text()

    def _repr_html_(self) -> str:
        return _card(self).html()


class Card(Protocol):
    """What there is to see of a result."""

    def text(self) -> str: ...

    def html(self) -> str: ...


def _card(result: Shown) -> Card:
    cards = registry("cards")
    name = next(kind.__name__ for kind in type(result).__mro__ if kind.__name__ in cards)
    card: Card = cards.load(name)(result)
    return card
