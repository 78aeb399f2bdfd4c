"""The labels of a zero-shot classifier as prompts, in token numbers: what CLIP and its kin take beside the image."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.adapters._classifier.folder import Folder
from harness.adapters._classifier.runtimes import Port
from harness.errors import AdapterError, ConfigError, Issue
from harness.extras import install

TEXTS: Final = frozenset({"input_ids", "attention_mask", "position_ids"})
"""Inputs that labels are put into; any other beside the image is unknown."""


def label_inputs(
    classes: Sequence[str], template: str, folder: Folder, inputs: Mapping[str, Port]
) -> dict[str, NDArray[Any]]:
    """Return what the graph's text inputs are fed with, int64 [classes, tokens] each.

    Where the graph takes no mask, its text model was trained on prompts of one length (SigLIP): they are filled up to
    the tokenizer's `model_max_length`.

    Args:
        classes: the labels.
        template: with ``{}`` where the label goes.
        folder: where ``tokenizer.json`` lies.
        inputs: the graph's, by name.

    Raises:
        AdapterError: if the tokenizer, or the package that reads it, is missing.
        ConfigError: if the template has no place for the label.
    """
    if template.count("{}") != 1:
        raise ConfigError(Issue(("prompt",), f"{template!r} has no one place for the label", "write {} where it goes"))
    if find_spec("tokenizers") is None:
        raise AdapterError(f"label prompts need tokenizers; run `{install('onnx')}`")
    path = None if folder.path is None else folder.path / "tokenizer.json"
    if path is None or not path.is_file():
        raise AdapterError(f"the graph takes {', '.join(inputs)}: labels become prompts by a tokenizer.json, and there "
                           f"is none in {folder.path}")  # fmt: skip
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as cause:  # its exceptions share no base class
        raise AdapterError(f"{path} cannot be read: {cause}") from cause
    told = folder.read("tokenizer_config.json")
    longest = told.get("model_max_length")
    longest = longest if isinstance(longest, int) and 0 < longest < 100_000 else None
    if longest:
        tokenizer.enable_truncation(longest)
    tokenizer.no_padding()
    rows = [found.ids for found in tokenizer.encode_batch([template.replace("{}", label) for label in classes])]
    wide = max(map(len, rows))
    if "attention_mask" not in inputs:
        if longest is None:
            said = "has no `model_max_length`, to which a graph without attention_mask needs its prompts filled up"
            raise AdapterError(f"{folder.path}: tokenizer_config.json {said}")
        wide = longest
    ids = np.full((len(rows), wide), _filler(told, tokenizer), np.int64)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)], mask[place, : len(row)] = row, 1
    places = np.broadcast_to(np.arange(wide), ids.shape)
    made = {"input_ids": ids, "attention_mask": mask, "position_ids": places}
    return {name: made[name] for name in inputs if name in TEXTS}


def _filler(told: Mapping[str, Any], tokenizer: Any) -> int:
    named = told.get("pad_token")
    named = named.get("content") if isinstance(named, Mapping) else named
    number = tokenizer.token_to_id(named) if isinstance(named, str) else None
    return 0 if number is None else int(number)
