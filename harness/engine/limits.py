"""How much of a run may fail before the run itself has failed."""

from collections import Counter

from harness.engine.plan import Plan
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
