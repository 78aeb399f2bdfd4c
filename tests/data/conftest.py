"""What tests of datasets that lie on disk share: small pictures, and opening a layout by its name."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.registry import registry


def picture(color: str = "red", size: tuple[int, int] = (8, 6), kind: str = "PNG") -> bytes:
    """Return the bytes of a picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Any]:
    """Open what lies in the test's own folder as a dataset of some type."""

    def make(kind: str, path: str = ".", **keys: Any) -> Any:
        cls = registry("datasets").load(kind)
        return cls.from_config(cls.Config.model_validate({"path": path, **keys}), tmp_path, (tmp_path,))

    return make
