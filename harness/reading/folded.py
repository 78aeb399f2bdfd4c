"""Texts as they are held beside each other where neither case nor white space is a difference."""


def folded(text: str) -> str:
    r"""Return a text without case, and with one space for each run of white space; none at its ends.

    Fingerprints of answers and questions are made of it: what it returns for a text must never change.

    >>> folded("  What is\n A? "), folded("Straße")
    ('what is a?', 'strasse')
    """
    return " ".join(text.casefold().split())
