"""``harness doctor``: what is here, what is missing, and what will be slow."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from harness.quantise.measured import Machine

_EPILOG: Final = """\b
Examples:
  harness doctor
  harness doctor --json | jq .slow
"""
_TOOLS: Final = ("dev",)
"""Extras that are no user's."""
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_LITTLE: Final = 8 * 1024**3
"""Bytes of memory below which a model of two billion parameters, in float32, does not fit."""
_FULL: Final = 1024**3


@click.command(epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Say what is installed, which extras lack what, where caches lie, and what will be slow here and why.

    Nothing is imported or run but `git --version`: it takes a moment, whatever is installed.
    """
    found = _examined()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    from harness.cli._grid import console, print_grid

    out = console()
    rows = [[name, str(value)] for name, value in found["here"].items()]
    rows += [[name, f"{one['version']} in {one['path']}" if one["path"] else f"not found: {one['for']}"]
             for name, one in found["programs"].items()]  # fmt: skip
    rows += [[f"cache: {name}", f"{_size(size)} in {found['cache']}"] for name, size in found["caches"].items()]
    print_grid(out, ["", ""], rows)
    extras = [
        [name, "[green]ok[/]" if not one["missing"] else "[dim]missing[/]", ", ".join(one["there"]) or one["install"]]
        if not (one["missing"] and one["there"])
        else [name, "[yellow]in part[/]", f"{', '.join(one['missing'])} not there: {one['install']}"]
        for name, one in found["extras"].items()
    ]
    out.print()
    print_grid(out, ["extra", "", "made of"], [[a, b, c.replace("[", r"\[")] for a, b, c in extras])
    out.print()
    for said in found["slow"]:
        out.print(f"[yellow]slow here: {said}[/]")
    for said in found["broken"]:
        out.print(f"[red]broken: {said}[/]")


def _examined() -> dict[str, Any]:
    from harness import __version__
    from harness.cpu import cpu_flags, has_vnni, speed_facts, usable_cores
    from harness.locate import cache_folder
    from harness.quantise.measured import kind_here, machine_like

    cache, kind = cache_folder(), kind_here()
    steps = "VNNI or AMX: products of bytes in one step" if has_vnni() else "no VNNI: products of bytes in two steps"
    told = speed_facts().get("features", "none that matter") if cpu_flags() else "the system does not tell"
    machine = f"{platform.system()} {platform.machine()}, {usable_cores()} usable cores, {_size(_memory())} of memory"
    return {
        "here": {
            "harness": f"{__version__} in {Path(__file__).resolve().parents[1]}",
            "python": f"{platform.python_version()} in {sys.executable}",
            "machine": machine,
            "instructions": told,
            "int8": steps if cpu_flags() else told,
            **({"int8 gains": _gains(machine_like(kind))} if kind else {}),
        },
        "programs": {
            "git": _program(("git",), "baselines on a branch, bisect and history", version=True),
            "browser": _program(_BROWSERS, "harness's own tests of its pages"),
        },
        "cache": str(cache),
        "caches": _caches(cache),
        "extras": _extras(),
        "slow": [*_slow()],
        "broken": [*_broken(cache)],
    }


def _gains(machine: "Machine") -> str:
    """Return how many times faster than float32 each model was on such a machine, by its better runtime."""
    told = [f"{gain.model} {gain.ratio:.1f} × ({gain.runtime}, recipe {gain.recipe})" for gain in machine.best()]
    return f"as measured on {machine.name}: {', '.join(told)}; docs/latency.md"


def _extras() -> dict[str, dict[str, Any]]:
    """Return of each extra which packages are there, with versions, and which are not."""
    import re
    from importlib import metadata

    from harness.extras import extras, install

    found = {}
    for name, requirements in extras().items():
        there, missing = [], []
        for package in (re.split(r"[^\w.-]", requirement)[0] for requirement in requirements):
            try:
                there.append(f"{package} {metadata.version(package)}")
            except metadata.PackageNotFoundError:
                missing.append(package)
        if name not in _TOOLS:
            found[name] = {"there": there, "missing": missing, "install": install(name)}
    return found


def _program(names: tuple[str, ...], purpose: str, *, version: bool = False) -> dict[str, str | None]:
    path = next(filter(None, map(shutil.which, names)), None)
    told = ""
    if path and version:
        try:
            done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603
            told = done.stdout.strip().removeprefix("git version ")
        except (OSError, subprocess.TimeoutExpired):
            told = "does not start"
    return {"path": path, "version": told or "there", "for": purpose}


def _caches(folder: Path) -> dict[str, int]:
    """Return the bytes of answers, digests and models that are kept."""
    parts = {
        "answers": "responses.sqlite*",
        "digests": "digests.sqlite*",
        "lists of runs": "runs.sqlite*",
        "models": "models/**/*",
    }
    return {name: sum(file.stat().st_size for file in folder.glob(pattern) if file.is_file())
            for name, pattern in parts.items()}  # fmt: skip


def _slow() -> Iterator[str]:
    """Yield what takes long on this machine, and why."""
    from importlib.util import find_spec

    from harness.cpu import cpu_flags, has_vnni, usable_cores

    if cpu_flags() and not has_vnni():
        yield "INT8 gains about 2 × over float32 at most (no VNNI here), and its weights have 7 bits: docs/latency.md"
    if (cores := usable_cores()) <= 2:
        yield f"everything that loads pictures: {cores} core(s); `--workers {cores}` uses them, more does not help"
    if find_spec("torch") and not Path("/dev/nvidia0").exists() and platform.system() == "Linux":
        yield "torch models of billions of parameters: no NVIDIA GPU here, so count on seconds to minutes an answer"
    if 0 < _memory() < _LITTLE:
        yield f"models of 2 billion parameters in float32: they need 8 GiB, and {_size(_memory())} are here; take INT8"


def _broken(cache: Path) -> Iterator[str]:
    """Yield what does not work as it is."""
    parent = next(folder for folder in (cache, *cache.parents) if folder.exists())
    if not os.access(parent, os.W_OK):
        yield f"the cache {cache} cannot be written; set HARNESS_CACHE to a folder that can"
    here = Path.cwd()
    if not os.access(here, os.W_OK):
        yield f"{here} cannot be written, where runs go by default; give --out"
    elif shutil.disk_usage(here).free < _FULL:
        yield f"less than 1 GiB is free in {here}, where runs go by default"


def _memory() -> int:
    """Return the bytes of memory; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0


def _size(count: float) -> str:
    """Return bytes as people say them.

    >>> _size(0), _size(2048), _size(3 * 1024**3)
    ('0 B', '2.0 KiB', '3.0 GiB')
    """
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
