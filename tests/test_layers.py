"""Each layer imports only from its own floor or from below."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).resolve().parent

FLOORS = (
    (
        "errors",
        "types",
        "seeds",
        "registry",
        "locate",
        "cpu",
        "git",
        "kv_cache",
        "spec",
        "stats",
        "estimate",
        "timing",
        "serve",
        "quantise",
        "zoo",
    ),
    ("perturb", "detect", "frames", "adapters", "data", "metrics", "record"),
    ("tasks", "compare", "history"),
    ("suite", "hosts", "engine", "gate", "report"),
    ("cli", "testing", "pytest_plugin", "__init__", "__main__"),
)
STRANGERS = FLOORS[1]
"""Layers of one floor that don't know each other."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(module: str) -> str:
    """The layer of a dotted module name: ``harness.metrics._base`` → ``metrics``."""
    return [*module.split("."), "__init__"][1]


def floor_of(layer: str) -> int:
    return next(i for i, layers in enumerate(FLOORS) if layer in layers)


def module_of(file: Path) -> str:
    inside = file.relative_to(PACKAGE.parent).with_suffix("")
    return ".".join(inside.parts).removesuffix(".__init__")


def imported(source: str) -> Iterator[str]:
    """Yield every module of the harness that ``source`` imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "harness")
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "a relative import"
        elif isinstance(node, ast.ImportFrom) and node.module == "harness":
            # The version is a constant of the package that every import of a part of it loads anyway.
            yield from (f"harness.{alias.name}" for alias in node.names if alias.name != "__version__")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harness."):
            yield str(node.module)


def violations(module: str, source: str) -> list[str]:
    own = layer_of(module)
    found = []
    for target in imported(source):
        other = layer_of(target)
        if other == own:
            continue
        if floor_of(other) > floor_of(own):
            found.append(f"{module} imports {target}, which stands above it")
        elif own in STRANGERS and other in STRANGERS:
            found.append(f"{module} imports {target}; {own} and {other} must not know each other")
    return found


@pytest.mark.parametrize("file", MODULES, ids=[module_of(file) for file in MODULES])
def test_a_module_imports_only_from_its_own_floor_or_from_below(file: Path) -> None:
    assert violations(module_of(file), file.read_text(encoding="utf-8")) == []


def test_the_check_sees_imports_upwards_and_sideways_and_inside_functions() -> None:
    assert violations("harness.spec.models", "from harness.engine.run import run_suite")
    assert violations("harness.metrics.x", "def f():\n    from harness.data import jsonl")
    assert violations("harness.tasks.qa", "from harness import cli")
    assert not violations("harness.tasks.qa", "from harness import metrics, __version__\nimport harness.record.store")


def loaded_after(code: str, names: tuple[str, ...]) -> set[str]:
    script = f"import sys\n{code}\nprint(*(name for name in {names!r} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    return set(done.stdout.splitlines()[-1].split())


HEAVY = ("torch", "pandas", "scipy", "onnxruntime", "transformers", "matplotlib")


def test_help_imports_no_heavy_library() -> None:
    code = "from harness.cli import invoke\ninvoke(['--help'])"
    assert loaded_after(code, (*HEAVY, "numpy", "pyarrow", "PIL", "pydantic", "yaml", "rich")) == set()


@pytest.mark.parametrize("module", ["harness", "harness.metrics", "harness.perturb", "harness.record"])
def test_importing_a_public_package_imports_no_heavy_library(module: str) -> None:
    assert loaded_after(f"import {module}", HEAVY) == set()
