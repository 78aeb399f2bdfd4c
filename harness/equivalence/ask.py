"""Ask one adapter about one sample, and keep whatever it shows of the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.asks import ask_named
from harness.engine.prepare import contained
from harness.errors import AdapterError, HopelessError, SampleError, in_words, is_out_of_memory
from harness.tasks import Cell, Task
from harness.traces import Trace, TracingAdapter
from harness.types import Adapter, Request, Response, Sample, Status


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two adapters."""

    name: str
    adapter: Adapter

    def requests(self, task: Task, cell: Cell, sample: Sample) -> tuple[tuple[Request, ...], str | None]:
        """Return what is asked about a sample, or why nothing can be."""
        made, said = contained(lambda: task.requests(cell, sample, oracle=self.adapter.simulated))
        return tuple(request for request, _ in made), said

    def trace(self, request: Request, beside: Sequence[Request] = ()) -> Trace:
        """Return what the adapter shows of a request; a failure is a trace whose response says so.

        Raises:
            AdapterError: if the adapter is broken for every request.
            HopelessError: if no request will be answered.
        """
        try:
            return self._traced(request, beside)
        except (AdapterError, HopelessError):
            raise
        except Exception as cause:  # noqa: BLE001 - an adapter's bug must cost its sample, not the comparison
            said = f"it does not fit into memory: {cause}" if is_out_of_memory(cause) else in_words(cause)
            return Trace(Response(None, Status.ERROR, said))

    def _traced(self, request: Request, beside: Sequence[Request]) -> Trace:
        trace = self.adapter.trace(request, beside) if isinstance(self.adapter, TracingAdapter) else None
        if trace is not None and request.ask == "generate":
            return trace
        (response,) = ask_named(request.ask).call(self.adapter, [request])
        while response.later:
            (response,) = ask_named(request.ask).call(self.adapter, [request])
        if response.hopeless:
            raise HopelessError(str(response.error))
        if response.status is not Status.OK:
            raise SampleError(str(response.error))
        return Trace(response) if trace is None else replace(trace, response=response)


Advance = Callable[[int, int], None]
"""Hears how many of how many samples are done."""
