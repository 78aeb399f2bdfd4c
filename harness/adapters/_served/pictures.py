"""Images as a server takes them: not larger than declared, encoded, in base64."""

import base64
from io import BytesIO

from PIL import Image

from harness.adapters._served.config import ServedConfig
from harness.errors import SampleError
from harness.images import fitted, to_rgb


def encoded_image(image: Image.Image, config: ServedConfig) -> tuple[str, str]:
    """Return the media type of an image and its bytes in base64.

    Raises:
        SampleError: if it cannot be used.
    """
    buffer = BytesIO()
    if min(image.size) < 1:
        raise SampleError(f"the image has no pixels ({image.width} x {image.height})")
    try:
        shown = to_rgb(image)
        shown = fitted(shown, config.max_pixels)
        shown.save(buffer, config.image_format.upper(), **({"quality": 95} if config.image_format == "jpeg" else {}))
    except (OSError, SyntaxError, ValueError) as cause:
        raise SampleError(f"the image cannot be sent: {cause}") from cause
    return f"image/{config.image_format}", base64.b64encode(buffer.getvalue()).decode("ascii")


def unicode(text: str) -> str:
    """Return a text that may be sent.

    Raises:
        SampleError: if it is not valid Unicode.
    """
    try:
        text.encode()
    except UnicodeEncodeError as cause:
        raise SampleError(f"the prompt is not valid Unicode: {cause}") from cause
    return text
