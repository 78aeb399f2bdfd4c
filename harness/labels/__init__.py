"""What people say of answers: labels in a file beside the suite, read strictly and appended durably.

A label file is JSON lines. A label of one answer says what it is worth, from 0 to 1; a label of a pair says which of
two answers to one question is better, or that neither is:

``{"key": …, "answer": …, "text": "42", "value": 1, "by": "ann", "at": "2026-03-01T12:00:00+00:00"}``
``{"key": …, "a": …, "b": …, "better": "b", "by": "ann", "at": "2026-03-01T12:00:05+00:00"}``

``key`` is :func:`question_key`, ``answer``, ``a`` and ``b`` are :func:`answer_digest`: a label holds for whatever run
gives the same answer to the same question. The last label by the same person of the same thing counts.
"""

from harness.labels.digest import NO_ANSWER, answer_digest, first_hashes, own_id, question_key
from harness.labels.rows import AnswerLabel, Draw, Label, PairLabel
from harness.labels.store import FILE, LabelSet, LabelWriter, read_labels

__all__ = [
    "FILE",
    "NO_ANSWER",
    "AnswerLabel",
    "Draw",
    "Label",
    "LabelSet",
    "LabelWriter",
    "PairLabel",
    "answer_digest",
    "first_hashes",
    "own_id",
    "question_key",
    "read_labels",
]
