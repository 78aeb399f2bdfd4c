"""An adapter that misbehaves in the way that its file says, on every batch in which the word "bad" stands."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np

from harness.errors import HopelessError
from harness.spec.models import Model
from harness.types import Finish, Request, Response

Fault = Literal["none", "raise", "hang", "count", "nan", "memory", "segfault", "slow", "clock", "length", "refused"]


RAISED: Final = {
    "raise": RuntimeError("CUDA error: device-side assert triggered"),
    "refused": HopelessError("the server answered 401: bad key"),
}


class FaultyConfig(Model):
    fault: Fault = "none"
    batch_size: int = 2
    invariant: bool = True
    fits: int = 1
    """Requests that fit into memory."""


class Faulty:
    Config: ClassVar[type[Model]] = FaultyConfig
    simulated = True
    capabilities = frozenset({"generate"})

    def __init__(self, config: FaultyConfig) -> None:
        self.config = config
        self.batch_size = config.batch_size
        self.batch_invariant = config.invariant
        self.sizes: list[int] = []

    @classmethod
    def from_config(cls, config: FaultyConfig, folder: Path) -> Self:
        return cls(config)

    def fingerprint(self) -> str:
        return self.config.fault

    def generate(self, requests: Sequence[Request]) -> Any:
        self.sizes.append(len(requests))
        bad = any("bad" in request.prompt for request in requests)
        if bad and self.config.fault in RAISED:
            raise RAISED[self.config.fault]
        match self.config.fault:
            case "hang" if bad:
                time.sleep(3600)
            case "slow" if bad:
                time.sleep(0.6)
            case "count" if bad:
                return [Response("a")]
            case "nan" if bad:
                return [Response(float(np.nan)) for _ in requests]  # type: ignore[arg-type]
            case "memory" if len(requests) > self.config.fits:
                raise MemoryError("cannot allocate 8 GiB")
            case "segfault" if bad:
                os.kill(os.getpid(), signal.SIGSEGV)
            case "clock" if bad:
                now = time.time
                time.time = lambda: now() - 86_400  # what a correction of the machine's clock does
            case "length":
                ends = {True: Finish.LENGTH, False: Finish.STOP}
                return [Response("a", finish=ends["bad" in request.prompt]) for request in requests]
        return [Response("a") for _ in requests]

    def close(self) -> None: ...
