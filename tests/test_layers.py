"""Each package imports only from its own floor or from below, and only what others may see."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).resolve().parent

FLOORS = (
    ("__init__", "__main__", "cli", "pytest_plugin"),
    ("api",),
    ("report", "history"),
    ("gates", "equivalence", "causes", "picks"),
    ("engine",),
    ("imports", "exports"),
    ("suite", "comparison", "testing"),
    ("tasks",),
    ("adapters", "data", "zoo"),
    ("record", "hosts"),
    ("metrics", "detect", "perturb", "frames"),
    ("estimate", "labels"),
    ("asks",),
    ("reading",),
    ("spec", "stats", "timing", "serve", "quantise"),
    ("images",),
    (
        "errors",
        "extras",
        "types",
        "traces",
        "facts",
        "seeds",
        "registry",
        "shown",
        "locate",
        "collecting",
        "cpu",
        "git",
        "kv_cache",
        "unreadable",
        "digests",
        "waits",
        "patience",
        "recent",
    ),
)
"""From the roof down: what stands here imports from below, and on its own floor without going round in a circle."""

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
            private = (alias.name for alias in node.names if alias.name.startswith("_"))
            yield from (f"{node.module}.{name}" for name in private)
            yield str(node.module)


def violations(module: str, source: str) -> list[str]:
    own = layer_of(module)
    found = []
    for target in imported(source):
        other = layer_of(target)
        if other == own:
            continue
        if floor_of(other) < floor_of(own):
            found.append(f"{module} imports {target}, which stands above it")
        if any(part.startswith("_") and not part.startswith("__") for part in target.split(".")):
            found.append(f"{module} imports {target}, which is private to {other}")
    return found


def circle(sources: Mapping[str, str]) -> list[str]:
    """Return packages that import each other in a circle, the first one again at the end; none where there is none."""
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        own = layer_of(module)
        graph.setdefault(own, set()).update(layer_of(target) for target in imported(source))
        graph[own].discard(own)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


SOURCES = {module_of(file): file.read_text(encoding="utf-8") for file in MODULES}


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_only_from_its_own_floor_or_from_below_and_nothing_private(module: str) -> None:
    assert violations(module, SOURCES[module]) == []


def test_no_packages_import_each_other_in_a_circle() -> None:
    assert circle(SOURCES) == []


def shadows(package: str) -> set[str]:
    """Return the public functions of a package that one of its modules would take the name of when it is imported."""
    inside = (module.removeprefix(f"{package}.") for module in SOURCES if module.startswith(f"{package}."))
    named = {*import_module(package).__all__} & {module.partition(".")[0] for module in inside}
    # A module that is imported with its package has lost its place to the function before anybody can import it.
    return {name for name in named if not loaded_after(f"import {package}", (f"{package}.{name}",))}


@pytest.mark.parametrize("package", ["harness", "harness.api", "harness.estimate", "harness.types", "harness.tasks"])
def test_no_module_takes_the_place_of_what_its_package_shows_under_that_name(package: str) -> None:
    assert shadows(package) == set()


def test_every_package_stands_on_one_floor() -> None:
    layers = [layer for floor in FLOORS for layer in floor]
    assert {layer_of(module) for module in SOURCES} <= set(layers)
    assert len(layers) == len(set(layers))


def test_the_check_sees_imports_upwards_and_private_ones_and_inside_functions() -> None:
    assert violations("harness.spec.models", "from harness.engine.run import run_suite")
    assert violations("harness.metrics.x", "def f():\n    from harness.data import jsonl")
    assert violations("harness.tasks.qa", "from harness import cli")
    assert violations("harness.tasks.qa", "from harness.metrics._base import FAILED")
    assert violations("harness.tasks.qa", "from harness.metrics import _base")
    assert violations("harness.tasks.qa", "import harness.metrics._base")
    assert not violations("harness.tasks.qa", "from harness.tasks._base import Cell")
    assert not violations("harness.tasks.qa", "from harness import metrics, __version__\nimport harness.record.store")


def test_the_check_sees_a_circle_between_packages_of_one_floor() -> None:
    record, hosts, detect = "harness.record.x", "harness.hosts.x", "harness.detect.x"
    assert circle({record: "from harness.hosts import thread", hosts: "def f():\n    import harness.record"})
    assert not circle({record: "from harness.hosts import thread", hosts: "from harness.detect import x", detect: ""})


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


FACES = tuple(f"harness.{name}" for name in ("tasks", "data", "adapters", "metrics", "perturb", "detect", "frames"))


@pytest.mark.parametrize("module", ["harness", "harness.record", *FACES])
def test_importing_a_public_package_imports_no_heavy_library(module: str) -> None:
    assert loaded_after(f"import {module}", HEAVY) == set()


@pytest.mark.parametrize("module", FACES)
def test_a_face_has_what_it_promises(module: str) -> None:
    face = import_module(module)
    assert [name for name in face.__all__ if not hasattr(face, name)] == []
