"""Anthropic's and Google's own APIs against a fake server that holds requests to their public documentation."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from PIL import Image
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from harness.adapters.anthropic import AnthropicAdapter, AnthropicConfig
from harness.adapters.gemini import GeminiAdapter, GeminiConfig
from harness.errors import AdapterError
from harness.registry import registry
from harness.types import Adapter, Finish, Generation, Request, Response, Status

KEY = "not-a-key-0123456789"

CLAUDE: dict[str, Any] = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5",
    "content": [{"type": "thinking", "thinking": "Hm", "signature": "x"}, {"type": "text", "text": "4"}],
    "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {
        "input_tokens": 20, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 5, "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 7},
    },
}  # fmt: skip
GEMINI: dict[str, Any] = {
    "candidates": [
        {
            "content": {"role": "model", "parts": [{"text": "Hm", "thought": True}, {"text": "4"}]},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 25, "candidatesTokenCount": 2, "thoughtsTokenCount": 7, "totalTokenCount": 34,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}, {"modality": "IMAGE", "tokenCount": 20}],
    },
    "modelVersion": "gemini-3.6-flash",
}  # fmt: skip


@dataclass
class Fake:
    """Answers as it is told, in order, and then well; refuses what the documentation does not know."""

    url: str = ""
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    seen: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    async def answer(self, request: HttpRequest) -> HttpResponse:
        body = await request.json()
        self.seen.append((request.url.path, dict(request.headers), body))
        claude = request.url.path == "/v1/messages"
        try:
            (claude_request if claude else gemini_request)(dict(request.headers), body)
        except AssertionError as cause:
            return JSONResponse({"error": {"type": "invalid_request_error", "message": f"{cause}"}}, 400)
        code, content, headers = self.answers.pop(0) if self.answers else (200, CLAUDE if claude else GEMINI, {})
        return JSONResponse(content, code, headers)


def claude_request(headers: dict[str, str], body: dict[str, Any]) -> None:
    """Hold a request to https://platform.claude.com/docs/en/api/messages."""
    assert headers["anthropic-version"] in ("2023-06-01", "2026-10-21"), "version"
    assert headers["x-api-key"] == KEY, "key"
    known = {"model", "max_tokens", "messages", "system", "thinking"}
    known |= {"temperature", "top_p"} if headers["anthropic-version"] == "2023-06-01" else set()
    assert body.keys() <= known, f"unknown: {body.keys() - known}"
    assert isinstance(body["max_tokens"], int), "max_tokens"
    (message,) = body["messages"]
    assert message.keys() == {"role", "content"}, "message"
    assert message["role"] == "user", "role"
    for block in message["content"]:
        if block["type"] == "text":
            assert block.keys() == {"type", "text"}, "text block"
            assert block["text"].strip(), "text content blocks must be non-empty"
        else:
            assert block.keys() == {"type", "source"}, "image block"
            assert block["source"].keys() == {"type", "media_type", "data"}, "source"
            assert block["source"]["type"] == "base64", "source"
            shown(block["source"]["media_type"], base64.b64decode(block["source"]["data"], validate=True))


def gemini_request(headers: dict[str, str], body: dict[str, Any]) -> None:
    """Hold a request to https://ai.google.dev/api/generate-content."""
    assert headers["x-goog-api-key"] == KEY, "key"
    assert body.keys() <= {"contents", "systemInstruction", "generationConfig", "safetySettings"}, "unknown key"
    known = {"maxOutputTokens", "temperature", "topP", "seed", "thinkingConfig"}
    assert body["generationConfig"].keys() <= known, "unknown setting"
    (content,) = body["contents"]
    assert content.keys() == {"role", "parts"}, "content"
    for part in content["parts"]:
        if "inlineData" in part:
            shown(*blob(part))
        else:
            assert part.keys() == {"text"}, "part"


def blob(part: dict[str, Any]) -> tuple[str, bytes]:
    """Return the type and bytes of a picture; of names and of base64 the API takes either spelling."""
    found = {key.replace("mime_type", "mimeType"): value for key, value in part["inlineData"].items()}
    assert found.keys() == {"mimeType", "data"}, "inlineData"
    return found["mimeType"], base64.b64decode(found["data"].replace("-", "+").replace("_", "/"), validate=True)


def shown(media: str, content: bytes) -> None:
    image = Image.open(BytesIO(content))
    assert f"image/{str(image.format).lower()}" == media, "media type"
    assert image.getpixel((0, 0)) == (200, 10, 10), "pixels"


