"""Where a run's numbers come from, in words."""

from typing import Final

from harness.record.schema import PicturesRecord, RunRecord
from harness.record.spent import in_words
from harness.report.text import plain

_NAMED: Final = 5
"""Samples that are named."""


def lineage(record: RunRecord) -> dict[str, str]:
    """Return what decided a run's numbers, by name, in the order of a reader's questions."""
    adapter, machine = record.adapter, record.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    return {
        "run": record.run_id,
        "started": f"{record.started:%Y-%m-%d %H:%M:%S} UTC",
        "took": f"{record.seconds:.1f} s, {record.cpu_seconds:.1f} s of CPU{_busy(record)}",
        "suite": f"{record.suite.name} {record.suite.version}, seed {record.suite.seed}, hash {record.suite.hash[:16]}",
        "adapter": f"{adapter.name} ({adapter.type}), fingerprint {adapter.fingerprint[:16]}",
        "batch": f"{adapter.batch_size}" + ("" if adapter.batch_invariant else ", fixed: answers can depend on it"),
        "limit": _limit(record),
        "part": _part(record),
        "data": ", ".join(f"{name} {digest[:12]}" for name, digest in record.datasets.items()),
        "responses": ", ".join(f"{count:,} {status}" for status, count in record.responses.items()),
        **({"pictures": _pictures(record.pictures)} if record.pictures else {}),
        **({"spent": in_words(record.spent, record.expected)} if record.spent else {}),
        "commit": f"{record.git.commit[:12]}{' with local changes' if record.git.dirty else ''}"
        if record.git
        else "none",
        "variants of metrics": _variants(record) or "none",
        "machine": f"{machine.processor}, {machine.cores} cores, {machine.platform}",
        "versions": f"Python {machine.python}, harness {record.harness_version}, {packages}",
    }


def _pictures(told: PicturesRecord) -> str:
    share = f"{told.reused:,} of them ({told.reused / told.shown:.0%})"
    return f"{told.shown:,} shown, {share} seen before and not looked at again"


def _limit(record: RunRecord) -> str:
    limit = record.options.get("limit")
    if limit is None:
        return "none"
    rules = {"drawn": "drawn with the suite's seed", "informative": "drawn with unequal chances, and weighted"}
    return f"{limit} samples a cell, {rules.get(record.limit_rule, 'the first of each dataset')}"


def _variants(record: RunRecord) -> str:
    """Return the variants that the suite names, with the revisions of the code that they follow."""
    told = [
        f"{ref.get('metric')} {ref['variant']}"
        for task in record.tasks.values()
        for ref in task.config.get("metrics") or ()
        if isinstance(ref, dict) and "variant" in ref
    ]
    return ", ".join(map(plain, dict.fromkeys(told)))


def _part(record: RunRecord) -> str:
    """Return what was run of the suite, or how often."""
    chosen, said = record.selection, []
    if chosen.only:
        said.append(f"only {', '.join(chosen.only)}")
    if chosen.sample_ids:
        first, more = chosen.sample_ids[:_NAMED], len(chosen.sample_ids) - _NAMED
        said.append(f"only samples {', '.join(map(plain, first))}{f' and {more} more' if more > 0 else ''}")
    if record.shard:
        said.append(f"part {record.shard}")
    if chosen.epochs > 1:
        said.append(f"every question {chosen.epochs} times, reduced by {chosen.reducer}")
    return "; ".join(said) or "the whole suite"


def _busy(record: RunRecord) -> str:
    """Return how busy the model was kept, where that was timed, and how often the run was taken up again."""
    model, idle = record.timings.get("model", 0.0), record.timings.get("idle", 0.0)
    busy = f"; the model was busy {model / (model + idle):.0%} of its time" if model + idle and idle else ""
    return busy + (f"; in {len(record.sessions)} sessions" if len(record.sessions) > 1 else "")
