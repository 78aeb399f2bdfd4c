from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.browser import audit, browser, keep, picture, show
from tests.history.helpers import Repository, fill, make_repository

__all__ = ["audit", "browser", "keep", "picture", "show"]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "repository")


@pytest.fixture
def recorded(repository: Repository, small_run: Path) -> Callable[[Sequence[float]], Repository]:
    """Record one commit a value, as the accuracy of the small suite."""
    return lambda values: fill(repository, small_run, values)
