"""No other module opens an image: what a user's file may be is decided in one place."""

import ast
from pathlib import Path

import harness

PACKAGE = Path(harness.__file__).resolve().parent
DOOR = "images/_door.py"
PROBES = "testing/_probes.py"
"""Makes a broken image in memory, to see what an adapter does with it; it opens nobody's file."""

OPENERS = ("open", "open_video", "imread", "imdecode", "VideoCapture", "fromfile")
LIBRARIES = ("Image", "PIL.Image", "cv2", "imageio", "tifffile", "skimage.io", "iio")


def opened(source: str) -> list[int]:
    """Return the lines of a module that open an image by a library that decodes it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in OPENERS and ast.unparse(node.value) in LIBRARIES:
            found.append(node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module in LIBRARIES:
            found += [node.lineno for name in node.names if name.name in OPENERS]
    return found


def test_the_check_sees_what_it_looks_for() -> None:
    assert opened("from PIL import Image\nwith Image.open(path) as image: ...") == [2]
    assert opened("from PIL.Image import open as o") == [1]
    assert opened("import cv2\ncv2.imread(path)") == [2]
    assert opened("path.open('rb'); open(path); av.open(path)") == []


def test_one_module_opens_images_and_no_other() -> None:
    lines = {
        file.relative_to(PACKAGE).as_posix(): opened(file.read_text(encoding="utf-8")) for file in PACKAGE.rglob("*.py")
    }
    assert {module for module, found in lines.items() if found} == {DOOR, PROBES}, "use harness.images"
