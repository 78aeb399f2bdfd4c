"""A classifier's file, and the settings that exporters write beside it: labels, preprocessing, tokenizer."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.adapters._variants import Quantisation, suffix
from harness.errors import AdapterError, ConfigError, Issue

SETTINGS: Final = ("config.json", "preprocessor_config.json", "processor_config.json")
"""What is read beside a model, by optimum's and transformers.js' names."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Where a model's settings lie."""

    path: Path | None
    """None: nothing is read, as with a model that the harness builds."""

    @classmethod
    def of(cls, model: Path) -> "Folder":
        """Return the folder of a model's settings: its own, or that above ``onnx/``, where the graphs lie by custom."""
        own = model.parent
        return cls(own.parent if own.name == "onnx" and not (own / "config.json").is_file() else own)

    def read(self, name: str) -> dict[str, Any]:
        """Return the content of a JSON file, empty if there is none.

        Raises:
            AdapterError: if it is not a JSON object.
        """
        if self.path is None or not (path := self.path / name).is_file():
            return {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as cause:
            raise AdapterError(f"{path} is not JSON: {cause}") from cause
        if not isinstance(content, dict):
            raise AdapterError(f"{path} holds a {type(content).__name__}, not an object")
        return content

    def processor(self) -> tuple[Path, dict[str, Any]]:
        """Return the image processor's settings, from wherever this version of `transformers` wrote them."""
        for name, key in (("preprocessor_config.json", None), ("processor_config.json", "image_processor")):
            content = self.read(name)
            found = content.get(key) if key else content
            if isinstance(found, dict) and found:
                return (self.path or Path()) / name, found
        return Path(), {}

    def labels(self) -> tuple[str, ...] | None:
        """Return the classes of ``id2label``, or timm's ``label_names``, in the order of the logits; None without them.

        Raises:
            AdapterError: if its numbers are not 0, 1, 2 and so on.
        """
        config = self.read("config.json")
        named = config.get("id2label")
        if not named and isinstance(listed := config.get("label_names"), list) and listed:
            return tuple(map(str, listed))
        if not isinstance(named, dict) or not named:
            return None
        try:
            numbered = {int(number): str(name) for number, name in named.items()}
        except ValueError:
            numbered = {}
        if sorted(numbered) != [*range(len(named))]:
            said = "`id2label` does not number its classes 0, 1, 2 …; name them as `classes:` in the adapter's file"
            raise AdapterError(f"{(self.path or Path()) / 'config.json'}: {said}")
        return tuple(numbered[number] for number in sorted(numbered))

    def files(self) -> list[Path]:
        """Return the files beside the model that can change an answer."""
        names = (*SETTINGS, "tokenizer.json", "tokenizer_config.json")
        return [path for name in names if self.path is not None and (path := self.path / name).is_file()]


def find_graph(path: Path, quantisation: Quantisation) -> Path:
    """Return the ONNX file that `model:` means: the file itself, or of a folder the variant that is asked for.

    Raises:
        ConfigError: if there is none, or several and none of the usual name.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise ConfigError(Issue(("model",), f"there is no file {path}", "the path starts at the adapter's folder"))
    usual = [path / inside / f"model{suffix(quantisation)}.onnx" for inside in ("", "onnx")]
    if found := next((file for file in usual if file.is_file()), None):
        return found
    there = sorted([*path.glob("*.onnx"), *path.glob("onnx/*.onnx")])
    if len(there) == 1 and quantisation == "fp32":
        return there[0]
    names = ", ".join(file.relative_to(path).as_posix() for file in there) or "no .onnx file"
    hint = "name the file itself, or set `quantisation`" if there else "is it the folder that the exporter wrote?"
    raise ConfigError(Issue(("model",), f"{path} has no model{suffix(quantisation)}.onnx; it has {names}", hint))
