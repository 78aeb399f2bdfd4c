"""Weights in few bits: in four as the adapter's file asks, or as the checkpoint was saved."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from harness.adapters._torch.config import TorchConfig
from harness.adapters._torch.source import library, need
from harness.errors import AdapterError

NF4: Final = "nf4"
LIBRARIES: Final[Mapping[str, tuple[str, ...]]] = {
    NF4: ("bitsandbytes",),
    "bitsandbytes": ("bitsandbytes",),
    "torchao": ("torchao",),
    "quanto": ("optimum-quanto",),
    "gptq": ("gptqmodel",),
    "awq": ("gptqmodel", "autoawq"),
    "compressed-tensors": ("compressed-tensors",),
}
"""Packages by the name that a checkpoint's `quant_method` has: their versions can change an answer."""


def find_quantisation(config: TorchConfig, said: Mapping[str, Any]) -> str:
    """Return how a model's weights are quantised: `nf4` where the file asks for it, what the checkpoint says, or "".

    Args:
        config: the adapter's file.
        said: the checkpoint's `config.json`.

    Raises:
        AdapterError: if that cannot be done, with what to do.
    """
    saved = said.get("quantization_config")
    method = str(saved.get("quant_method") or "") if isinstance(saved, Mapping) else ""
    if not method and not config.load_in_4bit:
        return ""
    if method and config.load_in_4bit:
        raise AdapterError(f"the checkpoint is quantised already ({method}); leave `load_in_4bit` out")
    if config.merge:
        raise AdapterError("`merge` would round the LoRA to the bits of the weights; leave it out")
    if config.load_in_4bit or method == "bitsandbytes":
        need(("bitsandbytes",), "4bit", "weights in few bits")
        # In 8 bits and float32 it says of every layer of every step that it computes in half precision.
        logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    return method or NF4


def loading_options(config: TorchConfig, quantised: str) -> dict[str, Any]:
    """Return what `from_pretrained` is told of it: such weights are put where they belong while they are loaded."""
    if not quantised:
        return {}
    placed = {} if config.device_map else {"device_map": {"": config.device}}
    if quantised != NF4:
        return placed
    import torch

    computed = torch.bfloat16 if config.dtype == "auto" else getattr(torch, config.dtype)
    four = library().BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=NF4, bnb_4bit_compute_dtype=computed)
    return {"quantization_config": four, **placed}
