"""An ONNX decoder and its past, step by step on random tokens: how two of them agree, and what a step takes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.quantise.inputs import open_session
from harness.quantise.trial import Agreement, Speed
from harness.seeds import derive_seed, generator
from harness.stats.quantiles import median_ratio
from harness.timing.clock import Call, interleaved
from harness.timing.energy import Meter

PAST: Final = "past_key_values."
PRESENT: Final = "present."
FLOATS: Final[Mapping[str, Any]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_KINDS: Final[Mapping[str, Any]] = {**FLOATS, "tensor(int8)": np.int8}
_CONTEXT: Final = 512
"""Tokens that are read before a step is timed."""
_STEPS: Final = 16
"""Steps whose logits are compared."""

Arrays = dict[str, NDArray[Any]]


class Decoder:
    """A decoder, fed with random embeddings: they show what it does with its past, not how well it answers."""

    def __init__(self, session: Any) -> None:
        """Take an open session.

        Raises:
            UsageError: if it takes what no decoder of the public layouts does.
        """
        self._session = session
        self._takes = {value.name: value for value in session.get_inputs()}
        self.past = [name for name in self._takes if name.startswith(PAST)]
        self._outputs = ["logits", *(name.replace(PAST, PRESENT) for name in self.past)]
        known = {"inputs_embeds", "input_ids", "attention_mask", "position_ids", "num_logits_to_keep"}
        if strange := set(self._takes) - set(self.past) - known - {"use_cache_branch"}:
            raise UsageError(f"the decoder takes {', '.join(sorted(strange))}, which is in no public layout")

    def nothing(self) -> Arrays:
        """Return a past of no tokens."""
        return {
            name: np.zeros((1, value.shape[1], 0, value.shape[3]), _KINDS[value.type])
            for name in self.past
            for value in (self._takes[name],)
        }

    def call(self, past: Arrays, seed: int, tokens: int) -> tuple[NDArray[np.float32], Arrays]:
        """Read so many random tokens after a past; return the last one's logits, and the longer past."""
        logits, *longer = self._session.run(self._outputs, self.feed(past, seed, tokens))
        return np.asarray(logits[0, -1], np.float32), dict(zip(self.past, longer, strict=True))

    def feed(self, past: Arrays, seed: int, tokens: int) -> Arrays:
        """Return what such a call gives the session."""
        before, rng = next(iter(past.values())).shape[2], generator(seed, "quantise", "decoder")
        places = np.arange(before, before + tokens)
        made: Arrays = {
            "attention_mask": np.ones((1, before + tokens), np.int64),
            "num_logits_to_keep": np.array(1),
            "use_cache_branch": np.array([before > 0]),
            "input_ids": rng.integers(5, 100, (1, tokens)),
        }
        if embeds := self._takes.get("inputs_embeds"):
            drawn = rng.standard_normal((1, tokens, embeds.shape[2]))
            made["inputs_embeds"] = drawn.astype(FLOATS[embeds.type])
        if (positions := self._takes.get("position_ids")) is not None:
            shape = (3, 1, tokens) if len(positions.shape) == 3 else (1, tokens)
            made["position_ids"] = np.broadcast_to(places, shape).astype(np.int64)
        return {name: value for name, value in made.items() if name in self._takes} | past


def decoding_agreement(source: Path, target: Path) -> Agreement:
    """Let both decoders read the same random tokens, a few at once and then one by one, and compare their logits.

    Raises:
        UsageError: if one cannot be run, or its logits are not finite.
    """
    sides = [Decoder(open_session(path)) for path in (source, target)]
    pasts, cosines, same = [side.nothing() for side in sides], list[float](), list[bool]()
    for seed in range(_STEPS + 1):
        logits: list[Any] = []
        for number, side in enumerate(sides):
            found, pasts[number] = side.call(pasts[number], seed, 1 if seed else _STEPS)
            logits.append(found.astype(np.float64))
        if not all(np.isfinite(one).all() for one in logits):
            raise UsageError("the model's outputs are not finite (NaN or infinite)")
        if seed:  # what comes before is read in float by both
            a, b = logits
            cosines.append(float(a @ b / np.sqrt((a @ a) * (b @ b))))
            same.append(bool(a.argmax() == b.argmax()))
    return Agreement(len(cosines), float(np.mean(cosines)), min(cosines), float(np.mean(same)))


def decoding_speed(source: Path, target: Path, rounds: int, context: int = _CONTEXT) -> Speed:
    """Time a step of both decoders after as many tokens, calls interleaved, in CPU time."""

    def side(path: Path) -> Call:
        decoder = Decoder(open_session(path))
        _, past = decoder.call(decoder.nothing(), 0, context)
        return lambda number: lambda: decoder.call(past, 1, 1)

    times: tuple[list[float], list[float]] = ([], [])
    for timed in interleaved([side(source), side(target)], rounds, 3, derive_seed(0, "quantise"), Meter(None)):
        if timed.error:
            raise UsageError(f"a timed call failed: {timed.error}")
        times[timed.side].append(timed.cpu)
    found = median_ratio(times[1], times[0], generator(0, "quantise", "ratio"))
    medians = [float(np.median(values)) for values in times]
    return Speed(found.estimate, found.low, found.high, medians[0], medians[1], rounds)
