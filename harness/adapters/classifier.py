"""Any image classifier that `transformers` can load: logits, and the features that its last layer reads."""

from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel

from harness.adapters._torch.config import TorchModel
from harness.adapters._torch.loading import find, load_weights, placed, quiet
from harness.adapters._torch.processor import load_image_processor
from harness.adapters._torch.seeing import Seeing

ENTRIES: Final = {"classifier": "Classifier"}


class ClassifierConfig(TorchModel):
    """Keys of an adapter of ``type: classifier``."""


class Classifier(Seeing):
    """A model of `AutoModelForImageClassification`: ViT, ResNet, ConvNeXt, Swin, DINOv2, SigLIP and others.

    The classes are named as the checkpoint's configuration names them (`id2label`).
    """

    Config: ClassVar[type[BaseModel]] = ClassifierConfig

    @classmethod
    def from_config(cls, config: ClassifierConfig, folder: Path) -> Self:
        """Load the model; relative paths in ``config`` start at ``folder``.

        Raises:
            AdapterError: if it cannot be loaded, with what to do.
            ConfigError: if its image processor has no such setting.
        """
        path, device = find(config, folder)
        with quiet():
            model = load_weights(config, path, "AutoModelForImageClassification")
            device = placed(config, model, device)
            image_processor = load_image_processor(path, config.trust_remote_code, config.processor)
        names = [str(model.config.id2label[number]) for number in range(model.config.num_labels)]
        made = cls(config, path, model, image_processor, device, names)
        if last_layer(model) is None:
            made.capabilities = made.capabilities - {"embed"}
        return made

    def logits(self, pixels: Any) -> Any:
        """Return the logits [images, classes] of a processed batch, a tensor."""
        return self._model(**pixels).logits

    def features(self, pixels: Any) -> Any:
        """Return what the last layer reads, averaged where it reads several rows an image, a tensor [images, width]."""
        read: list[Any] = []
        hook = last_layer(self._model).register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
        try:
            self._model(**pixels)
        finally:
            hook.remove()
        return read[-1].reshape(len(read[-1]), -1, read[-1].shape[-1]).mean(1)


def last_layer(model: Any) -> Any:
    """Return the last linear layer that has an output a class; None where there is none."""
    from torch.nn import Linear

    heads = [
        part for part in model.modules() if isinstance(part, Linear) and part.out_features == model.config.num_labels
    ]
    return heads[-1] if heads else None
