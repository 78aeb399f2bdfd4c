"""What the extras are made of, and lines that install them: true of a clone, a release and git alike."""

import json
import re
import shlex
from pathlib import Path
from typing import Final

NAME: Final = "vlm-harness"
"""What the package is called where it is installed."""
_HOME: Final = "vlm-harness/vlm-harness"
_EXTRA: Final = re.compile(r"""\bextra\s*==\s*["']([^"']+)["']""")
_GITHUB: Final = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?")


def extras() -> dict[str, tuple[str, ...]]:
    """Return the requirements of each extra; nothing where the package runs from its folder without being installed.

    >>> [one for one in extras()["video"]]
    ['av>=14']
    """
    from importlib import metadata

    found: dict[str, list[str]] = {}
    try:
        told = metadata.requires(NAME) or []
    except metadata.PackageNotFoundError:
        return {}
    for line in told:
        requirement, _, marker = line.partition(";")
        if named := _EXTRA.search(marker):
            found.setdefault(named[1], []).append(requirement.strip())
    return {name: tuple(requirements) for name, requirements in sorted(found.items())}


def install(extra: str) -> str:
    """Return the command that brings what an extra is made of.

    It names the packages, not the extra: those are on the index, while this one may come from a clone or from git.

    >>> print(install("video"))
    pip install 'av>=14'
    """
    requirements = extras().get(extra)
    if not requirements:
        requirements = (f"{Path(__file__).resolve().parent.parent}[{extra}]",)
    return f"pip install {' '.join(shlex.quote(one) for one in requirements)}"


def action() -> str:
    """Return what a GitHub workflow calls the action: the commit or release that is installed here, else the newest."""
    from importlib import metadata

    try:
        installed = metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        return f"{_HOME}@main"
    told = installed.read_text("direct_url.json")
    if told is None:
        return f"{_HOME}@v{installed.version}"  # from an index: a release, and a release has a tag
    origin = json.loads(told)
    home = _GITHUB.fullmatch(origin.get("url", ""))
    commit = origin.get("vcs_info", {}).get("commit_id")
    return f"{home[1]}@{commit}" if home and commit else f"{_HOME}@main"
