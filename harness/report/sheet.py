"""A contact sheet: one image under every corruption at every severity."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from harness import perturb
from harness.images import to_rgb
from harness.seeds import generator

if TYPE_CHECKING:
    from PIL import Image

_LONGEST_SIDE: Final = 160
_GAP: Final = 6
_LABEL_WIDTH: Final = 150
_HEADER: Final = 24


def contact_sheet(image: "Image.Image", names: Sequence[str], seed: int) -> "Image.Image":
    """Return the sheet: a labelled row for each corruption, severity 0 first.

    Corruptions are applied at the image's own size; only the pictures on the sheet are small.

    Raises:
        UsageError: if a name is unknown.
    """
    from PIL import Image, ImageDraw, ImageFont

    corruptions = {name: perturb.get(name) for name in names}
    severities = max(corruption.severities for corruption in corruptions.values())
    width, height = _small(image).size
    size = (
        _LABEL_WIDTH + (severities + 1) * (width + _GAP),
        _HEADER + len(corruptions) * (height + _GAP),
    )
    sheet = Image.new("RGB", size, (255, 255, 255))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for severity in range(severities + 1):
        pen.text((_LABEL_WIDTH + severity * (width + _GAP), 4), str(severity), fill=(0, 0, 0), font=font)
    for row, (name, corruption) in enumerate(corruptions.items()):
        top = _HEADER + row * (height + _GAP)
        pen.text((4, top + height // 2 - 8), name, fill=(0, 0, 0), font=font)
        for severity in range(corruption.severities + 1):
            drawn = perturb.corrupt(image, corruption, severity, generator(seed, name, severity))
            sheet.paste(_small(drawn), (_LABEL_WIDTH + severity * (width + _GAP), top))
    return sheet


def _small(image: "Image.Image") -> "Image.Image":
    small = to_rgb(image)
    small.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    return small
