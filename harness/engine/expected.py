"""What a run will take, told before anything is asked: images, tokens and money, from a look at some of its samples."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from harness.engine.plan import Plan
from harness.patience import Patience
from harness.record.schema import ExpectedRecord, ExpectedTask
from harness.record.spent import paid
from harness.suite.adapters import AdapterChoice
from harness.tasks import Brings, Cell, Continues, Measures, NeedsAdapter, Task
from harness.types import Request, Sample, TokenCounter

N = TypeVar("N", int, float)

LOOK: Final = 32
"""Samples of a task that are looked at where somebody asks for an estimate."""
GLANCE: Final = 8
"""Samples of a task that every run looks at, so that its record can hold the estimate beside what was spent."""
_CELLS: Final = 4
"""Cells of a task that are looked at: those of one task ask about much the same."""
_FAR: Final = 10_000
"""Samples of a cell among which those are picked that are looked at."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one sample asks, as far as that is known before the first answer."""

    requests: int
    images: int
    text_tokens: int
    image_tokens: int
    longest: int


def expect(plan: Plan, choice: AdapterChoice, look: int = LOOK) -> ExpectedRecord:
    """Return what a run will take, all its parts together.

    Args:
        plan: of the run.
        choice: the adapter; its model is not loaded.
        look: samples of a task to look at; their mean stands for the others.

    Tasks that call the model by themselves are left out, and so is what is asked in answer to an answer, and whom a
    task asks beside the model; ``left_out`` says so.
    """
    counter = _counter(choice)
    prices = getattr(choice.config, "prices", None)
    prices = prices.model_dump() if prices is not None else None
    told: dict[str, ExpectedTask] = {}
    left_out: list[str] = []
    simulated = getattr(choice.factory, "simulated", False) is True
    with Patience() as patience:
        for task in plan.tasks:
            if isinstance(task, Measures | NeedsAdapter):
                left_out.append(f"{task.name}: the task calls the model by itself")
                continue
            if isinstance(task, Continues):
                left_out.append(f"{task.name}: what follows from answers")
            if isinstance(task, Brings) and task.roles:
                left_out.append(f"{task.name}: {', '.join(task.roles)}")
            one = _task(plan, task, counter, patience, look, simulated)
            told[task.name] = one.model_copy(update={"cost_at_most": _cost(prices, one)})
    text, images, longest = (_sum([getattr(one, key) for one in told.values()]) for key in _TOKENS)
    return ExpectedRecord(
        how=counter.how if counter else "",
        requests=sum(one.requests for one in told.values()),
        images=sum(one.images for one in told.values()),
        text_tokens=text,
        image_tokens=images,
        tokens_out_at_most=longest,
        cost_at_most=_sum([one.cost_at_most for one in told.values()]) if prices and told else None,
        currency=prices["currency"] if prices else None,
        looked_at=sum(one.looked_at for one in told.values()),
        tasks=told,
        left_out=left_out,
    )


_TOKENS: Final = ("text_tokens", "image_tokens", "tokens_out_at_most")


