"""The load test's figures beside those of vLLM's benchmark client, from the same chunks at the same moments."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from harness.adapters._openai.stream import Stream
from harness.seeds import generator
from harness.tasks.serving.figures import shares, within
from harness.tasks.serving.load import arrivals

LIMITS = {"ttft_ms": 260.0, "inter_token_ms": 31.0}


@dataclass
class Theirs:
    """What `async_request_openai_chat_completions` of `vllm bench serve` keeps of an answer."""

    ttft: float = 0.0
    itl: list[float] = field(default_factory=list)
    latency: float = 0.0
    tokens: int = 0

    @classmethod
    def of(cls, chunks: list[tuple[float, dict[str, Any]]]) -> "Theirs":
        found, last = cls(), 0.0
        for at, data in chunks:
            if data.get("choices"):
                if found.ttft == 0.0:
                    found.ttft = at
                else:
                    found.itl.append(at - last)
            elif usage := data.get("usage"):
                found.tokens = usage["completion_tokens"]
            last = at
        found.latency = last
        return found

    @property
    def tpot(self) -> float:
        return (self.latency - self.ttft) / (self.tokens - 1) if self.tokens > 1 else 0.0


def answer(number: int, a_chunk: int, role_first: float = 0.0002) -> list[tuple[float, dict[str, Any]]]:
    """Chunks as vLLM's server sends them: the role with the first token, the reason with the last, usage after it."""
    draw = generator("chunks", number)
    tokens = int(draw.integers(8, 200))
    pieces = math.ceil(tokens / a_chunk)
    at = 0.12 + draw.gamma(4.0, 0.03)
    chunks: list[tuple[float, dict[str, Any]]] = [(at - role_first, delta({"role": "assistant", "content": ""}))]
    for piece in range(pieces):
        chunks.append((at, delta({"content": "x"}, "stop" if piece == pieces - 1 else None)))
        at += draw.gamma(9.0, a_chunk * 0.03 / 9)
    chunks.append((chunks[-1][0] + 0.0003, {"choices": [], "usage": {"completion_tokens": tokens}}))
    return chunks


def delta(content: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": content, "finish_reason": reason}]}


def heard(chunks: list[tuple[float, dict[str, Any]]]) -> tuple[dict[str, float], int]:
    """Return what the adapter keeps of the same: bytes that are cut anywhere, as they come from a network."""
    stream = Stream()
    for at, data in chunks:
        line = f"data: {json.dumps(data)}\n\n".encode()
        stream.feed(line[:11], at)
        stream.feed(line[11:], at)
    stream.feed(b"data: [DONE]\n\n", chunks[-1][0])
    return stream.seconds(), stream.whole()["usage"]["completion_tokens"]


@pytest.mark.parametrize("a_chunk", [1, 3])
def test_each_answer_has_the_same_times_by_both_definitions(a_chunk: int) -> None:
    for number in range(60):
        chunks = answer(number, a_chunk)
        theirs, (ours, tokens) = Theirs.of(chunks), heard(chunks)
        assert tokens == theirs.tokens
        assert ours["ttft"] == pytest.approx(theirs.ttft, rel=0.03)
        assert ours["inter_token_latency"] == pytest.approx(theirs.tpot, rel=0.03)
        assert ours["inter_token_latency"] == pytest.approx(sum(theirs.itl) / (tokens - 1), rel=0.03)


def test_figures_of_a_load_agree_within_three_per_cent() -> None:
    due = arrivals(6.0, 400, "vllm")
    both = [(Theirs.of(chunks), *heard(chunks)) for chunks in (answer(number, 1) for number in range(400))]
    theirs = [one for one, _, _ in both]
    latency = np.array([one.latency for one in theirs])
    took = {
        "ttft_ms": np.array([1000 * ours["ttft"] for _, ours, _ in both]),
        "inter_token_ms": np.array([1000 * ours["inter_token_latency"] for _, ours, _ in both]),
        "latency_ms": 1000 * latency,
    }
    tokens = np.array([count for _, _, count in both])
    for q in (50, 95, 99):
        assert np.percentile(took["ttft_ms"], q) == pytest.approx(
            1000 * np.percentile([one.ttft for one in theirs], q), rel=0.03
        )
        assert np.percentile(took["inter_token_ms"], q) == pytest.approx(
            1000 * np.percentile([one.tpot for one in theirs], q), rel=0.03
        )
    weighted = np.average(took["inter_token_ms"], weights=tokens - 1)
    assert weighted == pytest.approx(1000 * np.mean(np.concatenate([one.itl for one in theirs])), rel=0.03)
    good = within(took, LIMITS)
    met = [1000 * one.ttft <= LIMITS["ttft_ms"] and 1000 * one.tpot <= LIMITS["inter_token_ms"] for one in theirs]
    assert 0.3 < good.mean() < 0.9
    assert good.mean() == pytest.approx(np.mean(met), rel=0.03)
    duration = max(due + latency)  # theirs runs from the start of the clock, ours from the first arrival
    assert tokens.sum() / shares(due, latency).sum() == pytest.approx(tokens.sum() / duration, rel=0.03)


def test_a_role_that_comes_long_before_the_first_token_is_no_first_token_here() -> None:
    chunks = answer(1, 1, role_first=0.1)
    theirs, (ours, _) = Theirs.of(chunks), heard(chunks)
    assert ours["ttft"] == pytest.approx(theirs.ttft + 0.1)
