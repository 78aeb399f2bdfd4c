"""All runs as a static site: a front page, a report a run, an overview a suite, the history."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.record import RunRecord
from harness.record.heads import heads
from harness.report import numbers, page
from harness.report.content import verdict_of
from harness.report.embed import BESIDE
from harness.report.html import write_html
from harness.report.overview import write_overview

_TEMPLATE: Final = "index.html.j2"


@dataclass(frozen=True, slots=True)
class Listed:
    """One run in a list."""

    record: RunRecord
    address: str

    @property
    def title(self) -> str:
        """The adapter, marked where it is simulated."""
        return numbers.title(self.record)

    @property
    def verdict(self) -> str:
        """One word."""
        return verdict_of(self.record)

    @property
    def way(self) -> str:
        """What the verdict means, as colours and marks know it."""
        return {"fail": "bad", "run failed": "bad", "pass": "good"}.get(self.verdict, "open")


@dataclass(frozen=True, slots=True)
class Link:
    """Another page."""

    text: str
    address: str


def write_site(runs: Path, out: Path, history: Path | None = None) -> Path:
    """Write a site of everything under ``runs`` into ``out``; return its front page.

    Args:
        runs: folder of run folders.
        out: where to; files of an earlier site are replaced, nothing else is touched.
        history: our history page, where there is one.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / ".nojekyll").touch()
    listed, links = [], []
    for folder, record in heads(runs):
        address = f"runs/{folder.name}.html"
        write_html(folder, out / address)
        listed.append(Listed(record, address))
    for suite, folders in _by_suite(runs).items():
        if len(folders) > 1:
            try:
                pages = {folder: f"../runs/{folder.name}.html" for folder in folders}
                write_overview(folders, out / f"suites/{suite}.html", pages)
            except HarnessError:
                continue  # runs of two versions of a suite don't stand side by side
            links.append(Link(f"{suite}, ranked", f"suites/{suite}.html"))
    if history and history.is_file():
        (out / "history.html").write_bytes(history.read_bytes())
        for pattern in ("compare/*.html", f"compare/*{BESIDE}"):
            for file in history.parent.glob(pattern):
                (out / "compare").mkdir(exist_ok=True)
                (out / "compare" / file.name).write_bytes(file.read_bytes())
        links.append(Link("history across commits", "history.html"))
    front = out / "index.html"
    front.write_text(index_html(listed[::-1], links), encoding="utf-8")
    return front


def index_html(
    listed: Sequence[Listed], links: Sequence[Link] = (), live: Sequence[Link] = (), served: bool = False
) -> str:
    """Return the list of runs.

    Args:
        listed: the newest first.
        links: other pages.
        live: runs in flight.
        served: whether a server stands behind the page, so that any two runs can be compared.
    """
    template = page.environment().get_template(_TEMPLATE)
    return template.render(listed=listed, links=links, live=live, served=served, pair=_pair(listed))


def _pair(listed: Sequence[Listed]) -> tuple[int, int]:
    """Return which runs are chosen to be compared: the newest that has an earlier one like it, and that one.

    Alike are runs that came to their end, of one version of a suite, both simulated or both not.
    """
    seen: dict[tuple[str, int, bool], int] = {}
    pairs = []
    for i, one in enumerate(listed):
        record = one.record
        if record.status == "complete":
            key = record.suite.name, record.suite.version, record.adapter.simulated
            if key in seen:
                pairs.append((i, seen[key]))
            seen.setdefault(key, i)
    return min(pairs, key=lambda pair: pair[1], default=(1, 0))


def _by_suite(runs: Path) -> dict[str, list[Path]]:
    """Return the newest run of each adapter, by suite."""
    newest: dict[str, dict[str, Path]] = {}
    for folder, record in heads(runs):
        newest.setdefault(record.suite.name, {})[record.adapter.name] = folder
    return {suite: [*adapters.values()] for suite, adapters in newest.items()}
