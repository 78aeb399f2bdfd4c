"""What names a question and an answer in a label file, whichever run they are of."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Final

_EPOCH: Final = re.compile(r"#([0-9]+)$")
_LENGTH: Final = 16
"""Characters of a request's hash that count: baselines keep no more."""

NO_ANSWER: Final = hashlib.sha256(b"\0no answer").hexdigest()
"""Stands for an answer that never came, whatever the failure said."""


def question_key(sample_id: str, request_hash: str | None, question: str | None = None) -> str:
    """Return the key of a question: a SHA-256 over the sample's id and all that was asked.

    Args:
        sample_id: of the sample; where questions are asked several times, without the number of the turn.
        request_hash: as the record has it: it covers the prompt and every pixel of the images, so that an edited
            picture is another question. Sixteen characters of it do.
        question: the prompt, which counts only where the record has no hash.

    >>> question_key("s1", "0123456789abcdef" * 4) == question_key("s1", "0123456789abcdef", "What is it?")
    True
    >>> question_key("s1", None, "What is it?") == question_key("s1", None, "What is that?")
    False
    """
    asked = ["request", request_hash[:_LENGTH]] if request_hash else ["question", question or ""]
    return hashlib.sha256(json.dumps([sample_id, *asked]).encode()).hexdigest()


def own_id(sample_id: str, epochs: int) -> str:
    """Return a sample's id without the number of the turn, where questions are asked several times.

    >>> own_id("s1#4", 5), own_id("s1#4", 1)
    ('s1', 's1#4')
    """
    return _EPOCH.sub("", sample_id) if epochs > 1 else sample_id


def first_hashes(
    cells: Sequence[str], ids: Sequence[str], hashes: Sequence[str | None], epochs: int
) -> list[str | None]:
    """Return what was asked in each row, where a question is asked several times what was asked the first time.

    A model that samples draws with another seed each time, and the hash of a request holds the seed: one question
    would be as many as it was asked, and a label of an answer to it hold for one of them alone.

    Args:
        cells: of each row.
        ids: of each row's sample.
        hashes: of each row's request.
        epochs: how often questions are asked.

    >>> first_hashes(["c", "c", "c"], ["s1#1", "s1#0", "s2#0"], ["b", "a", "x"], 2)
    ['a', 'a', 'x']
    """
    if epochs < 2:
        return list(hashes)
    first: dict[tuple[str, str], tuple[int, str]] = {}
    named = [(cell, own_id(one, epochs)) for cell, one in zip(cells, ids, strict=True)]
    for key, one, told in zip(named, ids, hashes, strict=True):
        found = _EPOCH.search(one)
        if told is not None:
            first[key] = min(first.get(key, (epochs, told)), (int(found[1]) if found else 0, told))
    return [None if told is None else first[key][1] for key, told in zip(named, hashes, strict=True)]


def answer_digest(text: str | None) -> str:
    """Return the SHA-256 of an answer's text as it was written; of None, :data:`NO_ANSWER`.

    >>> answer_digest("42") == answer_digest("42 "), answer_digest(None) == NO_ANSWER
    (False, True)
    """
    return NO_ANSWER if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
