"""What a secret looks like: in a suite or an adapter file, where it is refused, and in what a run would write."""

import re
from typing import Final

from harness.errors import Problem
from harness.spec.document import Document, KeyPath

SECRET: Final = re.compile(r"KEY|TOKEN(?!S(?:_|$))|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
"""What the name of a variable or an option looks like that holds a secret."""

KNOWN: Final = re.compile(
    r"\b(?:sk-(?:proj-|ant-|or-)?[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|"
    r"github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[0-9A-Z]{16}|"
    r"AIza[A-Za-z0-9_-]{35}|gsk_[A-Za-z0-9]{30,}|r8_[A-Za-z0-9]{30,}|"
    r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
"""The forms that providers give their keys, and signed tokens; long enough that prose has none of them."""

_NAMES: Final = re.compile(
    r"(?:^|[_-])(?:api[_-]?key|access[_-]?key|secret|password|passwd|credentials?|authorization|bearer|"
    r"(?:api|auth|access|hf|bot)[_-]?token)$",
    re.IGNORECASE,
)
"""Keys whose value is a secret and nothing else; ``api_key_env`` names a variable, and ``tokenizer`` is none."""
_HINT: Final = (
    "a file and a record are read by others: set an environment variable, and name it (`api_key_env: NAME`) or read it "
    "in the adapter's own code (`os.environ`)"
)


def secret_literals(document: Document) -> list[Problem]:
    """Return a problem for each value of a file that looks like a secret, at its place, without repeating it."""
    problems: list[Problem] = []

    def look(value: object, path: KeyPath) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                look(item, (*path, key))
        elif isinstance(value, list):
            for i, item in enumerate(value):
                look(item, (*path, i))
        elif isinstance(value, str) and value and (KNOWN.search(value) or _is_named(path)):
            name = path[-1] if path else "the file"
            problems.append(document.problem(path, f"{name!r} holds what looks like a secret", _HINT))

    look(document.value, ())
    return problems


def _is_named(path: KeyPath) -> bool:
    return bool(path) and isinstance(path[-1], str) and bool(_NAMES.search(path[-1]))
