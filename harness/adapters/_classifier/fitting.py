"""Three voices on how an image becomes the input: the adapter's file, the files beside the model, the graph."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from harness.adapters._classifier.folder import Folder
from harness.adapters._classifier.processor import from_settings, from_timm
from harness.adapters._classifier.runtimes import Port
from harness.errors import ConfigError, Issue
from harness.zoo.preprocessing import Layout, Preprocessing

_GEOMETRY: Final = ("size", "resize", "share")
_ALL: Final = frozenset({"size", "mean", "std", "resize", "resample"})
"""With all of them stated there is nothing left for the files to say."""


def fit(given: Mapping[str, Any], folder: Folder, port: Port) -> Preprocessing:
    """Return the preprocessing that the adapter's file, the image processor's settings and the graph give together.

    What the adapter's file states is kept to; where the settings say otherwise, a warning names both. What neither says
    comes from the graph: layout, sides that are fixed, and that whole grey levels are wanted.

    Args:
        given: the keys of the adapter's file that are set.
        folder: where the model's settings lie.
        port: the graph's input for images.

    Raises:
        AdapterError: if the settings ask for what is not done here.
        ConfigError: if the file contradicts the graph.
    """
    file, settings = folder.processor()
    found = None
    if not given.keys() >= _ALL:
        found = from_settings(settings, file) if settings else None
        if found is None and isinstance(timm := folder.read("config.json").get("pretrained_cfg"), dict):
            file = (folder.path or Path()) / "config.json"
            found = from_timm(timm, file)
    if found is not None:
        _warn(given, found, file)
    made = found or Preprocessing()
    if port.dtype == np.uint8:  # the graph does the arithmetic itself
        if found is not None and (any(found.mean) or {*found.std} != {1.0}):
            said = (
                f"the graph takes whole grey levels (uint8): what {file} says of rescaling and normalising is its own"
            )
            warnings.warn(said, UserWarning, stacklevel=2)
        made = replace(made, mean=(0.0,) * 3, std=(1.0,) * 3)
    sides = _sides(given.get("layout"), port)
    if found is None and sides is not None and None not in sides[:2]:
        made = replace(made, size=sides[:2])
    own = {key: given[key] for key in _GEOMETRY if key in given}
    if found is not None and own and own != {"size": found.size}:
        made = replace(made, resize="crop" if "share" in own else made.resize, share=_share(found), shown=None)
    made = replace(made, **given)
    return _agreed(replace(made, layout=given.get("layout") or _layout(port)), sides, port)


def _share(found: Preprocessing) -> float:
    """Return the size as a share of the shorter side before the middle is taken."""
    if found.resize == "stretch" or found.shown is None:
        return found.share
    return min(found.size) / (found.shown if isinstance(found.shown, int) else min(found.shown))


def _warn(given: Mapping[str, Any], found: Preprocessing, file: Path) -> None:
    for key in ("size", "mean", "std", "resize", "resample"):
        if key in given and not _same(given[key], getattr(found, key)):
            _say(key, given[key], getattr(found, key), file)
    cropped = found.resize == "crop"
    if "share" in given and not (cropped and np.isclose(given["share"], _share(found), rtol=5e-3)):
        _say("share", given["share"], round(_share(found), 4) if cropped else "stretch", file)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str):
        return bool(one == other)
    return len(one) == len(other) and bool(np.allclose(one, other, rtol=1e-3))


def _say(key: str, ours: Any, theirs: Any, file: Path) -> None:
    said = f"`{key}: {_short(ours)}` in the adapter's file is kept to; {file} says {_short(theirs)}"
    warnings.warn(said, UserWarning, stacklevel=2)


def _short(value: Any) -> str:
    return f"[{', '.join(f'{one:g}' for one in value)}]" if isinstance(value, tuple) else str(value)


def _layout(port: Port) -> Layout:
    shape = port.shape
    if len(shape) == 2:
        return "tokens" if np.issubdtype(port.dtype, np.signedinteger) else "flat"
    return "nhwc" if len(shape) == 4 and shape[3] in (1, 3) and shape[1] not in (1, 3) else "nchw"


def _sides(layout: Layout | None, port: Port) -> tuple[Any, Any, Any] | None:
    """Return height, width and channels as the graph has them; None where its input is no picture."""
    if len(port.shape) != 4 or layout in ("flat", "tokens"):
        return None
    _, *sides = port.shape
    return (sides[0], sides[1], sides[2]) if (layout or _layout(port)) == "nhwc" else (sides[1], sides[2], sides[0])


def _agreed(made: Preprocessing, sides: tuple[Any, Any, Any] | None, port: Port) -> Preprocessing:
    if sides is not None:
        if sides[2] not in (None, len(made.mean)):
            said = f"the graph takes {sides[2]} channels, and `mean` and `std` are for {len(made.mean)}"
            raise ConfigError(Issue(("mean",), said, f"give {sides[2]} value(s) each, or another `layout`"))
        if any(side not in (None, own) for side, own in zip(sides[:2], made.size, strict=True)):
            told = " x ".join(str(side or "?") for side in sides[:2])
            said = f"the graph takes images of {told}, not {made.size[0]} x {made.size[1]}"
            raise ConfigError(Issue(("size",), said, "set `size` to what the graph takes, as height and width"))
    if port.dtype == np.uint8 and (any(made.mean) or {*made.std} != {1.0}):
        said = "the graph takes whole grey levels (uint8), which nothing can be taken off: leave out `mean` and `std`"
        raise ConfigError(Issue(("mean",), said))
    return made


def class_names(
    stated: tuple[str, ...] | None, folder: Folder, width: int | None, otherwise: Callable[[], tuple[str, ...]]
) -> tuple[str, ...]:
    """Return the names of the classes: those of the adapter's file, else of ``config.json``, else ``otherwise()``.

    Raises:
        ConfigError: if there are more or fewer of them than logits.
    """
    told = folder.labels()
    names = stated or told or otherwise()
    if width is not None and len(names) != width:
        where = "names" if stated or not told else "labels in config.json"
        raise ConfigError(Issue(("classes",), f"{len(names)} {where} for {width} logits"))
    if stated and told and stated != told and not all(name.startswith("LABEL_") for name in told):
        first = next((i for i, pair in enumerate(zip(stated, told, strict=False)) if pair[0] != pair[1]), len(told))
        said = (
            f"`classes` in the adapter's file are kept to; {(folder.path or Path()) / 'config.json'} has "
            f"{len(told)} others, from number {first} on"
        )
        warnings.warn(said, UserWarning, stacklevel=2)
    return names
