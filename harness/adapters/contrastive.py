"""Models that place images and texts in one space, as CLIP and SigLIP do: classes by their names, and features."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, Field

from harness.adapters._torch.config import TorchModel
from harness.adapters._torch.loading import find, load_weights, placed, quiet
from harness.adapters._torch.processor import load_processor
from harness.adapters._torch.seeing import Floats, Seeing
from harness.errors import AdapterError, ConfigError, Issue

ENTRIES: Final = {"contrastive": "Contrastive"}


class ContrastiveConfig(TorchModel):
    """Keys of an adapter of ``type: contrastive``."""

    classes: tuple[str, ...] = Field(default=(), strict=False)
    """What an image may show, in words. Without any the model only embeds."""
    label_prompt: str = "This is a photo of {label}."
    """The text that an image is compared with, for each class."""


class Contrastive(Seeing):
    """A model of `AutoModelForZeroShotImageClassification` with a scale of its own: CLIP, SigLIP and their kin."""

    Config: ClassVar[type[BaseModel]] = ContrastiveConfig
    capabilities = Seeing.capabilities | {"embed_text"}

    def __init__(self, *parts: Any, label_prompt: str, tokenizer: Any, padding: dict[str, Any]) -> None:
        super().__init__(*parts)
        self._prompts = [label_prompt.replace("{label}", name) for name in self.classes]
        self._tokenizer = tokenizer
        self._padding = padding
        self._texts: Any = None
        if not self.classes:
            self.capabilities = frozenset({"embed", "embed_text"})

    @classmethod
    def from_config(cls, config: ContrastiveConfig, folder: Path) -> Self:
        """Load the model; relative paths in ``config`` start at ``folder``.

        Raises:
            AdapterError: if it cannot be loaded or does not compare images with texts, with what to do.
            ConfigError: if `label_prompt` has no `{label}`, or its processor has no such setting.
        """
        if "{label}" not in config.label_prompt:
            raise ConfigError(
                Issue(("label_prompt",), "the text has no place for a class", "write {label} where it goes")
            )
        path, device = find(config, folder)
        with quiet():
            model = load_weights(config, path, "AutoModelForZeroShotImageClassification")
            device = placed(config, model, device)
            processor = load_processor(path, config.trust_remote_code, config.processor)
        if not all(hasattr(model, name) for name in ("logit_scale", "get_image_features", "get_text_features")):
            raise AdapterError(f"{path}: a {type(model).__name__} has no scale by which it compares images with texts")
        return cls(
            *(config, path, model, processor.image_processor, device, config.classes),
            label_prompt=config.label_prompt,
            tokenizer=processor.tokenizer,
            padding=text_padding(model, processor),
        )

    def logits(self, pixels: Any) -> Any:
        """Return how well each class fits each image of a processed batch, a tensor [images, classes]."""
        if self._texts is None:
            self._texts = _unit(self._read(self._prompts))
        fits = _unit(self.features(pixels)) @ self._texts.T * self._model.logit_scale.exp()
        return fits + getattr(self._model, "logit_bias", 0.0)

    def features(self, pixels: Any) -> Any:
        """Return the image features of a processed batch, a tensor [images, width], as long as the model makes them."""
        return _pooled(self._model.get_image_features(**pixels))

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Return the features of each text, float32 [texts, width], in the space of :meth:`embed`.

        Raises:
            AdapterError: if the adapter is closed.
        """
        import torch

        if self._model is None:
            raise AdapterError("the adapter is closed")
        with torch.inference_mode():
            found: Floats = self._read(texts).float().cpu().numpy()
        return found

    def _read(self, texts: Sequence[str]) -> Any:
        batch = self._tokenizer(list(texts), return_tensors="pt", **self._padding).to(self._device)
        return _pooled(self._model.get_text_features(**batch))


def text_padding(model: Any, processor: Any) -> dict[str, Any]:
    """Return how texts are filled up: as the processor says; to the full length where the model was trained on that.

    Those that learnt with a sigmoid, and so have a bias, read what fills a text up: it must be there.
    """
    own = getattr(processor, "text_kwargs", None) or {}
    if "padding" in own:
        return {name: own[name] for name in ("padding", "truncation", "max_length") if name in own}
    longest = model.config.get_text_config().max_position_embeddings
    whole = "max_length" if hasattr(model, "logit_bias") else True
    return {"padding": whole, "max_length": longest, "truncation": True}


def _pooled(output: Any) -> Any:
    return getattr(output, "pooler_output", output)


def _unit(rows: Any) -> Any:
    return rows / rows.norm(dim=-1, keepdim=True)
