"""``harness perturb``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.types import Corruption

_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
_EPILOG: Final = """\b
Examples:
  harness perturb photos photos-c --corruption fog --severity 3
  harness perturb photos photos-c -c rotation -c jpeg_compression -s 1 -s 5 --seed 7
"""


@click.command(epilog=_EPILOG)
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
@click.option("-c", "--corruption", "names", multiple=True, required=True, help="What to do to each image.")
@click.option("-s", "--severity", "severities", multiple=True, type=click.IntRange(1), help="How much; all by default.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed, other noise.")
def command(source: Path, target: Path, names: tuple[str, ...], severities: tuple[int, ...], seed: int) -> int:
    """Write a corrupted copy of every image in SOURCE to TARGET/corruption/severity/…, ImageNet-C's layout.

    The copies are PNG, so that nothing but the corruption changes them. An image that cannot be
    read is named and left out, and the exit code is then 4.
    """
    from harness import perturb

    corruptions = {name: perturb.get(name) for name in names}
    files = [file for file in sorted(source.rglob("*")) if file.suffix.lower() in _SUFFIXES and file.is_file()]
    if not files:
        raise click.UsageError(f"there are no images in {source}")
    if target.resolve().is_relative_to(source.resolve()):
        raise click.UsageError("TARGET must not lie inside SOURCE")
    failed = sum(_write(file, source, target, corruptions, severities, seed) for file in files)
    done = len(files) - failed
    click.echo(
        f"{done} images under {len(corruptions)} corruptions in {target}" + (f"; {failed} left out" if failed else "")
    )
    return ExitCode.RUN_FAILED if failed else ExitCode.OK


def _write(
    file: Path, source: Path, target: Path, corruptions: "dict[str, Corruption]", severities: tuple[int, ...], seed: int
) -> bool:
    """Write all copies of one image; return whether it had to be left out."""
    from harness import perturb
    from harness.data import FileImage
    from harness.errors import SampleError
    from harness.seeds import generator

    relative = file.relative_to(source)
    try:
        image = FileImage(file, (source,)).load()
        for name, severity in _cells(corruptions, severities):
            rng = generator(seed, name, severity, relative.as_posix())
            out = (target / name / str(severity) / relative).with_suffix(".png")
            out.parent.mkdir(parents=True, exist_ok=True)
            perturb.corrupt(image, corruptions[name], severity, rng).save(out)
    except SampleError as error:
        click.echo(f"left out: {error}", err=True)
        return True
    return False


def _cells(corruptions: "dict[str, Corruption]", severities: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    for name, corruption in corruptions.items():
        for severity in severities or range(1, corruption.severities + 1):
            yield name, severity
