"""Get the answers to a prepared batch: what failed before stays failed, what is known is taken, the rest is asked."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.engine.cache import CacheError, ResponseCache, keys
from harness.engine.prepare import Prepared
from harness.hosts.call import Called
from harness.record.schema import AdapterRecord
from harness.types import Request, Response, Status

Ask = Callable[[Sequence[Request]], Called]


class Asker:
    """Stands between the pipeline and the model."""

    def __init__(
        self, ask: Ask, adapter: AdapterRecord, cache: ResponseCache | None, say: Callable[[str], None]
    ) -> None:
        self._ask = ask
        self._adapter = adapter
        # What a simulation answers costs nothing, and must not outlive it.
        self._cache = None if adapter.simulated else cache
        self._say = say

    def __call__(self, ready: Prepared) -> Called:
        """Return a response for every sample of the batch."""
        asked = [i for i, request in enumerate(ready.requests) if request]
        requests = [request for request in ready.requests if request]
        called = self._known_or_asked(requests, [ready.hashes[i] or "" for i in asked]) if asked else Called((), 0.0)
        responses = [Response(None, Status.ERROR, error) for error in ready.errors]
        for i, response in zip(asked, called.responses, strict=True):
            responses[i] = response
        cached = frozenset(asked[i] for i in called.cached)
        return Called(tuple(responses), called.seconds, cached)

    def _known_or_asked(self, requests: Sequence[Request], hashes: Sequence[str]) -> Called:
        if self._cache is None:
            return self._ask(requests)
        names = keys(self._adapter.fingerprint, hashes, batch_invariant=self._adapter.batch_invariant)
        known = self._look_up(names)
        if not self._adapter.batch_invariant and None in known:
            known = [None] * len(known)  # the batch is asked as a whole or not at all
        missing = [i for i, response in enumerate(known) if response is None]
        called = self._ask([requests[i] for i in missing]) if missing else Called((), 0.0)
        fresh = dict(zip(missing, called.responses, strict=True))
        self._learn({names[i]: response for i, response in fresh.items()})
        responses = tuple(response or fresh[i] for i, response in enumerate(known))
        return replace(called, responses=responses, cached=frozenset(range(len(known))) - frozenset(missing))

    def _look_up(self, names: Sequence[bytes]) -> list[Response | None]:
        try:
            return self._cache.get(names) if self._cache else [None] * len(names)
        except CacheError as error:
            return self._give_up(error, len(names))

    def _learn(self, entries: dict[bytes, Response]) -> None:
        try:
            if self._cache and entries:
                self._cache.put(self._adapter.fingerprint, entries)
        except CacheError as error:
            self._give_up(error, 0)

    def _give_up(self, error: CacheError, count: int) -> list[Response | None]:
        self._say(f"{error}; going on without it")
        self._cache = None
        return [None] * count
