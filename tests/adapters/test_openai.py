"""The chat-completions client against a real server on loopback that serves the tiny model, and misbehaves."""

import asyncio
import base64
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from PIL import Image
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, RedirectResponse, StreamingResponse
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from harness.adapters._openai.config import OpenAIConfig
from harness.adapters._served import adapter as served
from harness.adapters._served.cost import estimate
from harness.adapters._served.pace import Pace, backoff
from harness.adapters.onnx import OnnxAdapter, OnnxConfig
from harness.adapters.openai import OpenAIAdapter
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import AdapterError
from harness.hosts.call import Caller
from harness.registry import registry
from harness.spec.models import EngineSpec
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.testing.adapters import Subject, check_adapter
from harness.types import Adapter, Finish, Generation, Request, Response, Status
from tests.charted import charted
from tests.written import written

ROOT = Path(__file__).parents[2]
KEY = "sk-test-0123456789-abcdefghij"
VARIABLE = "HARNESS_TEST_KEY"

Fault = Callable[[dict[str, Any]], Awaitable[HttpResponse | None]]


@dataclass
class Server:
    """The tiny model behind HTTP, with faults to play in order before it answers."""

    model: OnnxAdapter
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    query: dict[str, str] = field(default_factory=dict)
    active: int = 0
    peak: int = 0
    delay: float = 0.0
    serial: float = 0.0
    """Seconds that each request takes while all others wait."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        for _ in range(500):  # a slow answer to an earlier test may still be under way
            if not self.active:
                break
            time.sleep(0.01)
        self.faults, self.seen, self.times, self.peak, self.delay, self.serial = [], [], [], 0, 0.0, 0.0

    async def complete(self, request: HttpRequest) -> HttpResponse:
        body = await request.json()
        self.seen.append((dict(request.headers), body))
        self.times.append(time.monotonic())
        self.query = dict(request.query_params)
        self.active += 1
        self.peak = max(self.peak, self.active)
        try:
            fault = self.faults.pop(0) if self.faults else None
            found = await fault(body) if fault else None
            await asyncio.sleep(self.delay)
            if self.serial:
                async with self.turn:
                    await asyncio.sleep(self.serial)
            if found is None:
                whole = await run_in_threadpool(self.answer, body)
                found = in_pieces(whole, body) if body["stream"] else JSONResponse(whole)
            return found
        finally:
            self.active -= 1

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        system = next((m["content"] for m in body["messages"] if m["role"] == "system"), None)
        parts = body["messages"][-1]["content"]
        images = tuple(decoded(part) for part in parts if part["type"] == "image_url")
        text = next(part["text"] for part in parts if part["type"] == "text")
        with self.lock:
            (response,) = self.model.generate(
                [Request("", text, images, system=system, generation=Generation(body["max_tokens"]))]
            )
        if response.status is not Status.OK:
            return {"error": {"message": response.error, "code": 400}}
        choice: dict[str, Any] = {"message": {"role": "assistant", "content": response.text}}
        choice["finish_reason"] = str(response.finish) or None
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [{"token": response.text, "logprob": -0.25}]}
        usage = {"prompt_tokens": response.tokens_in, "completion_tokens": response.tokens_out}
        return {
            "choices": [choice],
            "usage": usage | {"prompt_tokens_details": {"image_tokens": response.image_tokens}},
        }


def in_pieces(whole: dict[str, Any], body: dict[str, Any]) -> HttpResponse:
    """Send an answer as vLLM streams one: a role, pieces of text, the end, and what was used where it is asked for."""
    (choice,) = whole["choices"]
    text, size = choice["message"]["content"], 1
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text[at : at + size]} for at in range(0, len(text), size)]
    events: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    if body.get("stream_options", {}).get("include_usage"):
        events.append({"choices": [], "usage": whole["usage"]})

    async def send() -> Any:
        for event in events:
            await asyncio.sleep(0.002)
            line = f"data: {json.dumps(event)}\r\n\r\n".encode()
            yield line[:9]
            yield line[9:]
        yield b"data: [DONE]\n\n"

    return StreamingResponse(send(), media_type="text/event-stream")


def decoded(part: dict[str, Any]) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(part["image_url"]["url"].partition("base64,")[2])))


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    model = OnnxAdapter.from_config(OnnxConfig(model="fixtures/tiny-qwen2-vl"), ROOT)
    server = Server(model)
    app = Starlette(routes=[Route("/v1/chat/completions", server.complete, methods=["POST"])])
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    config = uvicorn.Config(
        app, log_level="critical", lifespan="off", ws="none", http="h11", loop="asyncio", timeout_graceful_shutdown=1
    )
    http = uvicorn.Server(config)
    thread = threading.Thread(target=http.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    for _ in range(500):
        if http.started:
            break
        time.sleep(0.01)
    assert http.started
    yield server
    http.should_exit = True
    thread.join(10)
    listening.close()
    model.close()
    assert not thread.is_alive()


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running.reset()
    return running


@pytest.fixture
def load(server: Server) -> Iterator[Callable[..., OpenAIAdapter]]:
    made: list[OpenAIAdapter] = []

    def make(**keys: object) -> OpenAIAdapter:
        quick = {"base_url": server.url, "model": "tiny", "backoff": 0.02, "max_wait": 2.0}
        made.append(OpenAIAdapter.from_config(OpenAIConfig.model_validate(quick | keys), ROOT))
        return made[-1]

    yield make
    for adapter in made:
        adapter.close()


Load = Callable[..., OpenAIAdapter]


def charts(count: int) -> list[Request]:
    return [request for request, _ in charted("test-openai", count)]


# Faults


def status(code: int, headers: dict[str, str] | None = None, message: str = "injected") -> Fault:
    async def fault(_: dict[str, Any]) -> HttpResponse:
        return JSONResponse({"error": {"message": message}}, code, headers)

    return fault


def slow(seconds: float) -> Fault:
    async def fault(_: dict[str, Any]) -> None:
        await asyncio.sleep(seconds)

    return fault


def held(release: threading.Event) -> Fault:
    async def fault(_: dict[str, Any]) -> None:
        while not release.is_set():
            await asyncio.sleep(0.01)

    return fault


def sends(content: bytes, code: int = 200) -> Fault:
    async def fault(_: dict[str, Any]) -> HttpResponse:
        return HttpResponse(content, code, media_type="application/json")

    return fault


async def dropped(_: dict[str, Any]) -> HttpResponse:
    async def begin() -> Any:
        yield b'{"choices": ['

    return StreamingResponse(begin(), headers={"content-length": "5000"}, media_type="application/json")


async def redirected(_: dict[str, Any]) -> HttpResponse:
    return RedirectResponse("http://127.0.0.1:9/elsewhere")


TRUNCATED = b'{"choices": [{"message": {"content": "4'


# Answers


def test_it_is_registered_and_keeps_the_protocol(load: Load) -> None:
    adapter = load()
    assert registry("adapters").load("openai") is OpenAIAdapter
    assert isinstance(adapter, Adapter)
    assert adapter.capabilities == {"generate", "sample"}
    assert not adapter.batch_invariant
    assert not adapter.simulated


def test_answers_and_token_counts_are_those_of_the_model_behind_the_server(load: Load, server: Server) -> None:
    requests = [*charts(24), Request("text", "Which is highest?"), replace(charts(1)[0], system="Be brief.")]
    expected = [server.model.generate([request])[0] for request in requests]
    found = load().generate(requests)
    for one, other in zip(found, expected, strict=True):
        assert (one.text, one.tokens_in, one.image_tokens, one.tokens_out) == (
            other.text, other.tokens_in, other.image_tokens, other.tokens_out
        )  # fmt: skip
    assert set(found[0].seconds) == {"preprocess", "request"}


def test_it_keeps_the_laws_of_adapters(load: Load) -> None:
    keys = {"batch_invariant": True, "logprobs": True}
    check_adapter(Subject("server", load(**keys), lambda: load(**keys)))


def test_a_request_carries_what_the_file_declares_and_pixels_unchanged(load: Load, server: Server) -> None:
    request = replace(charts(1)[0], generation=Generation(5))
    load(system="Be brief.", detail="low", seed=3, extra_body={"top_k": 1}, logprobs=True).generate([request])
    headers, body = server.seen[0]
    content = body.pop("messages")
    assert body == {
        "model": "tiny", "max_tokens": 5, "stream": False, "temperature": 0.0, "seed": 3, "logprobs": True, "top_k": 1
    }  # fmt: skip
    assert content[0] == {"role": "system", "content": "Be brief."}
    image, text = content[1]["content"]
    assert text == {"type": "text", "text": request.prompt}
    assert image["image_url"]["detail"] == "low"
    assert np.array_equal(np.asarray(decoded(image)), np.asarray(request.images[0]))
    assert "authorization" not in headers


def test_a_request_that_samples_says_how_and_a_greedy_one_leaves_it_to_the_file(load: Load, server: Server) -> None:
    sampling = Request("a", "Which?", generation=Generation(5, temperature=0.7, top_p=0.9, seed=11))
    load(seed=3).generate([sampling])
    _, body = server.seen[0]
    assert (body["temperature"], body["top_p"], body["seed"]) == (0.7, 0.9, 11)


def test_what_a_file_leaves_out_is_not_sent(load: Load, server: Server) -> None:
    load(temperature=None, max_tokens_key="max_completion_tokens").generate([Request("a", "Which?")])
    assert set(server.seen[0][1]) == {"model", "messages", "max_completion_tokens", "stream"}


def test_large_images_are_made_smaller_and_jpeg_is_sent_on_demand(load: Load, server: Server) -> None:
    load(max_pixels=5000, image_format="jpeg").generate(
        [Request("a", "Which?", (Image.new("RGB", (200, 100), "red"),))]
    )
    image = decoded(server.seen[0][1]["messages"][0]["content"][0])
    assert (image.format, image.size) == ("JPEG", (100, 50))


# Faults


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(status(429, {"Retry-After": "0.05"}), id="429 with Retry-After"),
        pytest.param(status(429), id="429"),
        pytest.param(status(500), id="500"),
        pytest.param(status(503, {"Retry-After": "soon"}), id="503 with nonsense"),
        pytest.param(slow(0.9), id="slow"),
        pytest.param(sends(TRUNCATED), id="truncated JSON"),
        pytest.param(sends(b"<html>bad gateway</html>", 502), id="HTML"),
        pytest.param(sends(b'{"error": {"message": "overloaded", "code": 503}}'), id="503 in a 200"),
        pytest.param(dropped, id="dropped connection"),
    ],
)
def test_a_fault_that_passes_costs_a_retry_and_no_answer(load: Load, server: Server, fault: Fault) -> None:
    (request,) = charts(1)
    server.faults = [fault]
    adapter = load(timeout=0.6)
    (answer,) = adapter.answer([request])
    assert answer.response.status is Status.OK
    assert answer.response.text == server.model.generate([request])[0].text
    assert answer.attempts == 2
    assert adapter.usage.attempts == 2


def test_a_fault_costs_only_the_request_that_it_strikes(load: Load, server: Server) -> None:
    requests = charts(8)
    server.faults = [status(400)]
    found = load(concurrency=4).generate(requests)
    expected = server.model.generate(requests)
    assert sorted(response.status for response in found) == sorted([Status.ERROR] + [Status.OK] * 7)
    for one, other in zip(found, expected, strict=True):
        assert one.status is Status.ERROR or one.text == other.text


@pytest.mark.parametrize(
    ("fault", "expected", "says"),
    [
        (status(500), Status.ERROR, "the server answered 500: injected (3 attempts)"),
        (sends(TRUNCATED), Status.ERROR, "is not JSON (cut off after 39 bytes?) (3 attempts)"),
        (dropped, Status.ERROR, "failed: RemoteProtocolError"),
        (slow(0.9), Status.TIMEOUT, "no answer within 0.3 s (3 attempts)"),
    ],
    ids=["500", "truncated", "dropped", "slow"],
)
def test_a_fault_that_stays_ends_in_a_status_with_the_reason(
    load: Load, server: Server, fault: Fault, expected: Status, says: str
) -> None:
    server.faults = [fault] * 3
    (response,) = load(retries=2, timeout=0.3).generate([Request("a", "Which?")])
    assert (response.status, response.text) == (expected, None)
    assert says in (response.error or "")
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (status(400, message="too long"), "answered 400: too long"),
        (status(401), "is `api_key_env` the right variable"),
        (status(404), "are `base_url` and `model` right?"),
        (redirected, "redirects are not followed"),
        (sends(b"[1]"), "a list instead of an object"),
        (sends(b"{}"), "holds no answer"),
        (sends(b'{"choices": [{"message": {"content": null, "refusal": "no"}}]}'), "gave no text"),
        (sends(b'{"choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}]}'), "content_filter"),
        (sends(b"x" * (17 << 20)), "more than 16 MiB"),
    ],
    ids=["400", "401", "404", "redirect", "list", "empty", "null", "filtered", "endless"],
)
def test_what_will_not_get_better_is_not_asked_again(load: Load, server: Server, fault: Fault, says: str) -> None:
    server.faults = [fault] * 2
    (answer,) = load().answer([Request("a", "Which?")])
    assert (answer.response.status, answer.response.text) == (Status.ERROR, None)
    assert says in (answer.response.error or "")
    assert answer.attempts == len(server.seen) == 1


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", Finish.STOP),
        ("length", Finish.LENGTH),
        ("model_length", Finish.LENGTH),
        ("eos_token", Finish.STOP),
        ("tool_calls", Finish.UNKNOWN),
        (None, Finish.UNKNOWN),
        (["length"], Finish.UNKNOWN),
    ],
)
def test_an_answer_says_why_it_ends_as_far_as_the_server_does(
    load: Load, server: Server, reason: object, finish: Finish
) -> None:
    choice = {"message": {"content": "The total is 1,2"}, "finish_reason": reason}
    server.faults = [sends(json.dumps({"choices": [choice]}).encode())]
    (response,) = load().generate([Request("a", "Which?")])
    assert (response.status, response.finish) == (Status.OK, finish)


def test_a_failure_says_why_the_answer_ends_too(load: Load, server: Server) -> None:
    thought = {"message": {"content": None, "reasoning_content": "The bar"}, "finish_reason": "length"}
    filtered = {"message": {"content": "x"}, "finish_reason": "content_filter"}
    server.faults = [sends(json.dumps({"choices": [one]}).encode()) for one in (thought, filtered)]
    adapter = load()
    found = [adapter.generate([Request("a", "Which?")])[0] for _ in range(2)]
    assert [(one.status, one.finish) for one in found] == [
        (Status.ERROR, Finish.LENGTH),
        (Status.ERROR, Finish.FILTER),
    ]
    assert "raise `max_new_tokens`" in (found[0].error or "")


def test_content_in_parts_is_joined_and_odd_counts_are_left_out(load: Load, server: Server) -> None:
    reply = {"choices": [{"message": {"content": [{"type": "text", "text": "4"}, {"text": "2"}]}}]}
    server.faults = [sends(json.dumps(reply | {"usage": {"prompt_tokens": -1, "completion_tokens": "2"}}).encode())]
    (response,) = load().generate([Request("a", "Which?")])
    assert (response.text, response.tokens_in, response.tokens_out) == ("42", None, None)


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_waited_for_by_everybody(load: Load, server: Server, as_date: bool) -> None:
    then = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    value = format_datetime(then, usegmt=True) if as_date else "0.6"
    server.faults = [status(429, {"Retry-After": value})]
    adapter = load(concurrency=1, max_wait=5.0)
    responses = adapter.generate([Request(str(i), "Which?") for i in range(3)])
    assert all(response.status is Status.OK for response in responses)
    told = then.timestamp() - time.time() + time.monotonic() if as_date else server.times[0] + 0.6
    assert server.times[1] >= told - 0.05


def test_a_wait_that_is_longer_than_allowed_is_not_sat_out(load: Load, server: Server) -> None:
    server.faults = [status(429, {"Retry-After": "3600"})]
    (response,) = load(max_wait=1.0).generate([Request("a", "Which?")])
    assert len(server.seen) == 1
    assert "it asks to wait 3600 s, longer than max_wait (1 s)" in (response.error or "")


def test_a_request_ends_at_its_own_deadline_and_one_that_was_never_sent_is_no_time_out(
    load: Load, server: Server
) -> None:
    release = threading.Event()
    server.faults = [held(release)] * 2
    adapter = load(deadline=0.5, concurrency=2)
    caller = Caller.in_thread(lambda: adapter, EngineSpec())
    responses = caller.ask([Request(str(i), f"Which {i}?") for i in range(3)]).responses
    release.set()  # only now: the call ended while the server still held its requests
    assert [response.status for response in responses] == [Status.TIMEOUT, Status.TIMEOUT, Status.MISSING]
    assert "deadline of 0.5 s" in (responses[0].error or "")
    assert "never sent: the server answered nothing for 0.5 s" in (responses[2].error or "")
    assert len(server.seen) == 2


def test_a_slow_server_is_waited_for_however_long_the_whole_batch_takes(load: Load, server: Server) -> None:
    server.serial = 0.1
    adapter = load(deadline=1.5, timeout=1.5)
    requests = [Request(str(i), f"Which {i % 25}?") for i in range(30)]
    first = adapter.generate(requests)
    waiting = [response for response in first if response.status is not Status.OK]
    assert waiting  # the batch takes 3 s
    assert all(response.later and response.status is Status.MISSING for response in waiting)
    caller = Caller.in_thread(lambda: adapter, EngineSpec())
    found = caller.ask(requests).responses
    assert [response.status for response in found] == [Status.OK] * 30
    assert [response.text for response in found] == [one.text for one in server.model.generate(requests)]
    assert not any(response.later for response in found)


@pytest.mark.parametrize(
    ("code", "error", "headers"),
    [
        (401, {"message": "bad key"}, {}),
        (402, {"message": "no credit"}, {}),
        (403, {"message": "not for you"}, {}),
        (404, {"message": "The model `tiny` does not exist."}, {}),
        (429, {"message": "used up", "code": "insufficient_quota"}, {"Retry-After": "1"}),
        (400, {"message": "tiny?", "type": "model_not_found"}, {}),
    ],
)
def test_what_no_request_can_mend_stops_all_that_were_not_sent(
    load: Load, server: Server, code: int, error: dict[str, str], headers: dict[str, str]
) -> None:
    async def refuse(_: dict[str, Any]) -> HttpResponse:
        return JSONResponse({"error": error}, code, headers)

    server.faults = [refuse] * 20
    responses = load(concurrency=2).generate([Request(str(i), "Which?") for i in range(12)])
    refused = [response for response in responses if response.hopeless]
    assert 1 <= len(refused) == len(server.seen) <= 2
    assert all(f"the server answered {code}: {error['message']}" in (one.error or "") for one in refused)
    assert all(one.later for one in responses if not one.hopeless)


def test_what_one_request_brought_on_itself_costs_no_other(load: Load, server: Server) -> None:
    async def flagged(_: dict[str, Any]) -> HttpResponse:
        return JSONResponse({"error": {"message": "flagged", "metadata": {"reasons": ["violence"]}}}, 403)

    server.faults = [flagged, status(400, message="image too large")]
    responses = load(concurrency=1).generate([Request(str(i), "Which?") for i in range(4)])
    assert [response.status for response in responses].count(Status.OK) == 2
    assert not any(response.hopeless or response.later for response in responses)


def test_a_server_that_is_not_there_is_named(load: Load) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    (response,) = load(base_url=url, retries=1).generate([Request("a", "Which?")])
    assert response.status is Status.ERROR
    assert f"the connection to {url} failed" in (response.error or "")


def test_a_bad_image_is_never_sent(load: Load, server: Server) -> None:
    adapter = load()
    bad, good = adapter.generate([Request("a", "Which?", (Image.new("RGB", (0, 4)),)), Request("b", "Which?")])
    assert (bad.status, good.status) == (Status.ERROR, Status.OK)
    assert len(server.seen) == 1
    assert (adapter.usage.requests, adapter.usage.failed, adapter.usage.attempts) == (2, 1, 1)


# Pace


def test_no_more_requests_are_under_way_than_allowed(load: Load, server: Server) -> None:
    server.delay = 0.02
    load(concurrency=3).generate([Request(str(i), "Which?") for i in range(12)])
    assert 2 <= server.peak <= 3


def test_concurrency_grows_with_success_and_falls_when_the_server_is_busy(load: Load, server: Server) -> None:
    adapter = load(concurrency=16)
    assert adapter._client is not None
    adapter.generate([Request(str(i), "Which?") for i in range(30)])
    grown = adapter._client.pace.limit
    assert 6 <= grown <= 16
    server.faults = [status(503)]
    adapter.generate([Request("a", "Which?")])
    assert adapter._client.pace.limit < grown


def test_requests_that_fail_together_halve_the_limit_once() -> None:
    async def limits() -> list[int]:
        pace, found = Pace(8), []
        for _ in range(100):
            pace.succeeded(time.monotonic(), 60.0)
        found.append(pace.limit)
        sent = time.monotonic()
        for _ in range(3):
            pace.busy(sent, None)
        found.append(pace.limit)
        for _ in range(9):
            pace.busy(time.monotonic() + 1, None)
        found.append(pace.limit)
        return found

    assert asyncio.run(limits()) == [8, 4, 1]


def test_where_requests_wait_for_each_other_no_more_are_sent_than_come_back_in_time() -> None:
    async def limits() -> list[int]:
        pace, found = Pace(8), []
        for latency in (7.0, 0.1):
            for _ in range(50):
                pace.succeeded(time.monotonic() - latency, 16.0)
            found.append(pace.limit)
        return found

    assert asyncio.run(limits()) == [4, 8]


def test_only_who_waits_in_company_and_is_not_overtaken_may_be_late_because_of_it() -> None:
    async def told() -> list[bool]:
        pace, found = Pace(8), []
        async with pace.slot() as alone:
            found.append(pace.crowded(alone))
            async with pace.slot() as second:
                found.append(pace.crowded(alone))
                pace.succeeded(second, 60.0)
                found.append(pace.crowded(alone) if second > alone else False)
        return found

    assert asyncio.run(told()) == [False, True, False]


def test_waits_double_up_to_a_bound_and_differ() -> None:
    for attempt in range(12):
        waits = {backoff(attempt, 0.5, 30.0) for _ in range(50)}
        assert max(waits) <= min(30.0, 0.5 * 2**attempt)
        assert len(waits) > 40


# Token by token


def test_an_answer_that_is_streamed_is_the_same_and_says_when_its_tokens_came(load: Load, server: Server) -> None:
    requests = charts(6)
    whole, streamed = load().generate(requests), load(stream=True).generate(requests)
    assert server.seen[-1][1]["stream_options"] == {"include_usage": True}
    for one, other in zip(whole, streamed, strict=True):
        counts = (one.text, one.finish, one.tokens_in, one.image_tokens, one.tokens_out)
        assert (other.text, other.finish, other.tokens_in, other.image_tokens, other.tokens_out) == counts
        assert 0 < other.seconds["ttft"] < other.seconds["request"]
    assert any(one.seconds.get("inter_token_latency", 0) > 0 for one in streamed)
    assert "ttft" not in whole[0].seconds


def events(*lines: str) -> Fault:
    async def fault(_: dict[str, Any]) -> HttpResponse:
        return HttpResponse("".join(f"data: {line}\n\n" for line in lines), media_type="text/event-stream")

    return fault


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [
        (events('{"choices": [{"delta": {"content": "4"}}]}'), 2),
        (events('{"choices": [{"delta": {"con'), 2),
        (events('{"error": {"message": "overloaded", "code": 503}}'), 2),
        (sends(b'{"choices": [{"message": {"content": "7"}, "finish_reason": "stop"}]}'), 1),
    ],
    ids=["breaks off", "broken", "overloaded", "whole all the same"],
)
def test_a_stream_that_breaks_off_is_asked_for_again(load: Load, server: Server, fault: Fault, attempts: int) -> None:
    server.faults = [fault]
    (answer,) = load(stream=True).answer([Request("a", "Which?")])
    assert (answer.response.status, answer.attempts) == (Status.OK, attempts)


def test_thoughts_count_as_tokens_and_stay_out_of_the_answer(load: Load, server: Server) -> None:
    thought, said = '{"choices": [{"delta": {"reasoning": "Hm"}}]}', '{"choices": [{"delta": {"content": "4"}}]}'
    end = '{"choices": [{"delta": {}, "finish_reason": "length"}]}'
    server.faults = [events(thought, said, end, "[DONE]"), events(thought, end, "[DONE]")]
    adapter = load(stream=True)
    found = [adapter.generate([Request("a", "Which?")])[0] for _ in range(2)]
    assert [(one.text, one.finish, one.status) for one in found] == [
        ("4", Finish.LENGTH, Status.OK),
        (None, Finish.LENGTH, Status.ERROR),
    ]
    assert "before the answer began" in (found[1].error or "")


# What the server says of itself


@pytest.mark.parametrize("content", ["", "  \n", None])
def test_a_budget_that_went_into_thinking_is_a_failure_with_that_name(
    load: Load, server: Server, content: str | None
) -> None:
    choice = {"message": {"content": content}, "finish_reason": "length"}
    used = {"prompt_tokens": 9, "completion_tokens": 16, "completion_tokens_details": {"reasoning_tokens": 16}}
    server.faults = [sends(json.dumps({"choices": [choice], "usage": used}).encode())]
    adapter = load(prices={"input": 1.0, "output": 2.0})
    (response,) = adapter.generate([Request("a", "Which?")])
    assert (response.status, response.text, response.finish) == (Status.ERROR, None, Finish.LENGTH)
    assert (response.tokens_in, response.tokens_out, response.reasoning_tokens) == (9, 16, 16)  # it is on the bill
    assert (adapter.usage.failed, adapter.usage.reasoning_tokens, adapter.usage.cost) == (1, 16, 41e-6)
    assert "all 16 tokens went into thinking before the answer began: raise `max_new_tokens`" in (response.error or "")


def test_an_empty_answer_that_was_cut_off_without_a_thought_is_one(load: Load, server: Server) -> None:
    choice = {"message": {"content": ""}, "finish_reason": "length"}
    server.faults = [sends(json.dumps({"choices": [choice]}).encode())]
    (response,) = load().generate([Request("a", "Which?")])
    assert (response.status, response.text, response.finish) == (Status.OK, "", Finish.LENGTH)


def test_what_the_server_runs_and_how_much_it_thought_is_kept(load: Load, server: Server) -> None:
    def told(fingerprint: str) -> Fault:
        used = {"completion_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 12}}
        reply = {"choices": [{"message": {"content": "4"}}], "model": "tiny-2026", "system_fingerprint": fingerprint}
        return sends(json.dumps(reply | {"usage": used}).encode())

    server.faults = [told("fp_1"), told("fp_2")]
    adapter = load()
    answers = [adapter.answer([Request("a", "Which?")])[0] for _ in range(2)]
    assert [(one.served, one.reasoning_tokens) for one in answers] == [("tiny-2026 fp_1", 12), ("tiny-2026 fp_2", 12)]
    assert adapter.usage.served == {"tiny-2026 fp_1", "tiny-2026 fp_2"}
    assert (adapter.usage.tokens_out, adapter.usage.reasoning_tokens) == (40, 24)


def test_azure_gets_its_version_in_the_address_and_the_key_in_its_own_header(
    load: Load, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    adapter = load(api_key_env=VARIABLE, api_version="2024-10-21", query={"region": "north"})
    assert adapter.generate([Request("a", "Which?")])[0].status is Status.OK
    headers, _ = server.seen[0]
    assert server.query == {"api-version": "2024-10-21", "region": "north"}
    assert headers["api-key"] == KEY
    assert "authorization" not in headers


def test_azures_filter_is_a_filter(load: Load, server: Server) -> None:
    error = {"error": {"message": "The prompt was filtered", "code": "content_filter"}}
    server.faults = [sends(json.dumps(error).encode(), 400)]
    (response,) = load().generate([Request("a", "Which?")])
    assert (response.status, response.finish, response.hopeless) == (Status.ERROR, Finish.FILTER, False)


# Keys


def test_further_headers_are_sent_and_secret_ones_come_from_the_environment_alone(
    load: Load, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    headers = {"X-Team": "vision", "X-Gateway-Key": {"env": VARIABLE}}
    server.faults = [status(400, message=f"no such key: {KEY}")]
    adapter = load(headers=headers)
    (response,) = adapter.generate([Request("a", "Which?")])
    assert "no such key: [key]" in (response.error or "")
    sent, _ = server.seen[0]
    assert (sent["x-team"], sent["x-gateway-key"]) == ("vision", KEY)
    assert KEY not in repr(vars(adapter)) + json.dumps(adapter._config.model_dump(mode="json"))
    first = adapter.fingerprint()
    monkeypatch.setenv(f"{VARIABLE}_2", KEY)
    assert load(headers=headers | {"X-Gateway-Key": {"env": f"{VARIABLE}_2"}}).fingerprint() == first
    assert load(headers=headers | {"X-Team": "audio"}).fingerprint() != first
    with pytest.raises(AdapterError, match="`headers: X-Key: env: HARNESS_NOT_SET`"):
        load(headers={"X-Key": {"env": "HARNESS_NOT_SET"}})


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"headers": {"X-Api-Key": "abc"}}, "`X-Api-Key: {env: MY_VARIABLE}`"),
        ({"headers": {"Authorization": "Bearer abc"}}, "carries a secret"),
        ({"headers": {"Cookie": "a=b"}}, "carries a secret"),
        ({"headers": {"Content-Length": "4"}}, "no header that a file can set"),
        ({"headers": {"X Y": "4"}}, "no header that a file can set"),
        ({"headers": {"X-Y": "a\r\nX-Z: b"}}, "no header can carry"),
        ({"query": {"key": "abc"}}, "addresses are written into logs"),
        ({"query": {"sig": "abc"}}, "addresses are written into logs"),
    ],
    ids=str,
)
def test_a_secret_in_the_file_and_a_header_that_is_none_are_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        OpenAIConfig.model_validate({"base_url": "http://host/v1", "model": "tiny"} | keys)


def test_the_key_travels_in_its_header_and_nowhere_else(
    load: Load,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    bind: Callable[[str], Suite],
    write: Callable[..., Path],
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    server.faults = [sends(KEY.encode(), 400), status(401, message=f"Incorrect API key provided: {KEY}. Also {KEY!r}")]
    text = (
        f"adapter: served\ntype: openai\nbase_url: {server.url}\nmodel: tiny\napi_key_env: {VARIABLE}\nconcurrency: 1\n"
    )
    choice = read_adapter(str(write("served.yaml", text)))
    suite = bind(
        "suite: small\nversion: 1\ndatasets:\n  charts: {type: charts, limit: 4}\n"
        "tasks:\n  qa: {kind: qa, dataset: charts, metrics: [exact_match]}\n"
    )
    folder, _ = run_suite(suite, choice, RunOptions(out=write("runs/x", "").parent), Silent())
    assert len(server.seen) == 2  # a key that is refused is refused to all
    assert {headers["authorization"] for headers, _ in server.seen} == {f"Bearer {KEY}"}
    assert KEY not in json.dumps([body for _, body in server.seen])
    everything = b"".join(written(folder).values())
    assert b"Incorrect API key provided: [key]" in everything
    assert KEY.encode() not in everything
    adapter = load(api_key_env=VARIABLE)
    assert KEY not in repr(adapter) + repr(vars(adapter)) + repr(adapter._client and vars(adapter._client))


def test_a_key_that_is_not_set_is_asked_for_by_its_name(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(AdapterError, match=f"the environment variable {VARIABLE} is not set"):
        load(api_key_env=VARIABLE)
    monkeypatch.setenv(VARIABLE, "two\nlines")
    with pytest.raises(AdapterError, match="no header can carry") as caught:
        load(api_key_env=VARIABLE)
    assert "lines" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://user:secret@host/v1", "https://host/v1?key=secret", "host/v1", "file:///x"])
def test_an_address_that_carries_a_secret_or_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="base_url"):
        OpenAIConfig(base_url=url, model="tiny")


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "find_spec", lambda name: None)
    with pytest.raises(AdapterError, match=r"pip install 'httpx>="):
        load()


# Log probabilities, cost, fingerprint


def test_log_probabilities_are_read_where_they_are_offered(load: Load) -> None:
    asked, not_asked = load(logprobs=True), load()
    assert asked.capabilities == {"generate", "logprobs", "sample"}
    (answer,) = asked.answer([Request("a", "Which?")])
    assert answer.logprobs is not None
    assert [entry.logprob for entry in answer.logprobs] == [-0.25]
    assert (answer.response.mean_logprob, answer.response.min_logprob) == (-0.25, -0.25)
    assert not_asked.answer([Request("a", "Which?")])[0].logprobs is None


def test_cost_follows_the_declared_prices_and_adds_up(load: Load) -> None:
    adapter = load(prices={"input": 2.0, "output": 10.0})
    answers = adapter.answer(charts(5))
    for answer in answers:
        tokens = (answer.response.tokens_in or 0, answer.response.tokens_out or 0)
        assert answer.cost == pytest.approx((2 * tokens[0] + 10 * tokens[1]) / 1e6)
    assert adapter.usage.cost == pytest.approx(sum(answer.cost or 0 for answer in answers))
    assert adapter.usage.tokens_in == sum(answer.response.tokens_in or 0 for answer in answers)
    assert load().answer(charts(1))[0].cost is None


def test_an_estimate_is_made_without_asking_and_bounds_the_answer(load: Load, server: Server) -> None:
    adapter = load(prices={"input": 2.0, "output": 10.0, "currency": "EUR"}, system="Be brief.")
    requests = charts(6)
    found = adapter.estimate(requests)
    assert server.seen == []
    assert (found.requests, found.image_tokens, found.max_tokens_out, found.currency) == (6, 120, 96, "EUR")
    assert found.text_tokens >= 6 * 3
    assert found.cost == pytest.approx((2 * (found.text_tokens + 120) + 960) / 1e6)
    adapter.generate(requests)
    assert adapter.usage.tokens_out <= found.max_tokens_out
    smaller = OpenAIConfig(base_url="http://host/v1", model="tiny", max_pixels=28 * 28 * 4)
    assert estimate(requests, smaller).image_tokens <= 24
    assert estimate(requests, smaller).cost is None


def test_the_fingerprint_follows_what_shapes_an_answer_and_not_the_waiting(load: Load) -> None:
    first = load().fingerprint()
    assert load(timeout=9.0, concurrency=2, retries=1, prices={"input": 1.0, "output": 1.0}).fingerprint() == first
    assert load(stream=True).fingerprint() == first
    others = [{"model": "other"}, {"version": "2"}, {"system": "x"}, {"temperature": 0.5}, {"max_pixels": 9}]
    others += [{"api_version": "2024-10-21"}, {"query": {"a": "b"}}]
    assert len({first, *(load(**keys).fingerprint() for keys in others)}) == 8


def test_fingerprints_from_before_there_were_such_keys_stay() -> None:
    config = OpenAIConfig(base_url="http://h/v1", model="m")
    found = OpenAIAdapter.from_config(config, ROOT)
    assert found.fingerprint() == "65ab67b27cdf1d022f1ba4d4587fe73aa3f1f45a6c1bd645b51ee1fad1d37e19"
    found.close()


def test_it_may_be_used_inside_a_running_event_loop(load: Load) -> None:
    adapter = load()

    async def ask_inside() -> list[Response]:
        return adapter.generate([Request("a", "Which?")])

    assert asyncio.run(ask_inside())[0].status is Status.OK


def test_a_closed_adapter_says_so_and_leaves_no_thread(load: Load) -> None:
    adapter = load()
    assert "harness-served" in {thread.name for thread in threading.enumerate()}
    adapter.close()
    adapter.close()
    with pytest.raises(AdapterError, match="closed"):
        adapter.generate([])
    assert "harness-served" not in {thread.name for thread in threading.enumerate()}


def test_a_server_shows_its_answer_the_length_of_the_prompt_and_the_first_log_probability(
    load: Callable[..., OpenAIAdapter],
) -> None:
    request = Request("a", "Which is highest?", generation=Generation(4))
    adapter = load(logprobs=True)
    trace = adapter.trace(request)
    assert trace.response == replace(
        adapter.generate([request])[0], seconds=trace.response.seconds, took=trace.response.took
    )
    assert trace.first == (trace.response.text, -0.25)
    assert (trace.pixels, trace.prompt, trace.ids, trace.logits, trace.precision) == (None, None, None, None, None)
    assert load().trace(request).first is None
