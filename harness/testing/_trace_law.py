"""The law of what an adapter shows of its way: it is the way of its answers, and looking changes nothing."""

from typing import Any, Final

import numpy as np

from harness.testing._subject import NotApplicableError, Subject, ask, generates, pixels, same
from harness.testing._words import require
from harness.traces import Trace, TracingAdapter
from harness.types import Request

_TRIED: Final = 3
_ROUNDING: Final = 0.01
"""Of the range of all logits: rounding in bfloat16 moves them by as much."""


def trace_law(subject: Subject) -> None:
    """Hold an adapter that has the method ``trace`` to what :class:`harness.traces.TracingAdapter` promises."""
    adapter = subject.adapter
    if not isinstance(adapter, TracingAdapter):
        raise NotApplicableError("it shows nothing of its way: it has no method `trace`")
    if not generates(subject):
        raise NotApplicableError("it does not generate")
    requests = [request for request in subject.probes() if len(request.images) == 1][:_TRIED]
    known, answers = adapter.fingerprint(), [ask(subject, [request])[0] for request in requests]
    shown = [[pixels(image) for image in request.images] for request in requests]
    traces = [adapter.trace(request) for request in requests]
    for place, (trace, request, answer) in enumerate(zip(traces, requests, answers, strict=True)):
        require(isinstance(trace, Trace), f"`trace` gave a {type(trace).__name__}, not a Trace")
        same([answer], [trace.response], f"probe {place}, by `generate` and by `trace`")
        for name in ("tokens_in", "image_tokens", "tokens_out"):
            counts = getattr(answer, name), getattr(trace.response, name)
            require(counts[0] == counts[1], f"`{name}` is {counts[0]} by `generate` and {counts[1]} by `trace`")
        _agrees_with_itself(trace)
        _alike(trace, adapter.trace(request), "the same request twice")
    if adapter.batch_invariant:
        _in_company(adapter, requests, traces)
    after = [[pixels(image) for image in request.images] for request in requests]
    require(shown == after, "`trace` changed a request's image")
    require(adapter.fingerprint() == known, "`trace` changes the fingerprint")
    same(answers, [ask(subject, [request])[0] for request in requests], "before and after `trace`")


def _agrees_with_itself(trace: Trace) -> None:
    if trace.ids is not None:
        count = trace.response.tokens_in
        require(count in (None, len(trace.ids)), f"it shows {len(trace.ids)} tokens and counts {count}")
        require(len(trace.tokens) in (0, len(trace.ids)), f"{len(trace.tokens)} texts of {len(trace.ids)} tokens")
    if trace.logits is not None:
        require(trace.logits.ndim == 1, f"`logits` have the shape {trace.logits.shape}, not one score a token")
        require(not bool(np.isnan(trace.logits).any()), "`logits` hold what is no number")
    for image in trace.pixels or ():
        if image.layout != "other":
            drawn = image.picture()
            require(drawn is not None and drawn.ndim == 3, f"pixels in the layout {image.layout} make no picture")


def _alike(one: Trace, other: Trace, what: str) -> None:
    require((one.prompt, one.ids) == (other.prompt, other.ids), f"{what}: another prompt is shown")
    require(_near(one.logits, other.logits), f"{what}: other logits are shown")
    mine, theirs = one.pixels or (), other.pixels or ()
    equal = len(mine) == len(theirs) and all(
        x.layout == y.layout and _equal(x.values, y.values) for x, y in zip(mine, theirs, strict=False)
    )
    require(equal, f"{what}: other pixels are shown")


def _near(one: Any, other: Any) -> bool:
    """Return whether logits differ by rounding at most: some models draw the order in which they read patches."""
    if one is None or other is None or one.shape != other.shape or not one.size:
        return _equal(one, other)
    return bool(np.abs(one - other).max() <= _ROUNDING * float(np.ptp(one)))


def _equal(one: Any, other: Any) -> bool:
    return bool(one is other or (one is not None and other is not None and np.array_equal(one, other)))


def _in_company(adapter: TracingAdapter, requests: list[Request], traces: list[Trace]) -> None:
    first, *others = requests
    beside = adapter.trace(first, others)
    same([traces[0].response], [beside.response], "traced alone, then in company")
    require((traces[0].prompt, traces[0].ids) == (beside.prompt, beside.ids), "in company another prompt is shown")
