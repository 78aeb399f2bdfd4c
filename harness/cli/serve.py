"""``harness serve``."""

import os
from typing import Final

import click

from harness.errors import ExitCode
from harness.extras import install
from harness.spec.limits import MOST_IN_A_BATCH

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_SPARE: Final = 64
"""Connections beyond what may wait or be worked on; more get 503 at once, and hold nothing."""
_EPILOG: Final = """\b
Examples:
  harness serve --adapter onnx-fp32
  harness serve --adapter onnx-fp32 --port 8001 --max-batch-size 16 --max-batch-wait-ms 10
  curl http://127.0.0.1:8000/health
"""


@click.command(epilog=_EPILOG)
@click.option("-a", "--adapter", "name", required=True, metavar="ADAPTER", help="Name or YAML file of an adapter.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Another than loopback needs --api-key-env.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--max-batch-size",
    type=click.IntRange(1, MOST_IN_A_BATCH),
    default=8,
    show_default=True,
    help="Most requests a batch.",
)
@click.option("--max-batch-wait-ms", type=click.FloatRange(0), default=5.0, show_default=True,
              help="How long the first request of a batch waits for others.")  # fmt: skip
@click.option("--max-queue", type=click.IntRange(1), default=256, show_default=True,
              help="Requests that may wait; more are answered with 429 and Retry-After.")  # fmt: skip
@click.option("--max-tokens", type=click.IntRange(1, 1_000_000), default=1024, show_default=True,
              help="Most tokens of an answer that a client may ask for.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=60.0, show_default=True,
              help="Seconds that a request may take; then 504.")  # fmt: skip
@click.option("--drain", type=click.FloatRange(0), default=60.0, show_default=True,
              help="Seconds that waiting requests have to finish on Ctrl-C or SIGTERM.")  # fmt: skip
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME",
              help="A name by which clients call this server, beside localhost and addresses; repeatable.")  # fmt: skip
@click.option("--api-key-env", metavar="VARIABLE", help="The environment variable with the key that clients must send.")
def command(
    name: str,
    host: str,
    port: int,
    max_batch_size: int,
    max_batch_wait_ms: float,
    max_queue: int,
    max_tokens: int,
    timeout: float,
    drain: float,
    hosts: tuple[str, ...],
    api_key_env: str | None,
) -> int:
    """Serve an adapter over HTTP: chat completions with images, in dynamic batches.

    `POST /v1/chat/completions`, `GET /v1/models`, `GET /health`, `GET /metrics` (Prometheus). Images are
    `data:` URLs; nothing is fetched from the network. A parameter that is not honoured is refused by its name.
    """
    from contextlib import closing
    from importlib.util import find_spec

    from harness.errors import UsageError
    from harness.serve.app import Settings, make_app
    from harness.serve.batcher import Batcher, Policy
    from harness.serve.messages import Limits
    from harness.suite.adapters import read_adapter

    if missing := [package for package in ("starlette", "uvicorn") if find_spec(package) is None]:
        raise UsageError(f"serving needs {', '.join(missing)}; run `{install('serve')}`")
    key = os.environ.get(api_key_env, "") if api_key_env else None
    if key == "":
        raise UsageError(f"the environment variable {api_key_env} is not set")
    if host not in _LOOPBACK and key is None:
        raise UsageError(f"{host} is open to others: give --api-key-env, or stay on 127.0.0.1")
    import uvicorn

    choice = read_adapter(name)
    with closing(choice.load()) as adapter:
        if "generate" not in adapter.capabilities:
            raise UsageError(f"{name} cannot generate text")
        if not adapter.batch_invariant and max_batch_size > 1:
            click.echo(f"{name}: answers can depend on their batch; --max-batch-size 1 avoids it", err=True)
        batcher = Batcher(adapter, Policy(max_batch_size, max_batch_wait_ms / 1000, max_queue))
        settings = Settings(
            choice.name,
            timeout,
            drain,
            key,
            Limits(tokens=max_tokens),
            samples="sample" in adapter.capabilities,
            fingerprint=f"fp_{adapter.fingerprint()[:12]}",
            hosts=(host, *hosts),
        )
        app = make_app(batcher, settings)
        click.echo(f"serving {choice.name} on http://{host}:{port}/v1; Ctrl-C ends it", err=True)
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_level="warning",
            timeout_graceful_shutdown=max(1, round(drain)),
            limit_concurrency=max_queue + max_batch_size + _SPARE,
        )
    return ExitCode.OK
