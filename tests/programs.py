"""Programs that pip cannot bring: a test that misses one is left out aloud, or fails where the gate demands it."""

import os
import shutil
from typing import NoReturn

import pytest


def program(*names: str, get: str) -> str:
    """Return where the first of these programs lies that there is; without any, see :func:`without`."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or without(f"no {' or '.join(names)} on the PATH", get)


def git() -> str:
    """Return where git lies."""
    return program("git", get="apt-get install git")


def without(said: str, get: str) -> NoReturn:
    """Skip the test, or fail where HARNESS_REQUIRE_PROGRAMS is set, as in the gates.

    Args:
        said: what is missing.
        get: the command that brings it.
    """
    if os.environ.get("HARNESS_REQUIRE_PROGRAMS"):
        pytest.fail(f"{said}, and HARNESS_REQUIRE_PROGRAMS is set: {get}", pytrace=False)
    pytest.skip(f"NOT TESTED, {said}: {get}")
