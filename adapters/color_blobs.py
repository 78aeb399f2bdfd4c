"""A detector without any learning: regions of one colour, with the form that their filling tells."""

import json
import re
from typing import Any

import numpy as np

COLORS = {
    "blue": (31, 119, 180), "orange": (255, 127, 14), "green": (44, 160, 44), "red": (214, 39, 40),
    "purple": (148, 103, 189), "brown": (140, 86, 75),
}  # fmt: skip
FORMS = {"triangle": 0.5, "circle": 0.785, "square": 1.0}
"""By name, the share of its box that a form fills."""


class Blobs:
    """Finds what a phrase names by the words for colours and forms in it, and answers in boxes, in pixels.

    Args:
        near: how far a pixel may be from a colour, in grey levels of each channel together.
        least: pixels below which a region is noise.
    """

    batch_size = 16

    def __init__(self, near: float = 45.0, least: int = 40) -> None:
        self._near = near
        self._least = least

    def __call__(self, prompt: str, images: Any) -> str:
        """Answer how many there are, where one is, or what there is, as JSON with labels and scores."""
        found = [blob for image in images for blob in self._blobs(image)]
        asked, _, form = prompt.partition("Answer with")
        if "JSON" in form:
            listed = [{"label": _label(blob, asked), "box": blob["box"], "score": blob["score"]} for blob in found]
            return json.dumps([one for one in listed if one["label"]])
        fitting = [blob for blob in found if _fits(blob, asked)]
        if re.search(r"how many", asked, re.IGNORECASE):
            return str(len(fitting))
        return str(fitting[0]["box"]) if fitting else "none"

    def ground(self, images: Any, phrases: Any) -> list[Any]:
        """Return the boxes of what each phrase names in its image, the surest first."""
        return [
            np.array([blob["box"] for blob in self._blobs(image) if _fits(blob, phrase)], np.float32).reshape(-1, 4)
            for image, phrase in zip(images, phrases, strict=True)
        ]

    def _blobs(self, image: Any) -> list[dict[str, Any]]:
        from scipy import ndimage

        pixels = np.asarray(image.convert("RGB"), np.float32)
        blobs = []
        for color, levels in COLORS.items():
            regions, _ = ndimage.label(np.linalg.norm(pixels - np.array(levels, np.float32), axis=2) < self._near)
            for number, (rows, columns) in enumerate(ndimage.find_objects(regions), start=1):
                filled = float((regions[rows, columns] == number).mean())
                box = [columns.start, rows.start, columns.stop, rows.stop]
                if filled * (box[2] - box[0]) * (box[3] - box[1]) < self._least:
                    continue
                form = min(FORMS, key=lambda name: abs(FORMS[name] - filled))
                score = round(1 - min(1.0, 2 * abs(FORMS[form] - filled)), 4)
                blobs.append({"color": color, "form": form, "box": box, "score": score})
        return sorted(blobs, key=lambda blob: -blob["score"])


def _words(text: str) -> set[str]:
    return {word.removesuffix("s") for word in re.findall(r"[a-z]+", text.lower())}


def _fits(blob: dict[str, Any], phrase: str) -> bool:
    words = _words(phrase)
    colors, forms = words & COLORS.keys(), words & FORMS.keys()
    return bool(colors or forms) and blob["color"] in (colors or COLORS) and blob["form"] in (forms or FORMS)


def _label(blob: dict[str, Any], asked: str) -> str:
    """Return what a blob is called among the names that were asked for."""
    both = f"{blob['color']} {blob['form']}"
    return next((name for name in (both, blob["color"], blob["form"]) if name in asked.lower()), "")
