"""The keys that every adapter over torch has."""

from typing import Any, Literal

from pydantic import Field

from harness.spec.models import BatchSize, Model, Size, Threads

DType = Literal["float32", "bfloat16", "float16", "auto"]


class TorchModel(Model):
    """Keys of every adapter over a model of `transformers`."""

    model: str = Field(min_length=1)
    """A folder, relative to the adapter's file, or the id of a repository on the Hugging Face hub, with the folder
    inside it where the model lies in one: `owner/name/checkpoint-200`."""
    revision: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    """For a repository: its commit, 40 hexadecimal digits. Branches and tags move, and scores with them."""
    device: str = Field(default="cpu", pattern=r"^(cpu|mps|cuda(:[0-9]+)?)$")
    """`cpu`, `mps`, `cuda` or `cuda:1`."""
    dtype: DType = "float32"
    """What the model computes in; `auto` is what it was saved in. In half precision an answer can hang on its batch."""
    device_map: Literal["auto", "balanced", "sequential"] | None = None
    """Instead of one `device`: spread the layers over all that there are, as `accelerate` does."""
    batch_size: BatchSize = 8
    """Requests a call; halved, and kept so, where memory runs out."""
    threads: Threads | None = None
    """Threads of torch in this process; by default torch decides."""
    processor: dict[str, Any] = Field(default_factory=dict)
    """Settings of the model's processor and of its image processor, by their own names."""
    attention: Literal["eager", "sdpa", "flash_attention_2"] | None = None
    """The implementation of attention; by default the library's choice."""
    trust_remote_code: bool = False
    """Run code that comes with the model. Only for repositories whose code you have read."""
    batch_invariant: bool | None = None
    """Whether an answer is independent of its batch. By default it is in float32 and not below."""

    def is_batch_invariant(self) -> bool:
        """Return what the file says, or what follows from the precision."""
        return self.dtype == "float32" if self.batch_invariant is None else self.batch_invariant


class TorchConfig(TorchModel):
    """Keys of an adapter of ``type: transformers``, and of every type that builds on it."""

    image_cache: Size = 0
    """Where many questions share a picture, as `256MiB`: so much of what the vision tower made of pictures is kept for
    the next question. The tower then sees each picture by itself. For Qwen2-VL, Qwen2.5-VL and Qwen3-VL."""
    prefix_cache: Size = 0
    """Where many questions share a picture that stands before them, as `256MiB`: so much of the keys and values that
    the decoder has of prompts up to their pictures is kept for the next question. With `image_cache`."""
    kv_cache: Literal["int8"] | None = None
    """`int8`: keep keys and values in 8 bits between the steps of decoding, in a quarter of float32's memory; by
    default in the model's precision."""
    lora: str | None = Field(default=None, min_length=1)
    """A folder with a PEFT adapter, relative to the adapter's file, or `owner/name` on the hub, with the folder inside
    it where it lies in one: `owner/name/checkpoint-200`."""
    lora_revision: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    """For a LoRA on the hub: its commit."""
    merge: bool = False
    """Fold the LoRA into the weights: faster, and the same answers up to rounding."""
    load_in_4bit: bool = False
    """Load the weights in 4 bits (NF4) with bitsandbytes."""
    min_pixels: int | None = Field(default=None, ge=1)
    """The smallest area that an image is resized to; by default the model's own. For processors that know it."""
    max_pixels: int | None = Field(default=None, ge=1)
    """The largest area that an image is resized to; by default the model's own. For processors that know it."""
    system: str | None = None
    """The system prompt of requests that bring none."""
    prompt_format: str | None = None
    """How a model without a chat template is asked: a text with `{prompt}`, `{image}`, `{system}` and `{start}`. By
    default its family's, where that is known; given, it stands in for a chat template too."""
    generation: dict[str, Any] = Field(default_factory=dict)
    """Settings of `GenerationConfig` that decide an answer, such as `no_repeat_ngram_size` or `num_beams`. The model's
    own are not used, but for its tokens."""
    repetition_penalty: float = Field(default=1.0, gt=0)
    """1 leaves the model's likelihoods alone, whatever its own generation settings say."""

    def is_batch_invariant(self) -> bool:
        """Return what the file says, or what follows from the precision, of the cache too."""
        return super().is_batch_invariant() and (self.kv_cache is None or self.batch_invariant is True)
