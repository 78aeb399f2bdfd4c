"""Which class of `transformers` a checkpoint is made for, as its configuration says and not as it is called."""

import json
from pathlib import Path
from typing import Any, Final

from harness.adapters._torch.source import library
from harness.errors import AdapterError

DOORS: Final = {
    "AutoModelForImageTextToText": "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
    "AutoModelForMultimodalLM": "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES",
    "AutoModelForVisualQuestionAnswering": "MODEL_FOR_VISUAL_QUESTION_ANSWERING_MAPPING_NAMES",
}
"""Automatic classes that read an image and a text, the first one first, and where the library keeps what each maps a
type of configuration to."""
_OWN_CODE: Final = (*DOORS, "AutoModelForCausalLM", "AutoModel")
"""Under what a model that brings its code may have entered it."""


_OWN_METHODS: Final = ("chat", "query", "answer_question", "generate_from_batch")
"""What models that bring their code answer by, where it is no `generate` over what a processor makes."""


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
    known = _known(said.get("model_type"))
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


def own_way(model: Any) -> str:
    """Return how a model that brings its code answers, as a sentence goes on, where that is by a method of its own.

    >>> class Model:
    ...     def chat(self, tokenizer, pixel_values, question, generation_config): ...
    >>> own_way(Model()).partition("; ")[2].partition(": ")[0]
    'its code answers by `chat(tokenizer, pixel_values, question, generation_config)`'
    """
    import inspect

    name = next((name for name in _OWN_METHODS if callable(getattr(model, name, None))), None)
    if name is None:
        return ""
    takes = ", ".join(inspect.signature(getattr(model, name)).parameters)
    how = "write a class that calls it, for `type: python` (docs/adapters.md, Models with code of their own)"
    return f"; its code answers by `{name}({takes})`: {how}"


def _known(model_type: Any) -> dict[str, str]:
    """Return the automatic classes that know a type of configuration, and the model class that each gives."""
    tables = library().models.auto.modeling_auto
    kinds = {door: getattr(tables, table, {}).get(model_type) for door, table in DOORS.items()}
    return {door: kind if isinstance(kind, str) else kind[0] for door, kind in kinds.items() if kind}
