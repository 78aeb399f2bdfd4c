"""What a file is instead of what its name says, in words that say what to do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.unreadable import unreadable, why_unreadable

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
HEADER = json.dumps({"__metadata__": {}, "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
WHOLE = len(HEADER).to_bytes(8, "little") + HEADER + bytes(8)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model.onnx", POINTER, "a pointer of Git LFS"),
        ("model.onnx", b"", "it is empty"),
        ("model.onnx", b"\n<!DOCTYPE html><html>", "a web page"),
        ("model.safetensors", WHOLE[:-1], f"it is cut off: {len(WHOLE) - 1} of {len(WHOLE)} bytes"),
        ("model.safetensors", WHOLE[:20], "cut off within its header (20 bytes)"),
        ("model.safetensors", b"a text of some length", "no safetensors file"),
        ("model.safetensors", (2).to_bytes(8, "little") + b"[]", "its header is not that"),
    ],
)
def test_what_can_be_told_is(write: Callable[..., Path], name: str, content: bytes, said: str) -> None:
    assert said in why_unreadable(write(name, content))


def test_nothing_is_said_of_files_that_are_whole_or_not_there(write: Callable[..., Path], tmp_path: Path) -> None:
    assert why_unreadable(write("model.safetensors", WHOLE)) == ""
    assert why_unreadable(write("model.onnx", b"\x08\x07")) == ""
    assert why_unreadable(tmp_path / "gone") == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "… Opset 99 is under development … for domain ai.onnx is till opset 28.",
            "its opset is 99, and the installed",
        ),
        ("Unsupported model IR version: 99, max supported IR version: 14", "none above 14; upgrade onnxruntime"),
        ("Load model from a.onnx failed:Protobuf parsing failed.", "no ONNX file, or cut off"),
        ("something else", "cannot be loaded: something else"),
    ],
)
def test_words_of_onnx_runtime_are_put_into_ours(words: str, said: str) -> None:
    assert said in unreadable(Path("a.onnx"), RuntimeError(words))
