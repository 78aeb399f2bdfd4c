"""The laws of metrics, by name, and what each says; they need no package beyond the harness's own."""

from collections.abc import Iterator

from harness.testing._corpus_laws import CORPUS_LAWS
from harness.testing._sample_laws import OPTIONAL_LAWS, SAMPLE_LAWS, Case

__all__ = ["CORPUS_LAWS", "OPTIONAL_LAWS", "SAMPLE_LAWS", "Case", "told"]


def told() -> Iterator[tuple[str, str, str]]:
    """Yield each law's name, what it is of, and what it says.

    >>> next(told())[0]
    'range'
    """
    kinds = {"one answer": SAMPLE_LAWS, "one answer, where wanted": OPTIONAL_LAWS, "all rows": CORPUS_LAWS}
    for of, laws in kinds.items():
        for name, law in laws.items():
            yield name, of, (law.__doc__ or "").partition("\n")[0]