@pytest.fixture(scope="module")
def running() -> Iterator[Fake]:
    fake = Fake()
    routes = [Route("/{path:path}", fake.answer, methods=["POST"])]
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    fake.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    http = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="critical", lifespan="off", ws="none"))
    thread = threading.Thread(target=http.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    for _ in range(500):
        if http.started:
            break
        time.sleep(0.01)
    yield fake
    http.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture
def fake(running: Fake, monkeypatch: pytest.MonkeyPatch) -> Fake:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, KEY)
    running.answers, running.seen = [], []
    return running


Load = Callable[..., Any]


@pytest.fixture
def load(fake: Fake) -> Iterator[Load]:
    made: list[Any] = []

    def make(kind: str, **keys: Any) -> Any:
        usual = {"model": "m", "backoff": 0.01, "max_wait": 1.0}
        if kind == "anthropic":
            config = AnthropicConfig.model_validate({"base_url": fake.url} | usual | keys)
            made.append(AnthropicAdapter.from_config(config, Path()))
        else:
            google = GeminiConfig.model_validate({"base_url": f"{fake.url}/v1"} | usual | keys)
            made.append(GeminiAdapter.from_config(google, Path()))
        return made[-1]

    yield make
    for adapter in made:
        adapter.close()


PICTURE = Image.new("RGB", (6, 4), (200, 10, 10))
ASKED = Request(
    "a", "Is  redder than ?", (PICTURE, PICTURE), "Be brief.", Generation(50),
    interleaved=("Is ", 0, " redder than ", 1, "?"),
)  # fmt: skip
BOTH = pytest.mark.parametrize("kind", ["anthropic", "gemini"])


@BOTH
def test_an_answer_is_read_with_its_counts_and_thoughts_stay_out(load: Load, kind: str) -> None:
    adapter = load(kind)
    assert registry("adapters").load(kind) is type(adapter)
    assert isinstance(adapter, Adapter)
    (answer,) = adapter.answer([ASKED])
    response: Response = answer.response
    assert (response.status, response.text, response.error) == (Status.OK, "4", None)
    assert (response.finish, response.tokens_in, response.tokens_out) == (Finish.STOP, 25, 9)
    assert (answer.reasoning_tokens, response.image_tokens) == (7, None if kind == "anthropic" else 20)
    assert adapter.usage.served == {"claude-opus-5-5" if kind == "anthropic" else "gemini-3.6-flash"}


def test_claude_is_asked_with_blocks_in_order_and_no_temperature(load: Load, fake: Fake) -> None:
    load("anthropic").generate([ASKED])
    path, headers, body = fake.seen[0]
    assert (path, headers["anthropic-version"]) == ("/v1/messages", "2026-10-21")
    assert {key: value for key, value in body.items() if key != "messages"} == {
        "model": "m", "max_tokens": 50, "system": "Be brief."
    }  # fmt: skip
    kinds = [block.get("text", block["type"]) for block in body["messages"][0]["content"]]
    assert kinds == ["Is ", "image", " redder than ", "image", "?"]


def test_an_older_claude_takes_a_temperature_and_then_samples(load: Load, fake: Fake) -> None:
    adapter = load("anthropic", api_version="2023-06-01", temperature=0.0)
    assert adapter.capabilities == {"generate", "sample"}
    assert load("anthropic").capabilities == {"generate"}
    sampled = Request("a", "Which?", generation=Generation(5, temperature=0.7, top_p=0.9, seed=3))
    assert [one.status for one in adapter.generate([Request("b", "Which?"), sampled])] == [Status.OK] * 2
    told = sorted((body["temperature"], body.get("top_p")) for _, _, body in fake.seen)
    assert told == [(0.0, None), (0.7, 0.9)]
    with pytest.raises(ValidationError, match="`api_version: 2023-06-01` for a model that takes it"):
        load("anthropic", temperature=0.0)


