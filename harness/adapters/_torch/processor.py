"""A model's processor: the stock one where torchvision is installed, else the same without its video part.

`transformers` builds the video processor of a vision-language model on torchvision, and a stock
processor refuses to load without it. There is no torchvision for every torch (none on PyPI for
its CPU build), and the harness shows images, not videos.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from harness.adapters._torch.source import library, why
from harness.errors import AdapterError, ConfigError, Issue

_CALLS: Final = frozenset({"return_tensors", "data_format", "input_data_format", "device", "disable_grouping"})
"""What a call decides, and no setting."""
_DECLARING: Final = ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")


def has_torchvision() -> bool:
    """Say whether torchvision is installed."""
    return find_spec("torchvision") is not None


def load_processor(path: Path, trust_remote_code: bool, settings: Mapping[str, Any] | None = None) -> Any:
    """Return the processor of the model in ``path``, with ``settings`` in place of its own.

    Raises:
        AdapterError: if it has none, or one that cannot be loaded without a package, which is named.
        ConfigError: if neither it nor its image processor has such a setting.
    """
    processor = _load(path, trust_remote_code, {})
    if not hasattr(processor, "image_processor") or not hasattr(processor, "tokenizer"):
        raise AdapterError(f"{path} has no processor for images and text, only a {type(processor).__name__}")
    if settings:
        _check(settings, processor)
        processor = _load(path, trust_remote_code, settings)
    if not getattr(processor, "chat_template", None):
        processor.chat_template = processor.tokenizer.chat_template
    return processor


def _load(path: Path, trust_remote_code: bool, settings: Mapping[str, Any]) -> Any:
    with _said_of(path):
        if has_torchvision() or trust_remote_code:
            return library().AutoProcessor.from_pretrained(path, trust_remote_code=trust_remote_code, **settings)
        return image_only(processor_class(path)).from_pretrained(path, **settings)


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    """Name the model whose processor cannot be loaded, and what is to be installed for it."""
    try:
        yield
    except (ImportError, OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError) as cause:
        raise AdapterError(f"the processor of {path} cannot be loaded: {why(cause)}") from cause


def load_image_processor(path: Path, trust_remote_code: bool, settings: Mapping[str, Any]) -> Any:
    """Return the image processor of a model that reads nothing else, with ``settings`` in place of its own.

    Raises:
        AdapterError: if it has none, or one that cannot be loaded.
        ConfigError: if it has no such setting.
    """
    found = None
    for given in ({}, settings) if settings else ({},):
        if given:
            _refuse_unknown(given, _image_settings(found), type(found).__name__)
        with _said_of(path):
            kind = library().AutoImageProcessor
            found = kind.from_pretrained(path, trust_remote_code=trust_remote_code, **given)
    return found


def _check(settings: Mapping[str, Any], processor: Any) -> None:
    """Raise unless each setting is one of the processor's or of its image processor's."""
    import inspect

    image = processor.image_processor
    own = inspect.signature(type(processor).__init__).parameters.values()
    parts = set(type(processor).get_attributes()) | {"self", "video_processor", "chat_template"}
    known = {one.name for one in own if one.kind is one.POSITIONAL_OR_KEYWORD} - parts
    _refuse_unknown(settings, known | _image_settings(image), f"{type(processor).__name__} or {type(image).__name__}")


def _image_settings(image_processor: Any) -> set[str]:
    return set(getattr(getattr(image_processor, "valid_kwargs", None), "__annotations__", {})) - _CALLS


def _refuse_unknown(settings: Mapping[str, Any], known: set[str], kind: str) -> None:
    for name in settings:
        if name not in known:
            near = get_close_matches(name, sorted(known), 1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(sorted(known))}"
            raise ConfigError(Issue(("processor", name), f"the model's {kind} has no setting `{name}`", hint))


def bound_pixels(image_processor: Any, min_pixels: int | None, max_pixels: int | None) -> None:
    """Replace the areas between which an image processor of the Qwen-VL kind resizes.

    Raises:
        AdapterError: if this one has no such bounds, or they leave no size.
    """
    if min_pixels is None and max_pixels is None:
        return
    if "min_pixels" not in getattr(image_processor.valid_kwargs, "__annotations__", {}):
        kind = type(image_processor).__name__
        raise AdapterError(f"the model's {kind} has no `min_pixels` and `max_pixels`; leave them out")
    # In these processors the "edges" are areas; as arguments of a call the old names are deprecated.
    lowest = min_pixels or image_processor.size["shortest_edge"]
    highest = max_pixels or image_processor.size["longest_edge"]
    if lowest > highest:
        raise AdapterError(f"min_pixels ({lowest}) exceeds max_pixels ({highest})")
    image_processor.size = type(image_processor.size)(shortest_edge=lowest, longest_edge=highest)


def processor_class(path: Path) -> Any:
    """Return the class of `transformers` that the model's files name, or that its type stands for.

    Raises:
        AdapterError: if there is none.
    """
    transformers = library()
    for name in _DECLARING:
        file = path / name
        declared = json.loads(file.read_text(encoding="utf-8")).get("processor_class") if file.is_file() else None
        if isinstance(declared, str) and hasattr(transformers, declared):
            return getattr(transformers, declared)
    model_type = json.loads((path / "config.json").read_text(encoding="utf-8")).get("model_type")
    known = transformers.models.auto.processing_auto.PROCESSOR_MAPPING_NAMES.get(model_type)
    if isinstance(known, str):
        return getattr(transformers, known)
    raise AdapterError(f"{path}: `transformers` knows no processor for models of type {model_type!r}")


def image_only(stock: Any) -> Any:
    """Return a processor class without the video part; ``stock`` itself where it has none.

    `transformers` reads from the constructor's parameters which settings there are: it stays the stock one's.
    """
    import inspect

    if "video_processor" not in inspect.signature(stock.__init__).parameters:
        return stock

    class ImageOnly(stock):  # type: ignore[misc]  # a class of transformers that is known at run time
        video_processor = SimpleNamespace(num_frames=None, fps=None)  # SmolVLM's template looks even without a clip

        @classmethod
        def get_attributes(cls) -> list[str]:
            return [name for name in super().get_attributes() if name != "video_processor"]

        @classmethod
        def from_args_and_dict(cls, args: Any, processor_dict: dict[str, Any], **other: Any) -> Any:
            processor_dict = {name: value for name, value in processor_dict.items() if name != "video_processor"}
            return super().from_args_and_dict(args, processor_dict, video_processor=None, **other)

    ImageOnly.__name__ = stock.__name__  # messages and saved files name it
    return ImageOnly
