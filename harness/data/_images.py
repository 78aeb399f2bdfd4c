"""Image files from a disk that cannot be trusted: confined to folders, bounded in size, failing as a sentence."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from harness.errors import SampleError
from harness.unreadable import why_unreadable

MAX_PIXELS: Final = 50_000_000
"""50 megapixels: a page scanned at 600 dpi fits, a 30,000 × 30,000 bomb does not."""

# The check below is stricter than Pillow's warning, which would otherwise be printed once per process.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def confine(path: Path, roots: tuple[Path, ...]) -> Path:
    """Return the resolved ``path`` if it lies under one of ``roots``, links followed.

    Raises:
        SampleError: if it does not, or is no path at all.
    """
    try:
        resolved = path.resolve()
    except ValueError as cause:  # a null byte
        raise SampleError(f"{str(path)!r} is not a path: {cause}") from cause
    if not any(resolved.is_relative_to(root.resolve()) for root in roots):
        allowed = ", ".join(map(str, roots))
        raise SampleError(f"{path} lies outside {allowed}; declare its folder with --root")
    return resolved


@dataclass(frozen=True, slots=True)
class FileImage:
    """An image file that is decoded when it is loaded."""

    path: Path
    roots: tuple[Path, ...]

    def load(self) -> Image.Image:
        """Decode the file, turned upright as its EXIF orientation says.

        Raises:
            SampleError: if it is missing, outside the roots, empty, corrupt, or larger than 50 megapixels.
        """
        path = confine(self.path, self.roots)
        try:
            with Image.open(path) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise SampleError(f"{self.path}: {width} × {height} px is more than {MAX_PIXELS:,} px")
                image.load()
                return ImageOps.exif_transpose(image)
        except FileNotFoundError as cause:
            raise SampleError(f"{self.path}: there is no such file") from cause
        except Image.DecompressionBombError as cause:
            raise SampleError(f"{self.path}: more than {MAX_PIXELS:,} px") from cause
        except UnidentifiedImageError as cause:
            why = why_unreadable(path)
            raise SampleError(f"{self.path}: not an image, or empty" + (f": {why}" if why else "")) from cause
        except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as cause:
            raise SampleError(f"{self.path}: cannot be decoded: {cause}") from cause
