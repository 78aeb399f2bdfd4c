"""Put a PEFT adapter on the model that it was trained on, and on no other."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from harness.adapters._torch.source import MANIFEST
from harness.digests import digest
from harness.errors import AdapterError
from harness.unreadable import why_unreadable

_NAMED: Final = 4
"""Tensors that an error names; it counts all."""


def attach(model: Any, path: Path, base: str, base_path: Path, merge: bool) -> tuple[Any, tuple[str, ...]]:
    """Return ``model`` with the LoRA in ``path``, folded into the weights if ``merge``, and what to be warned of.

    Args:
        model: the base.
        path: a folder in PEFT's layout.
        base: the base as the adapter's file names it.
        base_path: the base's folder.
        merge: whether to fold.

    Raises:
        AdapterError: if it is none, was trained on another base (naming both), or if a tensor of it attaches to nothing
            or a layer that it names has none (naming the keys).
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    config = _read(path / "adapter_config.json", path)
    check_base(path, config.get("base_model_name_or_path"), config.get("revision"), base, base_path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # PEFT's use of `transformers` is not the user's
            # PEFT warns of keys that are missing, and says nothing of keys that attach to nothing: both are seen below.
            warnings.filterwarnings("ignore", message=".*missing adapter keys.*")
            tuned = PeftModel.from_pretrained(model, str(path), is_trainable=False)
            found = tuned.load_adapter(str(path), tuned.active_adapter)
    except (RuntimeError, ValueError, KeyError, OSError, UserWarning, SafetensorError) as cause:
        for file in sorted(path.glob("adapter_model.*")):
            if said := why_unreadable(file):
                raise AdapterError(f"the LoRA {path} cannot be loaded: {file.name}: {said}") from cause
        said = str(cause).strip().splitlines()[0]
        raise AdapterError(f"the LoRA {path} does not fit the model {base}: {said}") from cause
    _whole(path, base, found.missing_keys, found.unexpected_keys)
    trained = (value for name, value in tuned.named_parameters() if ".lora_B." in name or ".modules_to_save." in name)
    nothing = f"the LoRA {path} changes nothing: all its B matrices are zero"
    warned = () if any(bool(value.any()) for value in trained) else (nothing,)
    return (tuned.merge_and_unload(safe_merge=True) if merge else tuned), warned


def _whole(path: Path, base: str, missing: Sequence[str], unexpected: Sequence[str]) -> None:
    """Refuse a LoRA of which only a part is attached: it would answer like neither itself nor the base."""
    said = [
        f"{len(keys)} tensors {what}: {', '.join(sorted(keys)[:_NAMED])}{', …' if len(keys) > _NAMED else ''}"
        for keys, what in (
            (unexpected, "of its weights attach to nothing"),
            (missing, "that its adapter_config.json asks for are not among its weights"),
        )
        if keys
    ]
    if said:
        hint = "adapter_config.json (`target_modules`) and the weights must be of one training"
        raise AdapterError(f"the LoRA {path} does not fit the model {base}: {'; '.join(said)}; {hint}")


def check_base(path: Path, recorded: str | None, revision: str | None, base: str, base_path: Path) -> None:
    """Compare a LoRA's recorded base with the model that it is to be put on.

    A ``manifest.json`` beside the LoRA may hold ``{"base": {"model": …, "sha256": {file: digest}}}``:
    then the weights themselves are compared. Without it the names are: a path's last part, since
    folders move, or a repository's owner and name, with the commit where both sides know it.

    Raises:
        AdapterError: if they differ, naming both.
    """
    manifest = _read(path / MANIFEST, path).get("base") if (path / MANIFEST).is_file() else None
    if isinstance(manifest, dict) and isinstance(manifest.get("sha256"), dict):
        for name, expected in manifest["sha256"].items():
            file = base_path / name
            found = digest(file) if file.is_file() else "no such file"
            if found != expected:
                raise AdapterError(
                    f"the LoRA {path} was trained on {manifest.get('model', recorded)}, whose {name} is "
                    f"{expected[:12]}…; the model {base} ({base_path}) has {found[:12]}…"
                )
        return
    if not recorded:
        return
    if _name(recorded) != _name(base) and _name(recorded) != base_path.name.lower():
        raise AdapterError(f"the LoRA {path} was trained on {recorded}, and the model is {base}; name that as `model`")
    commit = base_path.name if base_path.parent.name == "snapshots" else None
    if revision and commit and len(revision) == 40 and revision != commit:
        raise AdapterError(f"the LoRA {path} was trained on {recorded} at {revision}, and the model is at {commit}")


def _name(model: str) -> str:
    return model.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()


def _read(file: Path, folder: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise AdapterError(
            f"{folder} has no {file.name}; is it a folder that PEFT's `save_pretrained` wrote?"
        ) from cause
    except ValueError as cause:
        raise AdapterError(f"{file} is not JSON: {cause}") from cause
    if not isinstance(content, dict):
        raise AdapterError(f"{file} holds a {type(content).__name__}, not an object")
    return content
