"""What tests of several adapters share."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.adapters.families import Built


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> "Callable[[str], Built]":
    """Build the checkpoint of a family, once."""
    from tests.adapters.families import Built  # it imports torch, which most adapters do without

    made: dict[str, Built] = {}

    def build(name: str) -> Built:
        if name not in made:
            made[name] = Built.of(name, tmp_path_factory.mktemp("families") / name)
        return made[name]

    return build
