"""A model folder's own prompts: encoded, or only counted, which needs neither its weights nor a picture's pixels."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from harness.adapters._qwen2_vl.folder import ModelFolder
from harness.adapters._qwen2_vl.images import ImageSettings
from harness.adapters._qwen2_vl.prompts import ChatTemplate, PromptEncoder
from harness.errors import AdapterError
from harness.types import Request, TokenCount

_PACKAGES: Final = ("tokenizers", "jinja2")
_FAMILIES: Final = ("qwen2_vl", "qwen2_5_vl")


def prompt_encoder(files: ModelFolder, min_pixels: int | None, max_pixels: int | None) -> PromptEncoder:
    """Return what turns requests into a model's prompts.

    Raises:
        AdapterError: if a file is missing or unusable.
    """
    from tokenizers import Tokenizer

    files.read("tokenizer.json")  # for its message where the file is broken
    tokenizer = Tokenizer.from_file(str(files.path / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    image_token = tokenizer.id_to_token(files.image_id())
    if image_token is None:
        raise AdapterError(f"{files.path}: image_token_id is {files.image_id()}, which tokenizer.json does not have")
    return PromptEncoder(
        template=ChatTemplate(files.chat_template(), files.read("tokenizer_config.json")),
        tokenizer=tokenizer,
        images=ImageSettings.from_json(files.image_settings(), min_pixels, max_pixels),
        image_id=files.image_id(),
        image_token=image_token,
        longest=int(files.text_config().get("max_position_embeddings", 32768)),
    )


class ProcessorCounter:
    """Counts with the model's own chat template, tokenizer and rule for the sizes of pictures."""

    how: str = "the model's own tokenizer and image processor"

    def __init__(self, encoder: PromptEncoder, system: str | None = None) -> None:
        self._encoder = encoder
        self._system = system

    def __call__(self, request: Request) -> TokenCount:
        return self._encoder.count(request, self._system)


def processor_counter(
    path: Path, min_pixels: int | None, max_pixels: int | None, system: str | None = None
) -> ProcessorCounter | None:
    """Return what counts the tokens of a Qwen2-VL or Qwen2.5-VL in a folder; None of others, or without its files.

    Args:
        path: the folder.
        min_pixels: of the adapter's file.
        max_pixels: likewise.
        system: likewise, for requests that bring none.
    """
    if not path.is_dir() or any(find_spec(name) is None for name in _PACKAGES):
        return None
    files = ModelFolder(path, "")
    try:
        if files.read("config.json").get("model_type") not in _FAMILIES:
            return None
        return ProcessorCounter(prompt_encoder(files, min_pixels, max_pixels), system)
    except Exception:  # noqa: BLE001 - tokenizers raises bare ones; what is wrong is told when the model is loaded
        return None
