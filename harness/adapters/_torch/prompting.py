"""Turn requests into tensors through the model's own chat template; a bad request costs only itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from harness.errors import SampleError
from harness.images import to_rgb
from harness.types import Request


@dataclass(frozen=True, slots=True)
class Encoded:
    """Requests that can be asked, as one batch, and why the others cannot."""

    rows: tuple[int, ...]
    """Which of the requests the batch holds."""
    batch: Any
    """What the processor made; None without rows."""
    problems: dict[int, str]


@dataclass(frozen=True, slots=True)
class Encoder:
    """All that turns requests into a batch."""

    processor: Any
    system: str | None
    longest: int | None
    """Tokens that the model can read, where it says."""
    trial: Callable[[list[dict[str, Any]]], None]
    """Raises a ``TemplateError`` where the template would go on for ever: `transformers` sets it no bounds."""

    def __call__(self, requests: Sequence[Request]) -> Encoded:
        """Encode as many requests as can be."""
        texts: dict[int, str] = {}
        images: dict[int, list[Image.Image]] = {}
        problems: dict[int, str] = {}
        for index, request in enumerate(requests):
            try:
                images[index] = [load_rgb(image) for image in request.shown()]
                texts[index] = self.render(request)
            except SampleError as cause:
                problems[index] = str(cause)
        return self._encode(texts, images, problems)

    def _encode(self, texts: dict[int, str], images: dict[int, list[Image.Image]], problems: dict[int, str]) -> Encoded:
        if not texts:
            return Encoded((), None, problems)
        rows = tuple(texts)
        try:
            batch = self.process([texts[row] for row in rows], [images[row] for row in rows])
        except Exception as cause:  # noqa: BLE001 - a processor raises whatever it likes about one of the requests
            bad = {row: self._refusal(texts[row], images[row]) for row in rows} if len(rows) > 1 else {}
            found = {row: said for row, said in bad.items() if said}
            # Where each can be encoded and all together cannot, nobody can say whose fault it is.
            problems |= found or dict.fromkeys(rows, _sentence(cause))
            kept = {row: text for row, text in texts.items() if row not in problems}
            return self._encode(kept, images, problems)
        lengths = batch["attention_mask"].sum(1).tolist()
        long = {row: int(n) for row, n in zip(rows, lengths, strict=True) if self.longest and n > self.longest}
        if long:
            said = "the prompt has {} tokens and the model reads {}; lower max_pixels or shorten the prompt"
            problems |= {row: said.format(n, self.longest) for row, n in long.items()}
            return self._encode({row: texts[row] for row in rows if row not in long}, images, problems)
        return Encoded(rows, batch, problems)

    def _refusal(self, text: str, images: list[Image.Image]) -> str | None:
        try:
            self.process([text], [images])
        except Exception as cause:  # noqa: BLE001 - as above; what it says is recorded against the request
            return _sentence(cause)
        return None

    def process(self, texts: Sequence[str], images: Sequence[Sequence[Image.Image]]) -> Any:
        """Return the processor's batch of rendered prompts, padded on the left."""
        shown = [list(own) for own in images]
        return self.processor(
            # Prompts that all lack images pass none: processors count nested lists otherwise.
            images=shown if any(shown) else None,
            text=list(texts),
            padding=True,
            return_tensors="pt",
        )

    def render(self, request: Request) -> str:
        """Return the prompt: the system message if there is one, then images and question in their order.

        Raises:
            SampleError: if the template refuses it, or it has image tokens of its own.
        """
        from jinja2 import TemplateError

        content = [
            {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"} for part in request.content()
        ]
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        system = self.system if request.system is None else request.system
        if system is not None:
            messages.insert(0, {"role": "system", "content": [{"type": "text", "text": system}]})
        try:
            self.trial(messages)
            text = str(self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
            text.encode()
        except (TemplateError, TypeError, ValueError) as cause:
            raise SampleError(f"the model's chat template refuses this conversation: {cause}") from cause
        token = getattr(self.processor, "image_token", None)
        if isinstance(token, str) and (count := text.count(token)) != len(request.images):
            # Processors deal images out over the whole batch: one too many would take the next request's.
            raise SampleError(f"the prompt has {count} image tokens ({token}) for {len(request.images)} images")
        return text


def load_rgb(image: Image.Image) -> Image.Image:
    """Return the image in RGB, decoded.

    Raises:
        SampleError: if it is empty or cannot be decoded.
    """
    if min(image.size) < 1:
        raise SampleError(f"the image has no pixels ({image.width} x {image.height})")
    try:
        return to_rgb(image)
    except (OSError, SyntaxError, ValueError) as cause:
        raise SampleError(f"the image cannot be decoded: {cause}") from cause


def _sentence(cause: Exception) -> str:
    return f"the model's processor refuses this request: {str(cause).strip() or type(cause).__name__}"
