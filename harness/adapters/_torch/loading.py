"""Load a model and its processor, quietly, on the device and in the precision that the file asks for."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.adapters._torch.config import TorchConfig, TorchModel
from harness.adapters._torch.doors import find_door, own_way
from harness.adapters._torch.kv import KV_VERSION, int8_caches
from harness.adapters._torch.lora import attach
from harness.adapters._torch.processor import bound_pixels, has_torchvision, load_processor
from harness.adapters._torch.quantised import LIBRARIES, find_quantisation, loading_options
from harness.adapters._torch.source import PACKAGES, find_lora, find_model, library, model_digests, need, why
from harness.errors import AdapterError
from harness.unreadable import why_unreadable


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready to answer."""

    path: Path
    lora: Path | None
    model: Any
    processor: Any
    device: Any
    cautions: tuple[str, ...] = ()
    """What somebody who reads its results must know."""
    quantised: str = ""
    """How its weights are kept in few bits: `nf4`, or the checkpoint's own `quant_method`."""
    caches: Callable[[], Any] | None = None
    """Makes an empty cache for a batch's keys and values; None: the library does, in the model's precision."""

    @property
    def base(self) -> Any:
        """The model of `transformers`, without PEFT's wrapper round it."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model


def load(config: TorchConfig, folder: Path, model_class: str | None = None, model_type: str | None = None) -> Loaded:
    """Load what ``config`` names; relative paths start at ``folder``.

    Args:
        config: the adapter's file.
        folder: where that file lies.
        model_class: the name of a class of `transformers`; by default the one that the configuration maps to.
        model_type: what the model's configuration must say that it is, where only one will do.

    Raises:
        AdapterError: naming what is missing or does not fit, with what to do.
        ConfigError: if the model has no cache that can be held in few bits, and the file asks for it.
    """
    path, device = find(config, folder)
    if config.lora is not None:
        need(("peft",), "vlm", "LoRA adapters")
    said = json.loads((path / "config.json").read_text(encoding="utf-8"))
    found, quantised = said.get("model_type"), find_quantisation(config, said)
    if model_type not in (None, found):
        raise AdapterError(
            f"{path} holds a model of type {found!r}, not {model_type!r}; use `type: transformers` for it"
        )
    lora = None if config.lora is None else find_lora(config.lora, config.lora_revision, folder)
    cautions: tuple[str, ...] = ()
    with quiet():
        door = model_class or find_door(path, config.trust_remote_code)
        model = load_weights(config, path, door, **loading_options(config, quantised))
        if lora is not None:
            model, cautions = attach(model, lora, config.model, path, config.merge)
        device = model.device if quantised else placed(config, model, device)
        own = own_way(model) if config.trust_remote_code else ""
        try:
            processor = load_processor(path, config.trust_remote_code, config.processor)
        except AdapterError as cause:
            raise AdapterError(f"{cause}{own}") from cause
        if own and not hasattr(model, "generate"):
            raise AdapterError(f"{path} holds a {type(model).__name__}, which has no `generate`{own}")
        bound_pixels(processor.image_processor, config.min_pixels, config.max_pixels)
    model.requires_grad_(False)
    if processor.tokenizer.pad_token is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    loaded = Loaded(path, lora, model, processor, device, cautions, quantised)
    return loaded if config.kv_cache is None else replace(loaded, caches=int8_caches(loaded.base, config.generation))


def find(config: TorchModel, folder: Path) -> tuple[Path, Any]:
    """Return the model's folder and the device that it is to run on, after seeing that there is what runs it.

    Raises:
        AdapterError: naming what is missing, with what to do.
    """
    need(PACKAGES, "vlm", "PyTorch models")
    path = find_model(config.model, config.revision, folder, config.trust_remote_code)
    if config.threads is not None:
        import torch

        torch.set_num_threads(config.threads)
    return path, find_device(config.device)


def find_device(name: str) -> Any:
    """Return the torch device called ``name``.

    Raises:
        AdapterError: if this machine or this torch has none.
    """
    import torch

    device = torch.device(name)
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[device.type] or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        has = ", ".join(kind for kind, is_there in there.items() if is_there)
        raise AdapterError(f"`device: {name}` is not there; torch {torch.__version__} finds {has} on this machine")
    return device


def placed(config: TorchModel, model: Any, device: Any) -> Any:
    """Put a model on ``device`` if it is not spread already, and return the device that its inputs go to."""
    if config.device_map is not None:
        return model.device
    model.to(device)
    return device


def load_weights(config: TorchModel, path: Path, model_class: str, **options: Any) -> Any:
    """Return the model in ``path`` as a class of `transformers`, ready to be asked, where it is loaded to.

    Raises:
        AdapterError: if it cannot be loaded, or lacks weights that the library would make up.
    """
    import torch
    from safetensors import SafetensorError

    transformers = library()
    dtype = config.dtype if config.dtype == "auto" else getattr(torch, config.dtype)
    options |= {"dtype": dtype, "trust_remote_code": config.trust_remote_code}
    if config.device_map is not None:
        need(("accelerate",), "vlm", "models that are spread over devices")
        options["device_map"] = config.device_map
    if config.attention is not None:
        options["attn_implementation"] = config.attention
    try:
        model, report = getattr(transformers, model_class).from_pretrained(path, output_loading_info=True, **options)
    except (ImportError, OSError, ValueError, RuntimeError, KeyError, SafetensorError) as cause:
        for file in sorted(path.glob("*.safetensors")):
            if said := why_unreadable(file):
                raise AdapterError(f"{file} cannot be loaded: {said}") from cause
        raise AdapterError(f"{path} cannot be loaded as a {model_class}: {why(cause)}") from cause
    if missing := sorted(map(str, report["missing_keys"])):
        # transformers would fill them with random numbers and go on.
        raise AdapterError(f"{path} lacks {len(missing)} weights of a {type(model).__name__}: {', '.join(missing[:3])}")
    return model.eval()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the library's progress bars and notes off the terminal for a while."""
    logging = library().utils.logging
    # Not by the loggers' level: to set it makes Python forget what it knew of each logger, twice a call.
    handlers = [(handler, handler.level) for handler in logging.get_logger().handlers]
    bars = logging.is_progress_bar_enabled()
    for handler, level in handlers:
        handler.setLevel(max(level, logging.ERROR))
    logging.disable_progress_bar()
    try:
        yield
    finally:
        for handler, level in handlers:
            handler.setLevel(level)
        if bars:
            logging.enable_progress_bar()


