"""What names a question and an answer in a label file, whichever run they are of."""

import hashlib
import json
from typing import Final

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


def answer_digest(text: str | None) -> str:
    """Return the SHA-256 of an answer's text as it was written; of None, :data:`NO_ANSWER`.

    >>> answer_digest("42") == answer_digest("42 "), answer_digest(None) == NO_ANSWER
    (False, True)
    """
    return NO_ANSWER if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
