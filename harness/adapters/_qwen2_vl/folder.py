"""Find and read what a model folder holds, and say precisely what it lacks."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.adapters._qwen2_vl.sessions import PARTS
from harness.digests import digest, onnx_digests
from harness.errors import AdapterError

_SETTINGS: Final = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "chat_template.json",
)
"""Every file beside the weights that can change an answer; not all of them need be there."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder in the public layout, and the suffix of the ONNX files to use."""

    path: Path
    suffix: str
    suffixes: Mapping[str, str] = field(default_factory=dict)
    """Of single parts, where they have others."""

    def check(self) -> None:
        """See that everything is there.

        Raises:
            AdapterError: naming what is missing and how to get it.
        """
        if not self.path.is_dir():
            raise AdapterError(
                f"there is no model folder {self.path}; `model` in the adapter's file is relative to that file"
            )
        for name in ("config.json", "tokenizer.json"):
            if not (self.path / name).is_file():
                raise AdapterError(f"{self.path} has no {name}; is it a model folder?")
        for path in self.graphs():
            if not path.is_file():
                raise AdapterError(f"{path} is missing; {self._remedy()}")

    def _remedy(self) -> str:
        first = PARTS[0]
        found = sorted(path.stem.removeprefix(first) for path in (self.path / "onnx").glob(f"{first}*.onnx"))
        if found and self.suffix not in found:
            names = ", ".join("fp32" if suffix == "" else suffix.removeprefix("_") for suffix in found)
            return f"the folder has {names}: set `quantisation` to that, or add the file"
        return (
            f"the folder needs {', '.join(path.name for path in self.graphs())} in onnx/, "
            "as in the public ONNX repositories of vision-language models"
        )

    def graphs(self) -> list[Path]:
        """Return the ONNX files, in the order of `sessions.PARTS`."""
        return [self.path / "onnx" / f"{part}{self.suffixes.get(part, self.suffix)}.onnx" for part in PARTS]

    def read(self, name: str) -> dict[str, Any]:
        """Return the content of a JSON file, empty if there is none.

        Raises:
            AdapterError: if it is not a JSON object.
        """
        path = self.path / name
        if not path.is_file():
            return {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as cause:
            raise AdapterError(f"{path} is not JSON: {cause}") from cause
        if not isinstance(content, dict):
            raise AdapterError(f"{path} holds a {type(content).__name__}, not an object")
        return content

    def text_config(self) -> Mapping[str, Any]:
        """Return the language model's settings, which older configurations keep at top level."""
        config = self.read("config.json")
        return config | (config.get("text_config") or {})

    def image_settings(self) -> Mapping[str, Any]:
        """Return the image processor's settings from wherever this version of `transformers` wrote them."""
        return self.read("preprocessor_config.json") or self.read("processor_config.json").get("image_processor", {})

    def chat_template(self) -> str:
        """Return the chat template, from the place that `transformers` would take it from.

        Raises:
            AdapterError: if there is none.
        """
        stand_alone = self.path / "chat_template.jinja"
        if stand_alone.is_file():
            return stand_alone.read_text(encoding="utf-8")
        for name in ("chat_template.json", "tokenizer_config.json"):
            template = self.read(name).get("chat_template")
            if isinstance(template, str):
                return template
        raise AdapterError(f"{self.path} has no chat template (chat_template.jinja or in tokenizer_config.json)")

    def end_ids(self) -> frozenset[int]:
        """Return the tokens that end an answer.

        Raises:
            AdapterError: if the model declares none.
        """
        declared = self.read("generation_config.json").get("eos_token_id", self.text_config().get("eos_token_id"))
        if declared is None:
            raise AdapterError(f"{self.path}: neither generation_config.json nor config.json has an eos_token_id")
        return frozenset(declared if isinstance(declared, list) else [declared])

    def pad_id(self) -> int:
        """Return the token to pad with; masked, so that any will do where none is declared."""
        declared = self.read("generation_config.json").get("pad_token_id", self.text_config().get("pad_token_id"))
        return min(self.end_ids()) if declared is None else int(declared)

    def image_id(self) -> int:
        """Return the token that stands for a piece of an image.

        Raises:
            AdapterError: if the model declares none.
        """
        config = self.read("config.json")
        declared = config.get("image_token_id", config.get("image_token_index"))
        if declared is None:
            raise AdapterError(f"{self.path / 'config.json'} has no image_token_id; is it a vision-language model?")
        return int(declared)

    def digests(self) -> Iterator[tuple[str, str]]:
        """Yield the name and SHA-256 of every file that can change an answer, in a fixed order."""
        for name in _SETTINGS:
            if (path := self.path / name).is_file():
                yield name, digest(path)
        for graph in self.graphs():
            for name, found in onnx_digests(graph).items():  # with weights kept outside (*.onnx_data)
                yield (graph.parent / name).relative_to(self.path).as_posix(), found
