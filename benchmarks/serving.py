"""The load test against a streaming server of known capacity over HTTP, in real time: what the client itself costs.

The server has so many places, each of which writes one answer at a time: a first token, then others at equal
distances. So its capacity, and each latency without a queue, are known.
"""

import asyncio
import json
import multiprocessing
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.record.schema import TaskRecord
from harness.spec.document import parse_document
from harness.suite.adapters import read_adapter
from harness.suite.bind import bind_suite

PLACES: Final = 8
FIRST, BETWEEN, TOKENS = 0.1, 0.02, 16
SERVICE: Final = FIRST + BETWEEN * (TOKENS - 1)
CAPACITY: Final = PLACES / SERVICE
_SUITE = """
suite: load
version: 1
datasets: {{charts: {{type: charts, limit: 16}}}}
tasks:
  load:
    kind: serving
    dataset: charts
    through: calls
    streamed: true
    rates: [{half:g}, {much:g}]
    clients: [1, {places}, {more}]
    requests: {requests}
    slo: {{ttft: 0.5, inter_token_latency: 0.05}}
"""


def application() -> Any:
    """Return the server."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import StreamingResponse
    from starlette.routing import Route

    free = asyncio.Semaphore(PLACES)

    async def written() -> AsyncIterator[bytes]:
        async with free:
            loop = asyncio.get_running_loop()
            due = loop.time() + FIRST
            for number in range(TOKENS):
                await asyncio.sleep(due - loop.time())
                due += BETWEEN
                yield _event({"choices": [{"index": 0, "delta": {"content": f"{number} "}}]})
        yield _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
        yield _event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": TOKENS}})
        yield b"data: [DONE]\n\n"

    async def complete(request: Request) -> StreamingResponse:
        await request.body()
        return StreamingResponse(written(), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n\n"


def serve(listening: socket.socket) -> None:
    """Serve until the process is ended."""
    import uvicorn

    config = uvicorn.Config(application(), log_level="critical", lifespan="off", ws="none")
    uvicorn.Server(config).run(sockets=[listening])


def measure(requests: int = 160) -> TaskRecord:
    """Put the server under loads and return what the task says."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = multiprocessing.get_context("fork").Process(target=serve, args=(listening,), daemon=True)
    server.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            adapter = folder / "server.yaml"
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
            adapter.write_text(f"adapter: server\ntype: openai\nbase_url: {url}\nmodel: m\nstream: true\n")
            loads = {"half": CAPACITY / 2, "much": 1.5 * CAPACITY, "places": PLACES, "more": 3 * PLACES}
            suite = bind_suite(parse_document(_SUITE.format(**loads, requests=requests), folder / "suite.yaml"))
            _, record = run_suite(suite, read_adapter(str(adapter)), RunOptions(folder / "runs"), Silent())
            return record.tasks["load"]
    finally:
        server.terminate()
        server.join()


def main() -> None:
    """Print what is known beside what was measured."""
    task = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 160)
    half = task.cells[f"rate={CAPACITY / 2:g},policy=calls"].metrics
    known = {
        "saturation_rate": (CAPACITY, task.metrics["saturation_rate"]),
        "ttft_p50, half load": (1000 * FIRST, half["ttft_p50"]),
        "inter_token_p50, half load": (1000 * BETWEEN, half["inter_token_p50"]),
        "p50, half load": (1000 * SERVICE, half["p50"]),
        "output_rate, overload": (CAPACITY * TOKENS, task.metrics["output_rate"]),
    }
    for name, (value, told) in known.items():
        print(f"{name:<28} {value:9.2f} known  {told.value:9.2f} [{told.low:.2f}, {told.high:.2f}]  n = {told.n}")
    for cell, told in task.cells.items():
        late, good = told.metrics["sender_late_p99"].value, told.metrics["goodput"].value
        print(f"{cell:<28} sender late p99 {late or 0:.2f} ms, goodput {good}")
    print(*(one.text for one in task.findings), sep="\n")


if __name__ == "__main__":
    main()