def ingredients(config: TorchConfig, loaded: Loaded, code: tuple[int, ...]) -> dict[str, Any]:
    """Return all that can change an answer, for the fingerprint."""
    found = weights_and_code(config, loaded.path, loaded.processor.image_processor, code)
    if config.image_cache:  # how much is kept changes nothing; that the tower sees pictures apart may, in the last bit
        found["tower"] = "each picture by itself"
    if config.prefix_cache:  # likewise
        found["prompts"] = "read in two pieces"
    if config.kv_cache:
        found["kv_cache"] = [config.kv_cache, KV_VERSION]
    found["lora"] = model_digests(loaded.lora) if loaded.lora else None
    found["packages"] |= _versions("peft", *LIBRARIES.get(loaded.quantised, ()))
    return found


def weights_and_code(config: TorchModel, path: Path, image_processor: Any, code: tuple[int, ...]) -> dict[str, Any]:
    """Return all that can change what a model without a LoRA says."""
    return {
        "files": model_digests(path, config.trust_remote_code),
        "config": config.model_dump(mode="json", exclude={"model", "lora", "image_cache", "prefix_cache", "kv_cache"}),
        "code": list(code),
        "processor": [type(image_processor).__name__, has_torchvision()],
        "packages": _versions("torch", "transformers", "tokenizers", "numpy", "pillow", "torchvision"),
    }


def _versions(*names: str) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            if find_spec("PIL" if name == "pillow" else name) is not None:  # a source checkout has no distribution
                found[name] = "unknown"
    return found
