"""``harness cache``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from harness.engine.cache import ResponseCache

_EPILOG: Final = """\b
Examples:
  harness run my-suite.yaml -a my-server --cache
  harness cache stats
  HARNESS_CACHE=/data/cache harness cache verify
"""
_STATS: Final = """\b
Examples:
  harness cache stats
  harness cache stats --json
"""
_VERIFY: Final = """\b
Examples:
  harness cache verify
  HARNESS_CACHE=/data/cache harness cache verify
"""
_CLEAR: Final = """\b
Examples:
  harness cache clear
  HARNESS_CACHE=/data/cache harness cache clear
"""


@click.group(epilog=_EPILOG)
def command() -> None:
    """Answers that models gave in earlier runs, for `harness run --cache`.

    An answer is found again only under the fingerprint of the model that gave it and the hash of all that it saw; where
    answers can depend on their batch, under the whole batch. They lie in $HARNESS_CACHE, or where
    this system keeps caches (~/.cache/vlm-harness), at most 1 GiB; those that were not used for longest go first.
    """


@command.command(epilog=_STATS)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stats(as_json: bool) -> None:
    """Print how much is there, and from which models."""
    with _open() as cache:
        found, path = cache.stats(), cache.path
    if as_json:
        click.echo(
            json.dumps(
                {"path": str(path), "entries": found.entries, "bytes": found.bytes, "models": dict(found.models)}
            )
        )
        return
    click.echo(f"{path}: {found.entries:,} answers, {found.bytes:,} bytes")
    for model, count in found.models.items():
        click.echo(f"  {model[:16]}  {count:,}")


@command.command(epilog=_VERIFY)
def verify() -> None:
    """Check every answer against its checksum, and drop those that do not fit."""
    with _open() as cache:
        total, dropped = cache.stats().entries, cache.verify()
    click.echo(f"{total:,} answers, {dropped:,} of them damaged and dropped")


@command.command(epilog=_CLEAR)
def clear() -> None:
    """Remove all answers."""
    from harness.engine.cache import CacheError
    from harness.locate import cache_folder

    try:
        with _open() as cache:
            count = cache.clear()
        click.echo(f"{count:,} answers removed")
    except CacheError:
        for file in cache_folder().glob("responses.sqlite*"):
            file.unlink()
        click.echo("the cache was damaged and is removed")


def _open() -> "ResponseCache":
    from harness.engine.cache import ResponseCache
    from harness.locate import cache_folder

    folder: Path = cache_folder()
    return ResponseCache(folder)
