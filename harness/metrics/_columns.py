"""Many answers and many scores as columns: what the batch forms of the metrics take and return."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from harness.reading.clean import visible
from harness.types import Score, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STATUSES: Final = tuple(Status)
"""A status code is a place in this tuple."""

_CODES: Final[Mapping[str, int]] = {status: code for code, status in enumerate(STATUSES)}


@dataclass(frozen=True, slots=True, eq=False)
class ScoreColumns:
    """The scores of many answers, nine bytes each."""

    values: "NDArray[np.float64]"
    """[n]; NaN where the status is not ``ok``."""
    statuses: "NDArray[np.uint8]"
    """[n]; places in ``STATUSES``, 0 is ``ok``."""

    @classmethod
    def of(cls, scores: Iterable[Score]) -> "ScoreColumns":
        """Return scores as columns; their details are dropped."""
        import numpy as np

        rows = list(scores)
        values = np.fromiter((row.value for row in rows), np.float64, len(rows))
        return cls(values, np.fromiter((_CODES[row.status] for row in rows), np.uint8, len(rows)))

    @classmethod
    def ok(cls, values: "NDArray[np.float64]") -> "ScoreColumns":
        """Return columns in which every row is ``ok``."""
        import numpy as np

        return cls(values, np.zeros(len(values), np.uint8))

    def but(self, where: "NDArray[np.bool_]", status: Status) -> "ScoreColumns":
        """Return these columns with ``status``, and no value, in some rows."""
        import numpy as np

        values, code = np.where(where, np.nan, self.values), np.uint8(_CODES[status])
        return ScoreColumns(values, np.where(where, code, self.statuses))

    def spread(self, rows: "NDArray[np.int64]", n: int, status: Status) -> "ScoreColumns":
        """Return columns of length ``n`` with these scores in ``rows`` and ``status`` in all others."""
        import numpy as np

        values, statuses = np.full(n, np.nan), np.full(n, _CODES[status], np.uint8)
        values[rows], statuses[rows] = self.values, self.statuses
        return ScoreColumns(values, statuses)

    def __len__(self) -> int:
        return len(self.values)

    def among(self, *statuses: Status) -> "NDArray[np.bool_]":
        """Return which rows have one of these statuses, [n]."""
        import numpy as np

        wanted = np.zeros(len(STATUSES), bool)
        wanted[[_CODES[status] for status in statuses]] = True
        chosen: NDArray[np.bool_] = wanted[self.statuses]
        return chosen

    def counts(self) -> dict[str, int]:
        """Return how many rows ended in each status; those that do not occur are left out."""
        import numpy as np

        found = np.bincount(self.statuses, minlength=len(STATUSES)).tolist()
        return {str(status): count for status, count in zip(STATUSES, found, strict=True) if count}

    def decoded(self) -> list[Status]:
        """Return the status of each row."""
        return [STATUSES[code] for code in self.statuses.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Answers with their references and context, one a row."""

    predictions: Sequence[Any]
    references: Sequence[Any]
    context: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.predictions)

    def contexts(self) -> Iterator[dict[str, Any]]:
        """Yield the keyword arguments of each row."""
        if not self.context:
            return ({} for _ in range(len(self)))
        rows = zip(*self.context.values(), strict=True)
        return (dict(zip(self.context, row, strict=True)) for row in rows)

    def plain(self) -> bool:
        """Say whether there is nothing to refuse: strings or None, lists or tuples of strings, none empty."""
        return (
            set(map(type, self.predictions)) <= {str, type(None)}
            and set(map(type, self.references)) <= {list, tuple}
            and all(self.references)
            and set(map(type, chain.from_iterable(self.references))) <= {str}
        )

    def visible(self) -> "Rows":
        """Return what can be seen of answers, references and evidence; the rows as they are where all is ASCII."""
        evidence = self.context.get("evidence") or ()
        if (
            all(map(str.isascii, self.predictions))
            and all(map(str.isascii, chain.from_iterable(self.references)))
            and all(text is None or text.isascii() for text in evidence)
        ):
            return self
        context = dict(self.context)
        if "evidence" in context:
            context["evidence"] = [visible(text) if isinstance(text, str) else text for text in evidence]
        # A call costs more than the question whether it is needed, and of most texts it is not.
        predictions = [text if text.isascii() else visible(text) for text in self.predictions]
        references = [row if all(map(str.isascii, row)) else [visible(text) for text in row] for row in self.references]
        return Rows(predictions, references, context)

    def answered(self) -> "NDArray[np.int64] | None":
        """Return the rows that have an answer; None where all have."""
        import numpy as np

        if type(None) not in set(map(type, self.predictions)):
            return None
        return np.flatnonzero([text is not None for text in self.predictions])

    def take(self, rows: "NDArray[np.int64]") -> "Rows":
        """Return some of the rows."""
        places = rows.tolist()
        context = {name: [column[i] for i in places] for name, column in self.context.items()}
        return Rows([self.predictions[i] for i in places], [self.references[i] for i in places], context)

    def pairs(self) -> "Pairs":
        """Return every answer beside each of its references."""
        import numpy as np

        sizes = np.fromiter(map(len, self.references), np.int64, len(self))
        flat = list(chain.from_iterable(self.references))
        if len(flat) == len(self):
            return Pairs(self.predictions, flat, np.arange(len(self)), sizes)
        rows = np.repeat(np.arange(len(self)), sizes)
        return Pairs([self.predictions[i] for i in rows.tolist()], flat, rows, sizes)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Answers and references beside each other, all of one row together."""

    answers: Sequence[str]
    references: Sequence[str]
    rows: "NDArray[np.int64]"
    """[pairs]; the row of each pair, ascending."""
    sizes: "NDArray[np.int64]"
    """[rows]; how many pairs each row has."""

    def take(self, places: "NDArray[np.int64]") -> "Pairs":
        """Return some of the pairs; rows that are left without one have the size 0."""
        import numpy as np

        if len(places) == len(self.rows):
            return self
        chosen, rows = places.tolist(), self.rows[places]
        answers, references = [self.answers[i] for i in chosen], [self.references[i] for i in chosen]
        return Pairs(answers, references, rows, np.bincount(rows, minlength=len(self.sizes)))

    def highest(self, values: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """Return the highest value of each row, from one value a pair; every row must have a pair."""
        import numpy as np

        best: NDArray[np.float64] = np.maximum.reduceat(values, self._starts()) if len(self.sizes) else values
        return best

    def lowest(self, values: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """Return the lowest value of each row, from one value a pair."""
        return -self.highest(-values)

    def any(self, hits: "NDArray[np.bool_]") -> "NDArray[np.float64]":
        """Return 1.0 for each row with a hit and 0.0 for the others."""
        import numpy as np

        found = np.zeros(len(self.sizes))
        found[self.rows[hits]] = 1.0
        return found

    def _starts(self) -> "NDArray[np.int64]":
        import numpy as np

        starts: NDArray[np.int64] = np.cumsum(self.sizes) - self.sizes
        return starts


def blank(texts: Sequence[str]) -> "NDArray[np.bool_]":
    """Return which texts hold nothing but white space, [n]."""
    import numpy as np

    return np.fromiter((not text or text.isspace() for text in texts), bool, len(texts))
