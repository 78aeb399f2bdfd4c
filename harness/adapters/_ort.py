"""Sessions of ONNX Runtime, set by its own names in the adapter's file."""

import mmap
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from harness.errors import AdapterError, ConfigError, Issue
from harness.spec.models import Model

Setting = bool | int | float | str

_WRITES: Final = ("enable_profiling", "profile_file_prefix", "optimized_model_filepath", "logid")
"""What sets nothing of a session, or makes it write files."""
_OWN: Final = {"intra_op_num_threads": "threads", "inter_op_num_threads": "threads"}
"""What another key of the adapter's file sets."""


class OrtKeys(Model):
    """How ONNX Runtime runs a model."""

    providers: tuple[str, ...] = Field(default=("CPUExecutionProvider",), min_length=1, strict=False)
    """ONNX Runtime's execution providers, the preferred one first; OpenVINO's device is always the CPU."""
    session_options: dict[str, Setting] = Field(default_factory=dict)
    """Settings of ONNX Runtime's `SessionOptions` by their own names, such as `graph_optimization_level:
    ORT_ENABLE_BASIC` or `enable_cpu_mem_arena: false`; names with a dot are its configuration entries, such as
    `session.intra_op.allow_spinning: "0"`."""
    provider_options: dict[str, dict[str, Setting]] = Field(default_factory=dict)
    """Options of a provider by its name: `CUDAExecutionProvider: {device_id: 1}`."""

    def told(self) -> dict[str, Any]:
        """Return what counts in a fingerprint of the keys that not every file has: nothing where it has none."""
        return {name: dict(value) for name in ("session_options", "provider_options") if (value := getattr(self, name))}


def open_session(path: Path, keys: OrtKeys, own: Mapping[str, Any]) -> Any:
    """Return the session of a file.

    Args:
        path: of the ONNX file.
        keys: the adapter's file.
        own: settings of `SessionOptions` by name, which the file's go before.

    Raises:
        ConfigError: if there is no such setting or option here, naming the nearest.
        AdapterError: if this ONNX Runtime lacks a provider.
        Exception: whatever ONNX Runtime raises of the file; its errors have no class in common.
    """
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if missing := [name for name in keys.providers if name not in available]:
        raise AdapterError(
            f"this ONNX Runtime has no {', '.join(missing)}; it has {', '.join(available)}. "
            "Change `providers` in the adapter's file, or install a build that has it"
        )
    if strange := [name for name in keys.provider_options if name not in keys.providers]:
        raise _unknown(("provider_options", strange[0]), "is none of `providers`", strange[0], keys.providers)
    options = onnxruntime.SessionOptions()
    for name, value in own.items():
        setattr(options, name, value)
    for name, value in keys.session_options.items():
        _set(options, name, value)
    providers = [(name, _texts(keys.provider_options.get(name, {}))) for name in keys.providers]
    session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    if keys.providers[0] not in session.get_providers():
        said = f"{path.name} does not run on {keys.providers[0]}: ONNX Runtime fell back to another provider"
        raise AdapterError(said)
    return session


def _set(options: Any, name: str, value: Setting) -> None:
    place = ("session_options", name)
    if name in _OWN:
        raise ConfigError(Issue(place, f"`{name}` is not set here", f"the key `{_OWN[name]}` sets it"))
    if "." in name:
        if not _entry_is_known(name):
            hint = "it takes any name and heeds those of its onnxruntime_session_options_config_keys.h"
            raise ConfigError(Issue(place, f"this ONNX Runtime has no configuration entry `{name}`", hint))
        options.add_session_config_entry(name, _text(value))
        return
    kind = type(options)
    known = [one for one in dir(kind) if isinstance(getattr(kind, one), property) and one not in (*_WRITES, *_OWN)]
    if name not in known:
        raise _unknown(place, "is no setting of ONNX Runtime's SessionOptions", name, known)
    before = getattr(options, name)
    words = getattr(type(before), "__members__", None)
    if words is not None and value not in words:
        raise _unknown(place, f"takes one of its words, not {value!r}:", str(value), list(words))
    if words is None and type(value) is not type(before):
        wanted = type(before).__name__
        raise ConfigError(
            Issue(place, f"`{name}` is of type {wanted}, not {type(value).__name__}", f"write a {wanted}")
        )
    setattr(options, name, value if words is None else words[value])


def _entry_is_known(name: str) -> bool:
    """Return whether the library's own code holds a name: it says of none that it does not know it."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    with (
        Path(state.__file__).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as code,
    ):
        return code.find(name.encode() + b"\0") >= 0


def _texts(options: Mapping[str, Setting]) -> dict[str, str]:
    return {name: _text(value) for name, value in options.items()}


def _text(value: Setting) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _unknown(place: tuple[str, ...], said: str, name: str, known: Any) -> ConfigError:
    near = get_close_matches(name, list(known), 1)
    hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known)}"
    return ConfigError(Issue(place, f"`{place[-1]}` {said}", hint))