def test_gemini_is_asked_with_parts_in_order_and_its_settings(load: Load, fake: Fake) -> None:
    thinking = {"generationConfig": {"thinkingConfig": {"thinkingLevel": "minimal"}}}
    adapter = load("gemini", seed=3, extra_body=thinking)
    sampled = Request("b", "Which?", generation=Generation(5, temperature=0.7, top_p=0.9, seed=11))
    adapter.generate([ASKED])
    adapter.generate([sampled])
    path, _, body = fake.seen[0]
    assert path == "/v1/models/m:generateContent"
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["generationConfig"] == {
        "maxOutputTokens": 50, "temperature": 0.0, "seed": 3, "thinkingConfig": {"thinkingLevel": "minimal"}
    }  # fmt: skip
    assert [next(iter(part)) for part in body["contents"][0]["parts"]] == [
        "text", "inlineData", "text", "inlineData", "text"
    ]  # fmt: skip
    settings = fake.seen[1][2]["generationConfig"]
    assert (settings["temperature"], settings["topP"], settings["seed"]) == (0.7, 0.9, 11)
    load("gemini", model="tunedModels/mine").generate([Request("a", "Which?")])
    assert fake.seen[-1][0] == "/v1/tunedModels/mine:generateContent"


def said(kind: str, text: str | None, reason: str, thought: int = 0) -> dict[str, Any]:
    """An answer of each API."""
    if kind == "anthropic":
        content = [] if text is None else [{"type": "text", "text": text}]
        usage = {"input_tokens": 1, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": thought}}
        return {"type": "message", "content": content, "stop_reason": reason, "usage": usage}
    content = {} if text is None else {"parts": [{"text": text}]}
    usage = {"promptTokenCount": 1, "thoughtsTokenCount": thought}
    return {"candidates": [{"content": content, "finishReason": reason}], "usageMetadata": usage}


@pytest.mark.parametrize(
    ("kind", "answer", "status", "finish", "error"),
    [
        ("anthropic", said("anthropic", "4", "max_tokens"), Status.OK, Finish.LENGTH, ""),
        ("anthropic", said("anthropic", None, "end_turn"), Status.OK, Finish.STOP, ""),
        (
            "anthropic",
            said("anthropic", None, "max_tokens", 50),
            Status.ERROR,
            Finish.LENGTH,
            "all 50 tokens went into",
        ),
        ("anthropic", said("anthropic", "No", "refusal"), Status.ERROR, Finish.FILTER, "stop_reason 'refusal'"),
        ("anthropic", said("anthropic", None, "tool_use"), Status.ERROR, Finish.UNKNOWN, "stop_reason 'tool_use'"),
        ("gemini", said("gemini", "4", "MAX_TOKENS"), Status.OK, Finish.LENGTH, ""),
        ("gemini", said("gemini", None, "MAX_TOKENS", 50), Status.ERROR, Finish.LENGTH, "all 50 tokens went"),
        ("gemini", said("gemini", None, "SAFETY"), Status.ERROR, Finish.FILTER, "finishReason 'SAFETY'"),
        ("gemini", said("gemini", None, "OTHER"), Status.ERROR, Finish.UNKNOWN, "finishReason 'OTHER'"),
        ("gemini", {"promptFeedback": {"blockReason": "SAFETY"}}, Status.ERROR, Finish.FILTER, "blockReason 'SAFETY'"),
        ("gemini", {}, Status.ERROR, Finish.UNKNOWN, "holds no answer"),
        ("anthropic", {}, Status.ERROR, Finish.UNKNOWN, "holds no answer"),
    ],
)
def test_an_answer_says_why_it_ends_and_none_is_a_failure_with_a_name(
    load: Load, fake: Fake, kind: str, answer: Any, status: Status, finish: Finish, error: str
) -> None:
    fake.answers = [(200, answer, {})]
    (response,) = load(kind).generate([Request("a", "Which?", generation=Generation(50))])
    assert (response.status, response.finish) == (status, finish)
    assert error in (response.error or "")


def google(code: int, status: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": "told", "status": status, "details": list(details)}}


def claude(kind: str, message: str = "told") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.05s"}
INVALID = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


@pytest.mark.parametrize(
    ("kind", "code", "error", "headers"),
    [
        ("anthropic", 429, claude("rate_limit_error"), {"retry-after": "0"}),
        ("anthropic", 500, claude("api_error"), {}),
        ("anthropic", 504, claude("timeout_error"), {}),
        ("anthropic", 529, claude("overloaded_error"), {}),
        ("gemini", 429, google(429, "RESOURCE_EXHAUSTED", RETRY), {}),
        ("gemini", 503, google(503, "UNAVAILABLE"), {}),
    ],
)
def test_what_passes_is_asked_again(
    load: Load, fake: Fake, kind: str, code: int, error: dict[str, Any], headers: dict[str, str]
) -> None:
    fake.answers = [(code, error, headers)]
    started = time.monotonic()
    (answer,) = load(kind).answer([Request("a", "Which?")])
    assert (answer.response.text, answer.attempts) == ("4", 2)
    assert RETRY not in error.get("error", {}).get("details", []) or time.monotonic() - started >= 0.05


@pytest.mark.parametrize(
    ("kind", "code", "error", "hopeless"),
    [
        ("anthropic", 401, claude("authentication_error"), True),
        ("anthropic", 402, claude("billing_error"), True),
        ("anthropic", 403, claude("permission_error"), True),
        ("anthropic", 404, claude("not_found_error"), True),
        ("anthropic", 400, claude("invalid_request_error", "Your credit balance is too low to access"), True),
        ("anthropic", 400, claude("invalid_request_error"), False),
        ("anthropic", 413, claude("request_too_large"), False),
        ("gemini", 400, google(400, "INVALID_ARGUMENT", INVALID), True),
        ("gemini", 403, google(403, "PERMISSION_DENIED"), True),
        ("gemini", 400, google(400, "INVALID_ARGUMENT"), False),
    ],
)
def test_what_stays_is_told_once_and_a_refusal_of_all_stops_the_run(
    load: Load, fake: Fake, kind: str, code: int, error: dict[str, Any], hopeless: bool
) -> None:
    fake.answers = [(code, error, {})]
    (answer,) = load(kind).answer([Request("a", "Which?")])
    assert (answer.response.status, answer.response.hopeless, answer.attempts) == (Status.ERROR, hopeless, 1)
    assert f"the server answered {code}: {error['error']['message']}" in (answer.response.error or "")


@BOTH
def test_a_key_that_is_not_set_is_named_and_a_server_that_repeats_it_is_not_heard(
    load: Load, fake: Fake, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = load(kind)
    fake.answers = [(400, {"error": {"message": f"bad {KEY}"}}, {})]
    assert "bad [key]" in (adapter.generate([Request("a", "Which?")])[0].error or "")
    assert KEY not in repr(vars(adapter)) + adapter.fingerprint()
    monkeypatch.delenv(f"{kind.upper()}_API_KEY")
    with pytest.raises(AdapterError, match=f"{kind.upper()}_API_KEY is not set"):
        load(kind)


def test_the_two_do_not_share_a_fingerprint(load: Load) -> None:
    same = {"base_url": "http://h", "model": "m", "temperature": None}
    assert load("anthropic", **same).fingerprint() != load("gemini", **same).fingerprint()
    assert load("anthropic", api_version="2023-06-01").fingerprint() != load("anthropic").fingerprint()


def test_anthropics_own_client_sends_the_same(load: Load, fake: Fake) -> None:
    anthropic = pytest.importorskip("anthropic")
    load("anthropic").generate([ASKED])
    (_, _, ours), fake.seen = fake.seen[0], []
    headers = {"x-api-key": KEY}  # the documented header; the client itself has moved to another
    with anthropic.Anthropic(base_url=fake.url, api_key=KEY, default_headers=headers, max_retries=0) as client:
        keys = {key: value for key, value in ours.items() if key != "model"}
        message = client.messages.create(model="m", **json.loads(json.dumps(keys)))
    path, headers, theirs = fake.seen[0]
    assert (path, theirs, headers["anthropic-version"]) == ("/v1/messages", ours, "2026-10-21")
    assert message.content[-1].text == "4"


def test_googles_own_client_sends_the_same(load: Load, fake: Fake) -> None:
    genai = pytest.importorskip("google.genai")
    load("gemini", seed=3).generate([ASKED])
    (path, _, ours), fake.seen = fake.seen[0], []
    client = genai.Client(api_key=KEY, http_options={"base_url": fake.url})
    config = {"system_instruction": "Be brief.", "max_output_tokens": 50, "temperature": 0.0, "seed": 3}
    types = genai.types
    buffer = BytesIO()
    PICTURE.save(buffer, "PNG")
    picture = types.Part.from_bytes(data=buffer.getvalue(), mime_type="image/png")
    parts = ["Is ", picture, " redder than ", picture, "?"]
    answer = client.models.generate_content(model="m", contents=parts, config=config)
    assert answer.text == "4"
    theirs = fake.seen[0][2]
    for body in (ours, theirs):
        body["systemInstruction"].pop("role", None)
        for part in body["contents"][0]["parts"]:
            if "inlineData" in part:
                part["inlineData"] = blob(part)
    assert (fake.seen[0][0], theirs) == (path, ours)
