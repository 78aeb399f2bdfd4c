"""The keys that every adapter over three ONNX files has."""

from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from harness.adapters._ort import OrtKeys
from harness.adapters._variants import Quantisation, suffix
from harness.spec.models import BatchSize, Size, Threads

_INTEGER_ACTIVATIONS: Final = ("int8", "uint8", "q8")

Part = Literal["vision_encoder", "embed_tokens", "decoder_model_merged"]


class ThreeFiles(OrtKeys):
    """Which files of a folder are run, and how."""

    sees_together: ClassVar[bool] = True
    """Whether pictures of several prompts go through the vision encoder at once, where nothing of them is kept."""

    model: str = Field(min_length=1)
    """The model's folder, relative to the adapter's file."""
    quantisation: Quantisation = "fp32"
    """Which of the folder's files to run: with `int8`, `onnx/vision_encoder_int8.onnx` and so on."""
    suffix: str | None = None
    """The files' suffix where `quantisation` does not name it, such as `_mine`."""
    suffixes: dict[Part, str] = Field(default_factory=dict)
    """Of single files, where one differs from the others: `{vision_encoder: _int8_kept}`, or `""` for float32."""
    batch_size: BatchSize = 8
    """Requests a call."""
    threads: Threads = 1
    """Threads of ONNX Runtime."""
    image_cache: Size = 0
    """Where many questions share a picture, as `256MiB`: so much of what the vision encoder made of pictures is kept
    for the next question. It then sees each picture by itself."""
    prefix_cache: Size = 0
    """Where many questions share a picture that stands before them, as `256MiB`: so much of the keys and values that
    the decoder has of prompts up to their pictures is kept for the next question. With `image_cache`."""
    batch_invariant: bool | None = None
    """Whether an answer is independent of its batch. By default it is not with 8-bit activations, whose scale is taken
    over the whole batch, nor with a `suffix` or `suffixes` of your own."""

    def file_suffix(self) -> str:
        """Return what stands between a file's name and ``.onnx``."""
        return suffix(self.quantisation) if self.suffix is None else self.suffix

    def differing(self) -> dict[str, str]:
        """Return the suffixes of single files."""
        return {str(part): own for part, own in self.suffixes.items()}

    def counted(self) -> dict[str, Any]:
        """Return the keys that count in a fingerprint; those of which a file says nothing leave it as it was."""
        apart = {
            "model",
            "image_cache",
            "prefix_cache",
            "session_options",
            "provider_options",
            *(() if self.suffixes else ("suffixes",)),
        }
        # How much is kept changes nothing; that pictures are seen apart may, in the last bit.
        seen = {"pictures": "each by itself"} if self.image_cache and self.sees_together else {}
        read = {"prompts": "in two pieces"} if self.prefix_cache else {}
        return self.model_dump(mode="json", exclude=apart) | self.told() | seen | read

    def is_batch_invariant(self) -> bool:
        """Return what the file says, or what follows from the kind of quantisation."""
        if self.batch_invariant is not None:
            return self.batch_invariant
        return self.suffix is None and not self.suffixes and self.quantisation not in _INTEGER_ACTIVATIONS
