"""Which class of `transformers` a checkpoint is made for, as its configuration says and not as it is called."""

import json
from pathlib import Path
from typing import Any, Final

from harness.adapters._torch.source import library
from harness.errors import AdapterError

DOORS: Final = {
    "AutoModelForImageTextToText": "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING",
    "AutoModelForMultimodalLM": "MODEL_FOR_MULTIMODAL_LM_MAPPING",
    "AutoModelForVision2Seq": "MODEL_FOR_VISION_2_SEQ_MAPPING",
    "AutoModelForVisualQuestionAnswering": "MODEL_FOR_VISUAL_QUESTION_ANSWERING_MAPPING",
}
"""Automatic classes that read an image and a text, the first one first, and which configurations each maps to a model;
not every version of the library has all of them."""
_OWN_CODE: Final = (*DOORS, "AutoModelForCausalLM", "AutoModel")
"""Under what a model that brings its code may have entered it."""


def find_door(path: Path, trust_remote_code: bool) -> str:
    """Return the name of the automatic class that loads the model in ``path``.

    The one that gives the class that the checkpoint was saved as (`architectures`), else the first that knows the
    configuration. A model's own code goes by what it entered itself under.

    Raises:
        AdapterError: if none is for images and text, with what to do.
    """
    said = json.loads((path / "config.json").read_text(encoding="utf-8"))
    entered = said.get("auto_map") or {}
    if trust_remote_code and (own := next((name for name in _OWN_CODE if name in entered), None)):
        return own
    known = _known(path)
    saved = said.get("architectures") or []
    if exact := next((name for name, found in known.items() if found in saved), None):
        return exact
    if known:
        return next(iter(known))
    kind = said.get("model_type")
    if own := next((name for name in _OWN_CODE if name in entered), None):
        raise AdapterError(
            f"{path} holds a model of type {kind!r} with code of its own ({own}); read that code, and set "
            "`trust_remote_code: true`"
        )
    raise AdapterError(
        f"{path} holds a model of type {kind!r} ({', '.join(saved) or 'no architecture'}), which transformers "
        f"{library().__version__} has no class for that reads images and text; `type: classifier` and "
        "`type: contrastive` are for models that read images alone"
    )


def _known(path: Path) -> dict[str, str]:
    """Return the automatic classes that know the configuration, and the model class that each gives."""
    transformers = library()
    try:
        config = transformers.AutoConfig.from_pretrained(path, trust_remote_code=False)  # or it asks at the terminal
    except (ValueError, KeyError):  # a type that this version does not know, or one with code of its own
        return {}
    found: dict[str, str] = {}
    for door, table in DOORS.items():
        mapping: Any = getattr(transformers, table, {})
        if hasattr(transformers, door) and type(config) in mapping:
            kind = mapping[type(config)]
            found[door] = (kind[0] if isinstance(kind, tuple) else kind).__name__
    return found
