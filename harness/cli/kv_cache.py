"""``harness kv-cache``."""

from pathlib import Path
from typing import Final

import click

from harness.errors import ExitCode

_EPILOG: Final = """\b
Examples:
  harness kv-cache --config Qwen2-VL-2B/config.json --tokens 64 --image 1092x1092 --batch 8
  harness kv-cache --layers 28 --kv-heads 2 --head-dim 128 --tokens 4096 --dtype fp16
"""


@click.command(epilog=_EPILOG)
@click.option("--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A model's config.json.")
@click.option("--layers", type=click.IntRange(1))
@click.option("--kv-heads", type=click.IntRange(1), help="Heads of keys and values (GQA has fewer than query heads).")
@click.option("--head-dim", type=click.IntRange(1))
@click.option("--window", type=click.IntRange(1), help="Tokens that a sliding window looks back.")
@click.option("--tokens", type=click.IntRange(0), default=0, show_default=True, help="Text of prompt and answer.")
@click.option(
    "--image", "images", multiple=True, metavar="HEIGHTxWIDTH", help="An image of the prompt; may be repeated."
)
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True)
@click.option("--dtype", default="fp16", show_default=True, help="fp32, fp16, bf16, fp8, int8 or int4.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    config: Path | None,
    layers: int | None,
    kv_heads: int | None,
    head_dim: int | None,
    window: int | None,
    tokens: int,
    images: tuple[str, ...],
    batch: int,
    dtype: str,
    as_json: bool,
) -> int:
    """Estimate the memory of a decoder's keys and values.

    Images count as Qwen2-VL counts them: a token for each 28 × 28 px.
    """
    import json

    from harness.errors import UsageError
    from harness.kv_cache import Decoder, cache_bytes, tokens_of_image

    if config is not None:
        try:
            found = json.loads(config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as cause:
            raise UsageError(f"{config} cannot be read: {cause}") from cause
        if not isinstance(found, dict):
            raise UsageError(f"{config} is no JSON object")
        decoder = Decoder.from_config(found)
    elif layers and kv_heads and head_dim:
        decoder = Decoder(layers, kv_heads, head_dim, window)
    else:
        raise UsageError("give --config, or --layers, --kv-heads and --head-dim")
    visual = sum(tokens_of_image(*_size(text)) for text in images)
    size = cache_bytes(decoder, tokens + visual, batch, dtype)
    if as_json:
        click.echo(json.dumps({"bytes": size, "text_tokens": tokens, "image_tokens": visual, "batch": batch}))
    else:
        click.echo(f"{size / 2**20:,.2f} MiB: {tokens} text and {visual} visual tokens, batch {batch}, {dtype}")
    return ExitCode.OK


def _size(text: str) -> tuple[int, int]:
    from harness.errors import UsageError

    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise UsageError(f"--image {text}: write HEIGHTxWIDTH, such as 448x448")
    return int(height), int(width)
