"""How many tokens a picture costs at a provider: rules as data, each with its source and when it held."""

import json
import math
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, Final

from harness.adapters._qwen2_vl.images import ImageSettings, fit
from harness.errors import SampleError

_FILE: Final = "image_tokens.json"


@cache
def rules() -> Mapping[str, Mapping[str, Any]]:
    """Return all rules by name: how a picture is counted, for which models, and where that is said."""
    text = files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    found: dict[str, Mapping[str, Any]] = json.loads(text)
    return found


def rule_for(model: str) -> str:
    """Return the rule that a model's name stands under, the one that names most of it; nothing where none does.

    >>> rule_for("gpt-4o-2024-11-20"), rule_for("gpt-4o-mini"), rule_for("anthropic/claude-sonnet-4"), rule_for("tiny")
    ('openai-tiles', 'openai-tiles-4o-mini', 'anthropic', '')
    """
    name = model.lower().rpartition("/")[2]
    fitting = [(len(one), rule) for rule, told in rules().items() for one in told["models"] if fnmatchcase(name, one)]
    return max(fitting)[1] if fitting else ""


def image_tokens(rule: str, size: tuple[int, int]) -> int:
    """Return what a picture of (width, height) costs under a rule; 0 of a shape that nobody takes.

    The providers' own examples:

    >>> image_tokens("openai-tiles", (1024, 1024)), image_tokens("openai-tiles", (2048, 4096))
    (765, 1105)
    >>> image_tokens("anthropic", (200, 200)), image_tokens("anthropic", (1000, 1000))
    (54, 1334)
    >>> image_tokens("gemini", (384, 300)), image_tokens("gemini", (960, 540))
    (258, 1548)
    >>> math.ceil(1452 * 1.62) == image_tokens("openai-patches-mini", (1800, 2400))
    True
    """
    told = rules()[rule]
    return _COUNTS[told["kind"]](told, *size) if min(size) > 0 else 0


def _tiles(told: Mapping[str, Any], width: float, height: float) -> int:
    """Scale into a square, then down to a short side, and count the tiles that cover it."""
    scale = min(1.0, told["fit"] / max(width, height))
    width, height = width * scale, height * scale
    scale = min(1.0, told["short_side"] / min(width, height))
    count = math.ceil(round(width * scale) / told["tile"]) * math.ceil(round(height * scale) / told["tile"])
    return int(told["base"] + told["each"] * count)


def _patches(told: Mapping[str, Any], width: float, height: float) -> int:
    """Count patches; where they are too many, shrink until a whole number of them fits each way."""
    patch, most = told["patch"], told["most"]
    count = math.ceil(width / patch) * math.ceil(height / patch)
    if count > most:
        scale = math.sqrt(patch**2 * most / (width * height))
        across, down = width * scale / patch, height * scale / patch
        scale *= min(max(1, math.floor(across)) / across, max(1, math.floor(down)) / down)
        shown = [max(1, math.ceil(round(side * scale / patch, 6))) for side in (width, height)]
        count = min(most, math.prod(shown))
    total: float = count * told["factor"]
    return math.ceil(total)


def _area(told: Mapping[str, Any], width: float, height: float) -> int:
    """Divide the area, after what is too long or too much was made smaller."""
    scale = min(1.0, told["long_side"] / max(width, height))
    total: float = min(told["most"], width * height * scale**2 / told["pixels"])
    return math.ceil(total)


def _crops(told: Mapping[str, Any], width: float, height: float) -> int:
    """Count crops whose side is a share of the shorter one; a small picture is one."""
    if max(width, height) <= told["small"]:
        return int(told["each"])
    side = min(told["most"], max(told["least"], math.floor(min(width, height) / told["share"])))
    return int(told["each"] * math.ceil(width / side) * math.ceil(height / side))


def _grid(told: Mapping[str, Any], width: int, height: int) -> int:
    """Count merged patches of the size that the model's own processor chooses."""
    settings = ImageSettings(min_pixels=told["least"], max_pixels=told["most"])
    try:
        return int(math.prod(fit(height, width, settings)) // told["unit"] ** 2)
    except SampleError:
        return 0


_COUNTS: Final = {"tiles": _tiles, "patches": _patches, "area": _area, "crops": _crops, "grid": _grid}
