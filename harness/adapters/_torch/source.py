"""Find a model's files: a folder, or a pinned commit of a repository on the hub."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from harness.digests import digests
from harness.errors import AdapterError
from harness.extras import install

PACKAGES: Final = ("torch", "transformers", "safetensors")

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_SETTINGS: Final = (
    *("*.json", "*.jinja", "additional_chat_templates/*.jinja", "merges.txt", "vocab.txt", "dict.txt"),
    *("*.model", "*.spm", "*.codes", "*.tiktoken"),
)
"""What a configuration, a processor, a chat template and any kind of tokenizer are read from."""
_WEIGHTS: Final = ("*.safetensors", "pytorch_model*.bin", "adapter_model.bin")
MANIFEST: Final = "manifest.json"
"""Says where a model comes from; it cannot change an answer."""


def library() -> Any:
    """Return the package `transformers`, untyped: half of it has no annotations."""
    import transformers

    return transformers


def need(names: tuple[str, ...], extra: str, what: str) -> None:
    """See that packages are installed.

    Raises:
        AdapterError: naming those that are not, and the command that installs them.
    """
    if missing := [name for name in names if find_spec(name) is None]:
        raise AdapterError(f"{what} need {', '.join(missing)}; run `{install(extra)}`")


def why(cause: BaseException) -> str:
    """Return what the library says went wrong, in a line, with what to install where that is all.

    Its lazy imports hide the first of several causes, which is the one that can be helped.

    >>> why(RuntimeError("operator torchvision::nms does not exist"))
    'operator torchvision::nms does not exist; install the torchvision that goes with your torch (https://pytorch.org)'
    """
    said = cause
    while isinstance(said, ImportError) and said.__cause__ is not None:
        said = said.__cause__
    lines = str(said).strip().splitlines()
    line = lines[0].partition(" but it was not found")[0] if lines else type(said).__name__
    hint = "; install the torchvision that goes with your torch (https://pytorch.org)" if "orchvision" in line else ""
    return line + (hint if isinstance(said, ImportError | RuntimeError) else "")


def patterns(trust_remote_code: bool) -> tuple[str, ...]:
    """Return patterns of the files that decide what a model answers."""
    return (*_SETTINGS, *_WEIGHTS, *(("*.py",) if trust_remote_code else ()))


def model_digests(path: Path, trust_remote_code: bool = False) -> dict[str, str]:
    """Return the SHA-256 of every file in a model's or a LoRA's folder that can change an answer."""
    found = digests(path, patterns(trust_remote_code))
    found.pop(MANIFEST, None)
    return found


def find_model(model: str, revision: str | None, folder: Path, trust_remote_code: bool) -> Path:
    """Return the folder that holds the model, fetched first where it is a repository that is not yet here.

    Raises:
        AdapterError: if there is neither such a folder nor such a repository, with what to do.
    """
    local = (folder / model).resolve()
    if local.is_dir():
        if not (local / "config.json").is_file():
            raise AdapterError(f"{local} has no config.json; is it a model folder of `transformers`?")
        return local
    repository, inside = _parted(model)
    if not _REPOSITORY.fullmatch(repository) or (inside and revision is None):
        raise AdapterError(
            f"there is no model folder {local}; `model` in the adapter's file is relative to that file, "
            "or `owner/name` on the Hugging Face hub, with its commit as `revision:`"
        )
    if revision is None:
        raise AdapterError(
            f"`model: {model}` is neither a folder ({local}) nor a pinned repository: a repository changes, so name "
            "its commit as `revision:` (40 hexadecimal digits, on the hub's page under Files → History)"
        )
    ahead = f"{inside}/" if inside else ""
    found = _download(repository, revision, [f"{ahead}{pattern}" for pattern in patterns(trust_remote_code)]) / inside
    if not (found / "config.json").is_file():
        raise AdapterError(f"{repository} at {revision} has no {ahead}config.json; is that the folder of a model?")
    return found


def find_lora(lora: str, revision: str | None, folder: Path) -> Path:
    """Return the folder that holds a LoRA, fetched first where it is in a repository that is not yet here.

    Raises:
        AdapterError: if there is no such repository, or its commit is not named.
    """
    local = (folder / lora).resolve()
    repository, inside = _parted(lora)
    if revision is None or local.is_dir():
        if not local.is_dir() and _REPOSITORY.fullmatch(repository):
            raise AdapterError(
                f"there is no folder {local} with the LoRA; for one on the hub name its commit as `lora_revision:`"
            )
        return local
    ahead = f"{inside}/" if inside else ""
    wanted = [f"{ahead}{pattern}" for pattern in ("adapter_config.json", "adapter_model.*", MANIFEST)]
    return _download(repository, revision, wanted) / inside


def _parted(name: str) -> tuple[str, str]:
    """Return the repository and the folder inside it.

    >>> _parted("acme/tuned/step-200/merged"), _parted("acme/tuned"), _parted("tuned")
    (('acme/tuned', 'step-200/merged'), ('acme/tuned', ''), ('tuned', ''))
    """
    owner, _, rest = name.partition("/")
    repository, _, inside = rest.partition("/")
    return (f"{owner}/{repository}" if repository else owner), inside


def _download(repository: str, revision: str, wanted: list[str]) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        return Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=wanted, local_files_only=constants.HF_HUB_OFFLINE
            )
        )
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as cause:
        raise AdapterError(
            f"{repository} at {revision} is not in the local cache and the hub cannot be reached (or HF_HUB_OFFLINE is "
            f"set); run `hf download {repository} --revision {revision}` where there is a network"
        ) from cause
    except (HfHubHTTPError, HFValidationError, OSError) as cause:
        said = str(cause).strip().splitlines()[0]
        raise AdapterError(f"{repository} at {revision} cannot be fetched from the hub: {said}") from cause
