"""Any vision-language checkpoint that `transformers` can load, asked as its own documentation asks it."""

from typing import Final

from harness.adapters._torch.adapter import TorchAdapter

ENTRIES: Final = {"transformers": "TransformersAdapter"}


class TransformersAdapter(TorchAdapter):
    """A model of any class that reads images and text and writes an answer, or picks one that it knows."""
