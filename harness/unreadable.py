"""Why a library cannot read a file, in words that say what to do: the library's own seldom do."""

import json
import re
from pathlib import Path
from typing import Final

_POINTER: Final = b"version https://git-lfs"
_PAGES: Final = (b"<!doctype html", b"<html")
_HEADER: Final = 100_000_000
"""Bytes of a safetensors header beyond which a file is none."""
_NEWER: Final = re.compile(r"(Opset|IR version:) (\d+)\b.*?\b(?:till opset|max supported IR version:) (\d+)", re.DOTALL)
_CUT: Final = ("Protobuf parsing failed", "Error parsing message")


def why_unreadable(path: Path) -> str:
    """Return what a file is instead of what its name says, and what to do; nothing where that cannot be told.

    Known are pointers of Git LFS, empty files, web pages, and safetensors that end too early.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(64)
            if start.startswith(_POINTER):
                return "it is a pointer of Git LFS and not the file itself; run `git lfs pull` where it was cloned"
            if not start:
                return "it is empty; copy or download it again"
            if start.lstrip().lower().startswith(_PAGES):
                return "it is a web page; download the file itself"
            if path.suffix == ".safetensors":
                length = int.from_bytes(start[:8], "little")
                file.seek(8)
                return _safetensors(size, length, file.read(min(length, _HEADER)))
    except OSError:
        pass
    return ""


def unreadable(path: Path, cause: object) -> str:
    """Return why ``path`` cannot be read, in our words or else in those of the library that tried.

    >>> unreadable(Path("gone.onnx"), "no such file")
    'gone.onnx cannot be loaded: no such file'
    """
    text = str(cause).strip()
    return f"{path} cannot be loaded: {why_unreadable(path) or _onnx(text) or text}"


def _safetensors(size: int, length: int, header: bytes) -> str:
    """Return whether a safetensors file is cut off: its header says how long it must be."""
    if 8 + length > size or len(header) < length:
        return f"it is no safetensors file, or cut off within its header ({size:,} bytes); copy or download it again"
    try:
        tensors = json.loads(header)
        ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return "its header is not that of a safetensors file; copy or download it again"
    needed = 8 + length + max(ends, default=0)
    return f"it is cut off: {size:,} of {needed:,} bytes are there; copy or download it again" if size < needed else ""


def _onnx(text: str) -> str:
    """Return what is wrong with an ONNX file that ONNX Runtime or protobuf refuses with these words."""
    if found := _NEWER.search(text):
        what = "opset" if found[1] == "Opset" else "IR version"
        return (
            f"its {what} is {found[2]}, and the installed ONNX Runtime knows none above {found[3]}; upgrade "
            f"onnxruntime, or export the model with an older {what}"
        )
    if any(sign in text for sign in _CUT):
        return "it is no ONNX file, or cut off; export or copy it again"
    return ""
