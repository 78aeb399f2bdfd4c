"""How two texts, or two rows of tokens, differ, in a sentence."""

from collections.abc import Hashable, Sequence
from itertools import groupby
from typing import Final, TypeVar

T = TypeVar("T", bound=Hashable)

_BYTES: Final = str.maketrans({"Ġ": " ", "Ċ": "\n"})
"""How tokenizers of bytes write a space and a line's end."""

_SHOWN: Final = 60
_BEFORE: Final = 16
"""Characters, or tokens, that are shown of what stands before a difference."""


def middle(a: Sequence[T], b: Sequence[T]) -> tuple[int, Sequence[T], Sequence[T]]:
    """Return where two sequences begin to differ, and what each has from there to their common end.

    >>> middle("abcd", "axd")
    (1, 'bc', 'x')
    """
    most = min(len(a), len(b))
    start = next((i for i in range(most) if a[i] != b[i]), most)
    end = next((i for i in range(most - start) if a[-1 - i] != b[-1 - i]), most - start)
    return start, a[start : len(a) - end], b[start : len(b) - end]


def texts(a: str, b: str) -> str:
    r"""Return how a text of A and one of B differ; nothing where they are equal.

    >>> texts("Hi.\nassistant\n", "Hi.\nassistant")
    "B lacks '\\n' after 'Hi.\\nassistant'"
    >>> texts("a cat", "a dog")
    "A has 'cat' and B 'dog' after 'a '"
    """
    if a == b:
        return ""
    start, one, other = middle(a, b)
    where = f" after {a[max(0, start - _BEFORE) : start]!r}" if start else " at the beginning"
    return f"{_said(str(one), str(other))}{where}"


def answers(a: str, b: str) -> str:
    """Return both answers where they are short, and else how they differ.

    >>> answers("12", "19"), answers("a" * 80, "a" * 79)[:9]
    ("A says '12', B '19'", "B lacks '")
    """
    return texts(a, b) if max(len(a), len(b)) > _SHOWN else f"A says {a!r}, B {b!r}"


def _said(one: str, other: str) -> str:
    if not one or not other:
        return f"{'A' if not one else 'B'} lacks {_short(one or other)}"
    return f"A has {_short(one)} and B {_short(other)}"


def tokens(a: Sequence[str], b: Sequence[str], ids: tuple[Sequence[int], Sequence[int]]) -> str:
    """Return how the tokens of A and B differ; nothing where their numbers are equal.

    Args:
        a: the texts of A's tokens.
        b: those of B's.
        ids: the numbers of both.

    >>> tokens(["<s>", "x"], ["<s>", "<s>", "x"], ([1, 7], [1, 1, 7]))
    "B begins twice: one more '<s>' at the beginning"
    """
    mine, theirs = list(zip(ids[0], a, strict=True)), list(zip(ids[1], b, strict=True))
    start, one, other = middle(mine, theirs)
    if not one and not other:
        return ""
    longer, name = (one, "A") if one else (other, "B")
    if not (one and other):
        whole = mine if name == "A" else theirs
        runs = [(token, len(list(run))) for token, run in groupby(text for _, text in longer)]
        if len(runs) == 1 and runs[0][1] > 1:
            return f"{name} has {runs[0][1]} more of {runs[0][0]!r} from place {start} on"
        said = " ".join(text for _, text in longer)
        # Of a run of equal tokens the last looks like the one that is too many.
        if start and len({number for number, _ in whole[: start + len(longer)]}) == 1:
            return f"{name} begins twice: one more {said!r} at the beginning"
        where = f"at place {start}" if start else "at the beginning"
        return f"{name} has {len(longer)} more token{'s'[: len(longer) != 1]} {where}: {_short(said)}"
    parts = [" ".join(text for _, text in part) for part in (one, other)]
    counts = f"{len(one)} and {len(other)} tokens" if len(one) != len(other) else f"{len(one)} token(s)"
    return f"other tokens from place {start} on, {counts}: A {_short(parts[0])}, B {_short(parts[1])}"


def _short(text: str) -> str:
    text = text.translate(_BYTES)
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"
