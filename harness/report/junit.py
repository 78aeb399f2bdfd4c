"""A gate's decision as JUnit XML, for every CI that reads it."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Final

from harness.causes.results import Why
from harness.comparison.decide import Decision, Judged
from harness.errors import HarnessError, Mark
from harness.report import why_rows
from harness.report.compare_rows import tally, where
from harness.report.failures import failure_lines
from harness.report.text import plain

_LONGEST: Final = 2000
_FLIPS: Final = 20


def junit(decision: Decision, places: Sequence[Mark] = (), why: Why | None = None) -> str:
    """Return one test case a rule.

    A rule that fails, or stays open in a suite that blocks, is a failure; in a suite that only warns
    it is skipped, with its reason. Where the run itself failed, every rule is an error.
    """
    record = decision.candidate
    name = f"{record.suite.name} on {record.adapter.name}" + (" (simulated)" if record.adapter.simulated else "")
    cases = [_case(judged, decision, places, why) for judged in decision.gates]
    root = ET.Element("testsuites")
    suite = ET.SubElement(
        root,
        "testsuite",
        name=plain(name),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        time=f"{record.seconds:.3f}",
    )
    properties = ET.SubElement(suite, "properties")
    for key, value in _properties(decision).items():
        ET.SubElement(properties, "property", name=plain(key), value=plain(value))
    suite.extend(cases)
    if failed := failure_lines(record):
        said = [record.reason] * bool(record.reason) + [f"failed: {line}" for line in failed]
        ET.SubElement(suite, "system-err").text = "\n".join(plain(line, _LONGEST) for line in said)
    return _written(root)


def junit_failure(suite: str, error: HarnessError) -> str:
    """Return one test case with the error of a gate that came to no decision."""
    root = ET.Element("testsuites")
    body = ET.SubElement(root, "testsuite", name=plain(suite), tests="1", failures="0", skipped="0", errors="1")
    case = ET.SubElement(body, "testcase", classname=plain(suite), name="gate")
    ET.SubElement(case, "error", type=type(error).__name__, message=plain(str(error), _LONGEST))
    return _written(root)


def _written(root: ET.Element) -> str:
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(judged: Judged, decision: Decision, places: Sequence[Mark], why: Why | None) -> ET.Element:
    gate = judged.gate
    case = ET.Element("testcase", classname=plain(decision.candidate.suite.name), name=f"{gate.metric} {gate.rule}")
    if judged.position < len(places):
        mark = places[judged.position]
        case.set("file", plain(str(mark.file)))
        case.set("line", str(mark.line))
    if gate.verdict == "pass":
        return case
    message = plain(f"{gate.verdict}: {gate.reason}", _LONGEST)
    if decision.verdict == "error":
        ET.SubElement(case, "error", type="run", message=plain(gate.reason, _LONGEST))
    elif decision.blocking:
        told = [plain(why_rows.verdict(why), _LONGEST)] if why and judged.failed and _about(why, gate.metric) else []
        text = "\n".join([*told, _evidence(judged, decision)])
        ET.SubElement(case, "failure", type=gate.verdict, message=message).text = text
    else:
        ET.SubElement(case, "skipped", message=f"warns only (tier {decision.candidate.suite.tier}): {message}")
    return case


def _about(why: Why, metric: str) -> bool:
    """Say whether a cause is that of a gate's metric, or of its task where the metric is no mean over samples."""
    return why.metric.partition("/")[0] == metric.partition("/")[0]


def _evidence(judged: Judged, decision: Decision) -> str:
    task = judged.gate.metric.partition("/")[0]
    lines = [plain(judged.gate.reason, _LONGEST)]
    for flips in decision.compared.flips if decision.compared else ():
        if flips.task == task:
            lines.append(tally(flips))
            lost = [flip for flip in flips.samples if flip.way == "lost"][:_FLIPS]
            lines += [f"{plain(where(flip))}: {plain(flip.before)} -> {plain(flip.after)}" for flip in lost]
    return "\n".join(lines)


def _properties(decision: Decision) -> dict[str, str]:
    told = {"verdict": decision.verdict, "candidate": decision.candidate.run_id}
    if decision.compared:
        compared = decision.compared
        told |= {"baseline": compared.baseline.run_id, "resamples": str(compared.resamples), "seed": str(compared.seed)}
    tasks = decision.candidate.tasks
    told |= {f"cut off in {name}": str(task.cut_off) for name, task in tasks.items() if task.cut_off.cut}
    return told
