"""The HTTP server: answers as the adapter does, refuses what it cannot do, and says how it fares."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image
from starlette.testclient import TestClient

from harness.adapters._openai.config import OpenAIConfig
from harness.adapters.openai import OpenAIAdapter
from harness.api import load_run
from harness.data.charts.dataset import ChartsConfig, ChartsDataset
from harness.serve.app import Settings, make_app
from harness.serve.batcher import Batcher, Policy
from harness.serve.messages import Limits, read_body
from harness.serve.parameters import BadRequest
from harness.serve.replies import About, events, reply
from harness.suite.adapters import read_adapter
from harness.types import Adapter, Finish, Generation, Request, Response, Status
from tests.doubles import Double

ROOT = Path(__file__).parents[2]


def serve(adapter: Adapter, policy: Policy, settings: Settings) -> tuple[uvicorn.Server, threading.Thread, str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(Batcher(adapter, policy), settings), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    return server, thread, f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def model() -> Iterator[Adapter]:
    adapter = read_adapter("onnx-fp32").load()
    yield adapter
    adapter.close()


@pytest.fixture(scope="module")
def url(model: Adapter) -> Iterator[str]:
    limits = Limits(body=2_000_000, pixels=100_000, images=2, tokens=64)
    server, thread, address = serve(model, Policy(8, 0.005), Settings("tiny", limits=limits))
    yield address
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    samples = list(ChartsDataset.from_config(ChartsConfig(limit=24), ROOT, ()))
    return [Request(s.id, s.question, (s.images[0].load(),), generation=Generation(8)) for s in samples]


def png(size: tuple[int, int] = (8, 8)) -> str:
    buffer = BytesIO()
    Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def body(*parts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    content = [*parts, {"type": "text", "text": "What is the value of A?"}]
    return {"model": "tiny", "messages": [{"role": "user", "content": content}], "max_tokens": 4} | changes


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def post(url: str, content: Any, **headers: str) -> httpx.Response:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return httpx.post(
        f"{url}/v1/chat/completions", content=data, headers={"content-type": "application/json"} | headers
    )


def test_the_openai_adapter_gets_the_answers_of_the_adapter_itself(
    url: str, model: Adapter, requests: list[Request]
) -> None:
    client = OpenAIAdapter.from_config(OpenAIConfig(base_url=f"{url}/v1", model="tiny", concurrency=8), ROOT)
    served, direct = client.generate(requests), model.generate(requests)
    client.close()
    assert [(r.status, r.text) for r in served] == [(r.status, r.text) for r in direct]
    assert [(r.tokens_in, r.image_tokens, r.tokens_out) for r in served] == [
        (r.tokens_in, r.image_tokens, r.tokens_out) for r in direct
    ]
    assert len({r.text for r in served}) > 3


def test_metrics_tell_of_requests_queue_and_batches(url: str) -> None:
    assert post(url, body(image(png()))).status_code == 200
    text = httpx.get(f"{url}/metrics").text
    assert 'harness_requests_total{code="200"}' in text
    for name in ("harness_queue_depth 0", "harness_batch_size_bucket", "harness_compute_seconds_sum"):
        assert name in text


def test_health_and_models(url: str) -> None:
    assert httpx.get(f"{url}/health").json() == {"status": "ok"}
    (one,) = httpx.get(f"{url}/v1/models").json()["data"]
    assert (one["id"], one["root"], one["object"]) == ("tiny", "tiny", "model")
    assert httpx.get(f"{url}/v1/models/tiny").json() == one
    missing = httpx.get(f"{url}/v1/models/other")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


TEXT = {"type": "text", "text": "x"}


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"{", 400, "not JSON"),
        ([], 400, "not a JSON object"),
        ({}, 400, "`messages`"),
        (body(model="other"), 404, "there is no model 'other' here"),
        (body(stream="yes"), 400, "`stream`"),
        (body(stream_options={"include_usage": True}), 400, "belongs to `stream: true`"),
        (body(stream=True, stream_options={"continuous": True}), 400, "`stream_options`' `continuous`"),
        (body(n=2), 400, "`n`"),
        (body(temperature=0.7), 400, "this model does not sample"),
        (body(temperature=3), 400, "between 0 and 2"),
        (body(top_p=0.5), 400, "`top_p` below 1"),
        (body(seed=-1), 400, "`seed`"),
        (body(seed=1 << 40), 400, "`seed`"),
        (body(stop=["a"] * 17), 400, "`stop`"),
        (body(stop=""), 400, "`stop`"),
        (body(response_format={"type": "json_object"}), 400, "`response_format`"),
        (body(logprobs=True), 400, "`logprobs`"),
        (body(tools=[{"type": "function"}]), 400, "`tools`"),
        (body(ignore_eos=True), 400, "`ignore_eos`"),
        (body(thinking={"type": "enabled"}), 400, "`thinking` is not known here"),
        (body(messages=[{"role": "user", "content": "a", "cache": 1}]), 400, "a message's `cache`"),
        (
            body(messages=[{"role": role, "content": "a"} for role in ("user", "assistant", "user")]),
            400,
            "put earlier turns into the user's message",
        ),
        (body({"type": "image_url", "image_url": {"url": png(), "detail": "huge"}}), 400, "`detail`"),
        (body(max_tokens=100_000), 400, "between 1 and 64"),
        (body(max_tokens="9"), 400, "between 1 and 64"),
        (body(messages=[{"role": "assistant", "content": "x"}]), 400, "assistant"),
        (body({"type": "audio"}), 400, "audio"),
        (body(image("http://127.0.0.1/secret.png")), 400, "nothing is fetched"),
        (body(image("file:///etc/passwd")), 400, "nothing is fetched"),
        (body(image("data:image/png;base64,@@@")), 400, "cannot be decoded"),
        (body(image("data:image/png;base64," + base64.b64encode(b"GIF89a").decode())), 400, "cannot be used"),
        (body(image(png((1000, 1000)))), 400, "1000 × 1000 px is more than"),
        (body(*[image(png())] * 3), 400, "more than 2 images"),
        (b"x" * 3_000_000, 413, "larger than"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_it_cannot_do_is_a_sentence_and_no_crash(url: str, content: Any, code: int, said: str) -> None:
    answer = post(url, content)
    assert answer.status_code == code
    assert said in answer.json()["error"]["message"]


def test_images_between_texts_stay_where_they_stand() -> None:
    told = read_body(body({"type": "text", "text": "Is "}, image(png()), image(png((9, 8)))), "1", Limits()).request
    assert told.content() == ("Is ", 0, 1, "What is the value of A?")
    assert told.prompt == "Is What is the value of A?"
    assert [one.size for one in told.shown()] == [(8, 8), (9, 8)]


def test_a_page_of_another_site_cannot_use_it(url: str) -> None:
    assert post(url, body(), **{"content-type": "text/plain"}).status_code == 415


def test_a_request_that_the_model_refuses_costs_itself(url: str) -> None:
    narrow = post(url, body(image(png((4000, 1)))))
    assert narrow.status_code == 422
    assert "over 200 times" in narrow.json()["error"]["message"]
    assert post(url, body(image(png()))).status_code == 200


def test_a_key_is_asked_for_where_there_is_one(model: Adapter) -> None:
    server, thread, address = serve(model, Policy(), Settings("tiny", key="secret"))
    assert post(address, body()).status_code == 401
    assert post(address, body(), authorization="Bearer wrong").status_code == 401
    assert post(address, body(image(png())), authorization="Bearer secret").status_code == 200
    server.should_exit = True
    thread.join(20)


class Halving(Double):
    """Answers with half of a UTF-16 pair."""

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return [Response("half \ud800") for _ in requests]


def test_half_a_character_in_an_answer_is_replaced() -> None:
    server, thread, address = serve(Halving(), Policy(), Settings("tiny"))
    answer = httpx.post(f"{address}/v1/chat/completions", json=body())
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["choices"][0]["message"]["content"] == "half ?"
    server.should_exit = True
    thread.join(20)


class Ends(Double):
    """Answers as many words as it may, of three, and says why it stops; to "?" it does not say."""

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return [self.one(request) for request in requests]

    def one(self, request: Request) -> Response:
        most = request.generation.max_new_tokens
        finish = Finish.LENGTH if most < 3 else Finish.STOP
        finish = {"?": Finish.UNKNOWN, "!": Finish.FILTER}.get(request.prompt, finish)
        return Response(" ".join(["word"] * min(most, 3)), tokens_out=min(most, 3), finish=finish)


@pytest.mark.parametrize(
    ("text", "limit", "reason", "words"),
    [("a", 2, "length", 2), ("a", 3, "stop", 3), ("?", 3, None, 3), ("!", 3, "content_filter", 3)],
)
@pytest.mark.parametrize("key", ["max_tokens", "max_completion_tokens"])
def test_a_limit_is_kept_and_the_answer_says_whether_it_was_reached(
    key: str, text: str, limit: int, reason: str | None, words: int
) -> None:
    asked = read_body({"messages": [{"role": "user", "content": text}], key: limit}, "1", Limits())
    answer = reply(About("1", "ends", 0), Ends().one(asked.request))
    assert answer["choices"][0]["finish_reason"] == reason
    assert (len(answer["choices"][0]["message"]["content"].split()), answer["usage"]["completion_tokens"]) == (
        words,
    ) * 2


def test_an_adapter_that_asks_the_server_hears_how_the_model_ended(url: str) -> None:
    client = OpenAIAdapter.from_config(OpenAIConfig(base_url=f"{url}/v1", model="tiny"), ROOT)
    asked = [Request(str(n), "What is the value of A?", generation=Generation(n)) for n in (1, 60)]
    assert [one.finish for one in client.generate(asked)] == [Finish.LENGTH, Finish.STOP]
    client.close()


# What is honoured


class Counting(Double):
    """Counts up to what it may, or says how it was asked to sample."""

    capabilities = frozenset({"generate", "sample"})

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return [self.one(request) for request in requests]

    def one(self, request: Request) -> Response:
        how = request.generation
        if how.temperature:
            return Response(f"{how.temperature:g} {how.top_p:g} {how.seed}", tokens_in=3, tokens_out=5)
        numbers = [str(number) for number in range(1, min(how.max_new_tokens, 2000) + 1)]
        return Response(" ".join(numbers), tokens_in=3, tokens_out=len(numbers), finish=Finish.LENGTH)


@pytest.fixture(scope="module")
def counting() -> Iterator[TestClient]:
    settings = Settings("counting", limits=Limits(tokens=4096), samples=True, fingerprint="fp_1")
    with TestClient(make_app(Batcher(Counting(), Policy()), settings), base_url="http://localhost") as client:
        yield client


def said(client: TestClient, **changes: Any) -> dict[str, Any]:
    content = {"messages": [{"role": "user", "content": "Count."}], "max_tokens": 5, **changes}
    answer = client.post("/v1/chat/completions", json=content)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_answer_ends_before_the_first_text_that_stops_it(counting: TestClient) -> None:
    def ended(stop: Any) -> tuple[str, str]:
        choice = said(counting, stop=stop)["choices"][0]
        return choice["message"]["content"], choice["finish_reason"]

    assert ended("3") == ended([" 5", "3"]) == ("1 2 ", "stop")
    assert ended("1") == ("", "stop")
    assert ended("9") == ended([]) == ended(None) == ("1 2 3 4 5", "length")


def test_a_model_that_samples_is_told_how_and_a_seed_without_a_temperature_changes_nothing(
    counting: TestClient,
) -> None:
    text = said(counting, temperature=0.7, top_p=0.9, seed=11)["choices"][0]["message"]["content"]
    assert text == "0.7 0.9 11"
    greedy = said(counting, temperature=0, seed=11)["choices"][0]["message"]["content"]
    assert greedy == said(counting)["choices"][0]["message"]["content"] == "1 2 3 4 5"


def test_longer_answers_than_usual_are_an_option_of_the_server(counting: TestClient) -> None:
    assert said(counting, max_tokens=2000)["usage"]["completion_tokens"] == 2000
    assert said(counting, max_tokens=None)["usage"]["completion_tokens"] == 256
    refused = counting.post("/v1/chat/completions", json={"messages": [], "max_tokens": 5000}).json()["error"]
    assert (refused["param"], refused["type"]) == ("max_tokens", "invalid_request_error")
    assert "`harness serve --max-tokens` sets the limit" in refused["message"]


def test_what_changes_nothing_may_be_said(counting: TestClient) -> None:
    neutral = {
        "n": 1, "top_p": 1.0, "logprobs": False, "top_logprobs": None, "presence_penalty": 0.0, "frequency_penalty": 0,
        "response_format": {"type": "text"}, "tools": None, "tool_choice": "auto", "user": "ann", "stream": False,
        "metadata": {"run": "7"}, "ignore_eos": False, "model": "counting", "stop": None, "logit_bias": {},
    }  # fmt: skip
    answer = said(counting, **neutral)
    assert answer["choices"][0]["message"]["content"] == "1 2 3 4 5"
    assert (answer["model"], answer["system_fingerprint"]) == ("counting", "fp_1")


def test_a_developer_is_a_system_and_a_model_that_counts_nothing_tells_no_usage() -> None:
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi", "name": "ann"}]
    assert read_body({"messages": messages}, "1", Limits()).request.system == "Be brief."
    assert reply(About("1", "m", 0), Response("x"))["usage"] is None


def test_a_stream_says_who_what_why_and_what_was_used(counting: TestClient) -> None:
    content = {"messages": [{"role": "user", "content": "Count."}], "max_tokens": 3, "stream": True}
    answer = counting.post("/v1/chat/completions", json=content | {"stream_options": {"include_usage": True}})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *lines, done = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert done == "[DONE]"
    chunks = [json.loads(line) for line in lines]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "1 2 3"}, {}]
    assert [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]] == [None, None, "length"]
    assert [chunk["usage"] for chunk in chunks][-1] == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    without = counting.post("/v1/chat/completions", json=content).text
    assert '"usage"' not in without
    assert "1 2 3" in without
    assert b"half ?" in b"".join(events(About("1", "m", 0), Response("half \ud800"), usage=False))


def test_a_stream_that_is_refused_is_a_status_and_no_stream(counting: TestClient) -> None:
    answer = counting.post("/v1/chat/completions", json={"messages": [], "stream": True})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")


# Who asks


def test_the_adapter_reads_the_servers_stream_as_it_reads_a_whole_answer(url: str, requests: list[Request]) -> None:
    found = []
    for stream in (False, True):
        client = OpenAIAdapter.from_config(OpenAIConfig(base_url=f"{url}/v1", model="tiny", stream=stream), ROOT)
        answers = client.generate(requests[:4])
        found.append([(one.text, one.finish, one.tokens_in, one.tokens_out) for one in answers])
        client.close()
    assert found[0] == found[1]
    assert all("ttft" in one.seconds and "inter_token_latency" not in one.seconds for one in answers), "in one piece"


def test_lm_evals_local_chat_completions_is_answered(counting: TestClient) -> None:
    """Its `_create_payload`, with its defaults, and the `type` that `apply_chat_template` gives each message."""
    messages = [
        {"role": "system", "content": "Be brief.", "type": "text"},
        {"role": "user", "content": "Q: 2+2?\nA:", "type": "text"},
    ]
    payload = {"messages": messages, "model": "counting", "max_tokens": 256, "temperature": 0}
    payload |= {"stop": ["\n\n", "Q:", "</s>", "<|im_end|>"], "seed": 1234}
    answer = counting.post("/v1/chat/completions", json=payload, headers={"Authorization": "Bearer "})
    texts = {choice["index"]: choice["message"]["content"] for choice in answer.json()["choices"]}
    assert texts[0].startswith("1 2 3")


def test_vllms_benchmark_client_is_answered(counting: TestClient) -> None:
    """Its `openai-chat` request with a picture, and what it reads: models' `root`, deltas, usage last."""
    assert counting.get("/v1/models").json()["data"][0]["root"] == "counting"
    content = [{"type": "text", "text": "Count."}, image(png())]
    payload = {
        "model": "counting", "messages": [{"role": "user", "content": content}], "max_completion_tokens": 4,
        "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip
    answer = counting.post("/v1/chat/completions", json=payload)
    text, used, first = "", None, False
    for line in filter(None, answer.text.split("\n\n")):
        chunk = line.removeprefix("data: ")
        if chunk == "[DONE]":
            continue
        data = json.loads(chunk)
        if choices := data.get("choices"):
            text, first = text + (choices[0]["delta"].get("content") or ""), True
        elif usage := data.get("usage"):
            used = usage["completion_tokens"]
    assert (text, used, first) == ("1 2 3 4", 4, True)


def test_vlmevalkits_request_is_answered(counting: TestClient) -> None:
    """Its `OpenAIWrapper`: one answer, and a `detail` with every picture."""
    picture = {"type": "image_url", "image_url": {"url": png(), "detail": "low"}}
    content = [picture, {"type": "text", "text": "Count."}]
    found = said(counting, model="counting", messages=[{"role": "user", "content": content}], n=1, temperature=0)
    assert found["choices"][0]["message"]["content"] == "1 2 3 4 5"


def test_the_official_client_is_answered(url: str) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        content = [{"type": "text", "text": "What is the value of A?"}, image(png())]
        messages = [{"role": "user", "content": content}]
        whole = client.chat.completions.create(model="tiny", messages=messages, max_tokens=6, temperature=0, seed=1)
        pieces = [
            chunk.choices[0].delta.content or ""
            for chunk in client.chat.completions.create(model="tiny", messages=messages, max_tokens=6, stream=True)
            if chunk.choices
        ]
        assert "".join(pieces) == whole.choices[0].message.content
        assert whole.usage.completion_tokens >= 1
        assert [one.id for one in client.models.list()] == ["tiny"]
        with pytest.raises(openai.NotFoundError, match="no model"):
            client.chat.completions.create(model="gpt-9", messages=messages)
        with pytest.raises(openai.BadRequestError, match="`logprobs`"):
            client.chat.completions.create(model="tiny", messages=messages, logprobs=True)


def test_a_run_against_the_server_has_the_answers_of_a_run_of_the_adapter(
    url: str, run_here: Callable[..., Any], write: Callable[..., Path], tmp_path: Path
) -> None:
    suite = write(
        "s.yaml",
        "suite: s\nversion: 1\ndatasets: {charts: {type: charts, limit: 6}}\n"
        "tasks: {qa: {kind: qa, dataset: charts, metrics: [exact_match]}}\n",
    )
    served = write("served.yaml", f"adapter: served\ntype: openai\nbase_url: {url}/v1\nmodel: tiny\n"
                   "concurrency: auto\nbatch_size: 2\n")  # fmt: skip
    answers = []
    for number, adapter in enumerate((served, "onnx-fp32")):
        done = run_here("run", suite, "--adapter", adapter, "--out", tmp_path / str(number))
        assert done.code == 0, done.err
        (folder,) = [path.parent for path in (tmp_path / str(number)).rglob("run.json")]
        frame = load_run(folder).samples().sort_values("sample_id")
        answers.append(frame[["sample_id", "response", "tokens_in", "tokens_out"]].values.tolist())
    assert answers[0] == answers[1]
    assert len(answers[0]) == 6


class Slow(Double):
    """A model that answers when it is told to."""

    batch_size = 1

    def __init__(self) -> None:
        self.gate = threading.Event()

    def generate(self, requests: list[Request]) -> list[Any]:
        from harness.types import Response

        self.gate.wait(30)
        return [Response("done", status=Status.OK) for _ in requests]


def test_a_full_queue_is_429_with_retry_after_and_closing_answers_who_waits() -> None:
    slow = Slow()
    server, thread, address = serve(slow, Policy(1, 0.0, max_queue=1), Settings("tiny"))
    answers: list[httpx.Response] = []
    clients = [threading.Thread(target=lambda: answers.append(post(address, body()))) for _ in range(2)]
    for number, client in enumerate(clients, start=1):
        client.start()
        until = time.monotonic() + 20
        while time.monotonic() < until:  # the first is in the model, the second in the queue
            text = httpx.get(f"{address}/metrics").text
            if ("harness_in_flight 1" if number == 1 else "harness_queue_depth 1") in text:
                break
    refused = post(address, body())
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    server.should_exit = True
    slow.gate.set()
    for client in clients:
        client.join(20)
    thread.join(20)
    assert [answer.status_code for answer in answers] == [200, 200]


def test_a_request_that_takes_too_long_is_504() -> None:
    slow = Slow()
    server, thread, address = serve(slow, Policy(1, 0.0), Settings("tiny", timeout=0.1))
    first = threading.Thread(target=lambda: post(address, body()))
    first.start()
    while "harness_in_flight 1" not in httpx.get(f"{address}/metrics").text:
        time.sleep(0.01)
    second = threading.Thread(target=lambda: seen.append(post(address, body())))
    seen: list[httpx.Response] = []
    second.start()
    while "harness_queue_depth 1" not in httpx.get(f"{address}/metrics").text:
        time.sleep(0.01)
    time.sleep(0.15)
    slow.gate.set()
    second.join(20)
    first.join(20)
    assert seen[0].status_code == 504
    server.should_exit = True
    thread.join(20)


def test_images_that_are_large_together_are_refused_before_any_more_is_decoded() -> None:
    limits, seen = Limits(pixels=100, pixels_together=150), []
    with pytest.raises(BadRequest, match="together have more than 150 px"):
        read_body(body(image(png((10, 10))), image(png((10, 10)))), "1", limits, seen.append)
    assert seen == [100]


def test_requests_in_flight_share_a_budget_of_pixels_and_give_it_back() -> None:
    slow = Slow()
    server, thread, address = serve(slow, Policy(1, 0.0), Settings("tiny", pixels_together=100))
    first = threading.Thread(target=lambda: answers.append(post(address, body(image(png((9, 9)))))))
    answers: list[httpx.Response] = []
    first.start()
    while "harness_in_flight 1" not in httpx.get(f"{address}/metrics").text:
        time.sleep(0.01)
    refused = post(address, body(image(png((5, 5)))))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "hold 81 of 100 pixels" in refused.json()["error"]["message"]
    slow.gate.set()
    first.join(20)
    assert answers[0].status_code == 200
    assert post(address, body(image(png((5, 5))))).status_code == 200
    server.should_exit = True
    thread.join(20)


def test_a_body_that_does_not_come_is_408_and_holds_nobody_up() -> None:
    server, thread, address = serve(Halving(), Policy(), Settings("tiny", body_timeout=0.2))
    host, port = address.removeprefix("http://").split(":")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    half = [socket.create_connection((host, int(port)), timeout=20) for _ in range(20)]
    for one in half:
        one.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
    assert post(address, body()).status_code == 200
    for one in half:
        assert one.recv(4096).startswith(b"HTTP/1.1 408 ")
        one.close()
    server.should_exit = True
    thread.join(20)


@pytest.mark.parametrize(
    ("name", "code"),
    [("evil.example", 403), ("evil.example:80", 403), ("", 403), ("LOCALHOST:1", 200), ("[::1]:9", 200), ("me", 200)],
)
def test_it_answers_to_its_own_names_alone(name: str, code: int) -> None:
    with TestClient(make_app(Batcher(Halving(), Policy()), Settings("tiny", hosts=("me",)))) as client:
        answer = client.get("/v1/models", headers={"host": name})
        assert answer.status_code == code


def test_the_command_serves_until_it_is_told_to_stop(run_here: Callable[..., Any]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "harness", "serve", "-a", "onnx-fp32", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(600):
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                    break
            except httpx.ConnectError:
                time.sleep(0.1)
        assert post(f"http://127.0.0.1:{port}", body(image(png()), model="onnx-fp32")).status_code == 200
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert "serving onnx-fp32 on http://127.0.0.1" in said
    assert "Traceback" not in said
    assert process.returncode in (0, 130)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-a", "onnx-fp32", "--host", "0.0.0.0"), "open to others"),  # noqa: S104 - it is refused
        (("-a", "onnx-fp32", "--api-key-env", "HARNESS_NO_SUCH_KEY"), "is not set"),
        (("-a", "nobody"), "unknown adapter"),
    ],
)
def test_a_mistake_is_found_before_it_serves(
    run_here: Callable[..., Any], arguments: tuple[str, ...], said: str
) -> None:
    done = run_here("serve", *arguments)
    assert done.code == 2
    assert said in done.err