def _sum(counts: Sequence[N | None]) -> N | None:
    known = [count for count in counts if count is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(counts) else None


def _cost(prices: Mapping[str, Any] | None, one: ExpectedTask) -> float | None:
    if one.text_tokens is None or one.image_tokens is None:
        return None
    return paid(prices, one.text_tokens + one.image_tokens, one.tokens_out_at_most)


def can_count(choice: AdapterChoice) -> bool:
    """Return whether an adapter's class can count tokens beforehand."""
    return hasattr(choice.factory, "token_counter")


def _counter(choice: AdapterChoice) -> TokenCounter | None:
    make = getattr(choice.factory, "token_counter", None)
    try:
        found: TokenCounter | None = make(choice.config, choice.file.resolve().parent) if make else None
    except Exception:  # noqa: BLE001 - a plug-in's bug must not keep anybody from running
        return None
    return found


def _task(
    plan: Plan, task: Task, counter: TokenCounter | None, patience: Patience, look: int, simulated: bool
) -> ExpectedTask:
    cells = task.cells()
    counts = [plan.count(task, cell) for cell in cells]
    chosen = _spread(len(cells), _CELLS)
    seen: list[_Asked] = []
    samples, requests, images, text, shown, longest = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    weight = sum(counts[at] for at in chosen)
    for at in chosen:
        each = max(1, look // len(chosen))
        asked = _looked(plan, task, cells[at], counts[at], counter, patience, each, simulated)
        seen += asked
        samples += len(asked)
        if asked:
            share = counts[at] / len(asked)
            requests += share * sum(one.requests for one in asked)
            images += share * sum(one.images for one in asked)
            text += share * sum(one.text_tokens for one in asked)
            shown += share * sum(one.image_tokens for one in asked)
            longest += share * sum(one.longest for one in asked)
    scale = sum(counts) / weight if weight else 0.0
    counted = counter is not None and bool(samples)
    return ExpectedTask(
        samples=sum(counts),
        looked_at=samples,
        requests=round(requests * scale),
        images=round(images * scale),
        text_tokens=round(text * scale) if counted else None,
        image_tokens=round(shown * scale) if counted else None,
        tokens_out_at_most=round(longest * scale) if samples else None,
    )


def _looked(
    plan: Plan,
    task: Task,
    cell: Cell,
    count: int,
    counter: TokenCounter | None,
    patience: Patience,
    each: int,
    simulated: bool,
) -> list[_Asked]:
    """Return what some samples of a cell ask; one that cannot be asked about asks nothing."""
    wanted = set(_spread(min(count, _FAR), each))
    far = max(wanted, default=-1) + 1
    samples = [one for at, one in enumerate(islice(plan.samples(task, cell), far)) if at in wanted]

    def ask(sample: Sample) -> _Asked:
        try:
            made = [one for one in task.requests(cell, sample, oracle=simulated) if not one.role]
            counts = [counter(one) for one in made] if counter else []
        except Exception:  # noqa: BLE001 - such a sample is told of when it is asked
            return _NOTHING
        return _Asked(
            len(made),
            sum(len(one.images) for one in made),
            sum(one.text for one in counts),
            sum(one.images for one in counts),
            sum(_longest(one) for one in made),
        )

    return patience.end(patience.begin(ask, samples), lambda *_: _NOTHING)


_NOTHING: Final = _Asked(0, 0, 0, 0, 0)


def _longest(request: Request) -> int:
    return request.generation.max_new_tokens if request.ask == "generate" else 0


def _spread(count: int, most: int) -> list[int]:
    """Return places that lie evenly among so many, the first and the last of them where there are two."""
    return sorted({round(at * (count - 1) / max(1, min(most, count) - 1)) for at in range(min(most, count))})


def lines(found: ExpectedRecord) -> Iterator[str]:
    """Yield an estimate in words, a line each task and one for all."""
    for name, one in found.tasks.items():
        yield f"{name}: {one.samples:,} samples, {_said(one)}{_cost_said(one, found.currency)}"
    yield f"in all: {_said(found)}{_cost_said(found, found.currency)}"
    if found.how:
        many = sum(one.samples for one in found.tasks.values())
        yield f"estimated by {found.how}, from {found.looked_at:,} of {many:,} samples"
    for text in found.left_out:
        yield f"not in it: {text}"


def _cost_said(one: ExpectedRecord | ExpectedTask, currency: str | None) -> str:
    return f": {one.cost_at_most:.3g} {currency} at most" if one.cost_at_most is not None else ""


def _said(one: ExpectedRecord | ExpectedTask) -> str:
    shown = [f"{one.requests:,} requests", f"{one.images:,} images"]
    if one.text_tokens is not None and one.image_tokens is not None:
        shown.append(f"about {one.text_tokens + one.image_tokens:,} tokens read ({one.image_tokens:,} of images)")
    if one.tokens_out_at_most:
        shown.append(f"at most {one.tokens_out_at_most:,} written")
    return ", ".join(shown)
