"""How much of a run may fail before the run itself has failed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from harness.engine.plan import Plan
from harness.record.failures import LOST
from harness.record.schema import ExpectedRecord, FailureRecord, MetricRecord
from harness.record.spent import paid
from harness.spec.models import EngineSpec
from harness.types import Status


def failures(responses: Counter[str]) -> int:
    """Return how many responses are no answers, of how many ended in each status."""
    return responses.total() - responses[Status.OK]


def too_many(policy: EngineSpec, plan: Plan, responses: Counter[str]) -> str:
    """Return that more failed than the suite allows, as a sentence, or nothing."""
    limit, failed = policy.max_errors, failures(responses)
    if limit is None or failed <= (limit * plan.own if limit < 1 else limit):
        return ""
    return f"{failed} samples failed, more than max_errors ({limit:g}) allows"


def shortcoming(policy: EngineSpec, plan: Plan, responses: Counter[str]) -> str:
    """Return why a run that has nothing left to do is not complete all the same, or nothing."""
    if said := too_many(policy, plan, responses):
        return said
    if responses and not responses[Status.OK]:
        return "no sample was answered"
    return "" if responses or not plan.own else "there was nothing to measure"


def refusal(said: str, plan: Plan, responses: Counter[str]) -> str:
    """Return why a run stopped whose every further request would be refused."""
    return f"{said} (stopped there: {responses[Status.OK]:,} of {plan.own:,} samples are answered)"


def overspent(
    policy: EngineSpec,
    prices: Mapping[str, Any] | None,
    tokens: Counter[str],
    others: Iterable[tuple[Mapping[str, Any] | None, Counter[str]]] = (),
) -> str:
    """Return that what one command may spend is spent, as a sentence, or nothing.

    Args:
        policy: has the budget.
        prices: of the adapter's file.
        tokens: ``tokens_in``, ``tokens_out`` and ``images`` that the command took.
        others: the same of each model that a task brought, beside its prices.
    """
    budget = policy.budget
    if budget is None:
        return ""
    every = [(prices, tokens), *others]
    total = sum(counts["tokens_in"] + counts["tokens_out"] for _, counts in every)
    if budget.tokens is not None and total >= budget.tokens:
        return f"the budget of {budget.tokens:,} tokens is spent"
    if budget.images is not None and tokens["images"] >= budget.images:
        return f"the budget of {budget.images:,} images is spent"
    costs = [
        paid(own, counts["tokens_in"], counts["tokens_out"])
        for own, counts in every
        if own and (prices is None or own["currency"] == prices["currency"])
    ]
    cost = sum(one for one in costs if one is not None)
    if prices and budget.cost is not None and cost >= budget.cost:
        return f"the budget of {budget.cost:g} {prices['currency']} is spent"
    return ""


def beyond_budget(policy: EngineSpec, expected: ExpectedRecord) -> str:
    """Return that a run may take more than one command may spend, as a sentence, or nothing."""
    budget, read = policy.budget, (expected.text_tokens, expected.image_tokens, expected.tokens_out_at_most)
    if budget is None:
        return ""
    if budget.tokens is not None and None not in read and (most := sum(filter(None, read))) > budget.tokens:
        return f"that may be more than the budget of {budget.tokens:,} tokens: {most:,} at most"
    if budget.images is not None and expected.images > budget.images:
        return f"that is more than the budget of {budget.images:,} images: {expected.images:,}"
    if budget.cost is not None and expected.cost_at_most is not None and expected.cost_at_most > budget.cost:
        return f"that may be more than the budget of {budget.cost:g} {expected.currency}"
    return ""


def unscored(metrics: Mapping[str, MetricRecord], failures: Iterable[FailureRecord]) -> str:
    """Return which metrics have no score because all of theirs failed, and why; nothing where none is so.

    A metric that has no meaning for any sample is none of them: nothing failed.
    """
    names = [name for name, one in metrics.items() if _nothing(one.statuses)]
    if not names:
        return ""
    task = names[0].partition("/")[0]
    why = next((one.said for one in failures if any(place.startswith(f"{task}/") for place in one.where)), "")
    verb = "have" if len(names) > 1 else "has"
    return f"{', '.join(names)} {verb} no score" + (f": {why}" if why else "")


def beyond(policy: EngineSpec, failed: int, total: int) -> str:
    """Return that a larger share failed than the suite allows, as a sentence, or nothing."""
    if failed <= policy.max_failures * total:
        return ""
    return f"{failed:,} of {total:,} samples failed, more than max_failures ({policy.max_failures:g}) allows"


def _nothing(statuses: Mapping[str, int]) -> bool:
    answered = sum(count for status, count in statuses.items() if status not in (*LOST, Status.UNDEFINED))
    return not answered and any(statuses.get(status) for status in LOST)
