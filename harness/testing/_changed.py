"""Load an adapter again over a copy of its files in which one thing differs, to see that its fingerprint does."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.suite.adapters import AdapterChoice
from harness.types import Adapter

_WEIGHTS: Final = (".safetensors", ".onnx", ".onnx_data", ".bin")
_MOST_BYTES: Final = 1 << 30
_PLACES: Final = (0.5, 0.4, 0.6, 0.3, 0.7)
"""Where in a file to turn one bit: among weights, away from headers; should it hit one, the next is tried."""


def reloader(choice: AdapterChoice) -> Callable[[Path], Adapter] | None:
    """Return what loads the adapter over changed files in a scratch folder; None where it has no files to change."""
    home = choice.file.resolve().parent
    for key in ("lora", "model"):  # a LoRA first: it may refuse a base that is not its own
        named = getattr(choice.config, key, None)
        if isinstance(named, dict):  # an adapter that wraps another one
            named = named.get("model")
        if isinstance(named, str) and (home / named).is_dir() and _size(home / named) <= _MOST_BYTES:
            return partial(_changed_weights, choice, key, home / named)
    target = getattr(choice.config, "target", None)
    if isinstance(target, str) and (home / target.partition(":")[0]).is_file():
        return lambda scratch: _changed_source(choice, home, scratch)
    return None


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _changed_weights(choice: AdapterChoice, key: str, model: Path, scratch: Path) -> Adapter:
    copy = scratch / model.name
    shutil.copytree(model, copy)
    keys = getattr(choice.config, key)
    changed = {**keys, "model": str(copy)} if isinstance(keys, dict) else str(copy)
    config = choice.config.model_copy(update={key: changed})
    files = [path for path in sorted(copy.rglob("*")) if path.suffix in _WEIGHTS and path.stat().st_size]
    failure: Exception = HarnessError(f"{model} holds no weights")
    for place in _PLACES if files else ():
        for file in files:
            _turn_a_bit(file, place)
        try:
            return choice.factory.from_config(config, choice.file.resolve().parent)
        except Exception as error:  # noqa: BLE001 - a bit in the wrong place can break a file in any way
            failure = error
        for file in files:
            _turn_a_bit(file, place)
    raise failure


def _turn_a_bit(file: Path, place: float) -> None:
    with file.open("r+b") as content:
        content.seek(int(file.stat().st_size * place))
        byte = content.read(1)[0]
        content.seek(-1, 1)
        content.write(bytes([byte ^ 1]))


def _changed_source(choice: AdapterChoice, home: Path, scratch: Path) -> Adapter:
    target = choice.config.target.partition(":")[0]
    for name in (target, *choice.config.files):
        copy = scratch / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(home / name, copy)
    with (scratch / target).open("a", encoding="utf-8") as source:
        source.write("\n# changed\n")
    return choice.factory.from_config(choice.config, scratch)
