"""Requests as the body of a chat completion."""

from typing import Any

from PIL import Image

from harness.adapters._openai.config import OpenAIConfig
from harness.adapters._served.pictures import encoded_image, unicode
from harness.types import Request


def body(request: Request, config: OpenAIConfig) -> dict[str, Any]:
    """Return the JSON body of a request.

    Raises:
        SampleError: if an image cannot be used or the prompt is not valid Unicode.
    """
    parts = [
        {"type": "text", "text": unicode(part)} if isinstance(part, str) else _image_part(request.images[part], config)
        for part in request.content()
    ]
    messages: list[dict[str, Any]] = [{"role": "user", "content": parts}]
    system = config.system if request.system is None else request.system
    if system is not None:
        messages.insert(0, {"role": "system", "content": unicode(system)})
    content: dict[str, Any] = {
        "model": config.model,
        "messages": messages,
        config.max_tokens_key: request.generation.max_new_tokens,
        "stream": config.stream,
    }
    if config.stream:
        content["stream_options"] = {"include_usage": True}
    if config.temperature is not None:
        content["temperature"] = config.temperature
    if config.seed is not None:
        content["seed"] = config.seed
    if request.generation.temperature:
        told = request.generation
        content |= {"temperature": told.temperature, "top_p": told.top_p, "seed": told.seed}
    if config.logprobs:
        content["logprobs"] = True
    return content | config.extra_body


def _image_part(image: Image.Image, config: OpenAIConfig) -> dict[str, Any]:
    media, content = encoded_image(image, config)
    url = f"data:{media};base64,{content}"
    return {"type": "image_url", "image_url": {"url": url} | ({"detail": config.detail} if config.detail else {})}
