"""What runs without a YAML file: a function or a checkpoint as an adapter, data as a suite of one task."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.locate import nearest_file
from harness.spec.document import Document, made_document, parse_document
from harness.suite.starter import guessed, keys_for, layout, starter

_TARGET: Final = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_][A-Za-z0-9_.]*)")


def adapter_document(name: str, folder: Path | None = None) -> Document | None:
    """Return what an adapter's file would say of ``model.py:answer`` or of a checkpoint's folder; None of others.

    Args:
        name: as on the command line.
        folder: where a relative path starts; the working directory by default.

    Raises:
        UsageError: if there is no such file.
    """
    found = _TARGET.fullmatch(name)
    if found is None:
        return _checkpoint((folder or Path.cwd()) / name)
    file = (folder or Path.cwd()) / found["file"]
    if not file.is_file():
        near = nearest_file(file)
        said = f"there is no file {found['file']}, whose {found['name']} was to be the model"
        raise UsageError(said + (f"; {near}" if near else ""))
    target = f"{file.name}:{found['name']}"
    told = {"adapter": _named(f"{file.stem}-{found['name']}"), "type": "python", "target": target}
    return made_document(told, file.with_name(target))


def _checkpoint(path: Path) -> Document | None:
    """Return what an adapter's file would say of a folder that `save_pretrained` or an exporter to ONNX wrote."""
    try:
        said = json.loads((path / "config.json").read_text(encoding="utf-8"))
        kind, saved = str(said["model_type"]), said.get("architectures") or [""]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    path = path.resolve()
    weights = any(path.glob("*.safetensors")) or any(path.glob("pytorch_model*.bin"))
    if str(saved[0]).endswith("ForImageClassification"):
        type_ = "classifier" if weights else "onnx_classifier"
    elif weights or not (path / "onnx").is_dir():
        type_ = "transformers"
    else:
        type_ = "onnx" if kind.startswith("qwen2") else "onnx_vlm"
    return made_document({"adapter": _named(path.name), "type": type_, "model": path.name}, path)


def data_document(path: Path, roots: Sequence[Path] = (), fields: Mapping[str, str] | None = None) -> Document:
    """Return the suite that ``harness init --from`` would write over data, with a metric that is guessed.

    Args:
        path: a file or folder, in any layout that ``harness data show`` knows.
        roots: folders outside its own that its images may lie in.
        fields: which column is what, where that cannot be told.

    Raises:
        UsageError: if it is in no layout, or the column of the answers cannot be told.
        ConfigError: if it cannot be read.
    """
    if not path.exists():
        near = nearest_file(path)
        raise UsageError(f"there is no file {path}" + (f"; {near}" if near else ""))
    found, _ = layout(path)
    keys = keys_for(found, path, tuple(roots), fields=fields)
    name = _named(found.type if found.official else path.stem.lower())
    metrics = guessed(found, path, tuple(roots), keys)
    # By way of text, so that a suite that is guessed and one that is written down are the same.
    text = starter(found, path, name, path.resolve().parent, keys, metrics)
    told: dict[str, Any] = parse_document(text, path).value
    named = ", ".join(str(one["metric"] if isinstance(one, dict) else one) for one in told["tasks"][name]["metrics"])
    source = "that of the data set" if found.official else "guessed"
    said = f"Every row of {path.name}, asked once; no suite was written, and the metric is {source}: {named}."
    return made_document(told | {"description": said}, path)


def _named(text: str) -> str:
    """Return text as a name may be."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("._-") or "data"
