"""What a metric says about itself, read from its class and docstring."""

import inspect
import re
from dataclasses import asdict
from typing import Any, Final

from harness.metrics._base import CorpusMetric, SampleMetric
from harness.metrics._variants import Variant, variant_at
from harness.registry import registry

_SECTION: Final = re.compile(r"^(Args|Edge cases|Source|Returns|Raises):$", re.MULTILINE)


def describe(name: str) -> dict[str, Any]:
    """Return a metric's definition, range, direction, unit, variants, parameters, edge cases and source.

    Raises:
        UsageError: if there is no such metric.

    >>> card = describe("exact_match")
    >>> card["range"], card["direction"], card["unit"], card["kind"]
    ([0.0, 1.0], 'higher', 'share', 'sample')
    """
    factory = registry("metrics").load(name)
    parts = _sections(inspect.getdoc(factory) or "")
    return {
        "name": name,
        "kind": "corpus" if issubclass(factory, CorpusMetric) else "sample",
        "computed": factory.computed if issubclass(factory, SampleMetric) else "by compute(), of columns of its own",
        "sums": list(factory.sums),
        "needs": list(factory.needs),
        "definition": parts.get("", ""),
        "range": list(factory.bounds),
        "direction": factory.direction,
        "unit": factory.unit,
        "variants": {variant_at(key, factory.variants): _told(entry) for key, entry in factory.variants.items()},
        "params": _params(factory, parts.get("Args", "")),
        "edge_cases": parts.get("Edge cases", ""),
        "source": parts.get("Source", ""),
    }


def _told(variant: str | Variant) -> dict[str, str]:
    return {"does": variant} if isinstance(variant, str) else asdict(variant)


def _sections(text: str) -> dict[str, str]:
    body = re.split(r"^>>>", text, maxsplit=1, flags=re.MULTILINE)[0]
    pieces = _SECTION.split(body)
    named = zip(pieces[1::2], pieces[2::2], strict=True)
    return {"": _paragraphs(pieces[0])} | {title: inspect.cleandoc(section) for title, section in named}


def _paragraphs(text: str) -> str:
    return "\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _params(factory: type, args: str) -> dict[str, dict[str, Any]]:
    told = dict(re.findall(r"^(\w+): ((?:.|\n(?=\s))*)", args, re.MULTILINE))
    found: dict[str, dict[str, Any]] = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        if name == "variant":
            continue
        default = None if parameter.default is inspect.Parameter.empty else parameter.default
        found[name] = {"default": default, "meaning": " ".join(told.get(name, _COMMON.get(name, "")).split())}
    return found


_COMMON: Final = {"failures": "what an unparsed, failed or missing answer does: count as 'wrong', or 'exclude' it"}
