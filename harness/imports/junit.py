"""JUnit XML, as pytest and others write it: a test is a sample, and passing it its score.

A test's properties that are numbers are scores too, and its property ``prediction`` is the answer. Tests that were
skipped have no score; an exception in a test is a failure, as pytest says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.imports._dates import moment
from harness.imports._log import RIGHT, Asked, Entry, Found, Log, Part, Scale, Told, scale_of
from harness.imports._place import Place, head
from harness.imports._xml import read_xml

ENTRIES: Final = {"junit": "Junit"}

MOST: Final = 1 << 30
"""Bytes of a file."""
_HEAD: Final = 1024
_LONGEST: Final = 10_000
_PASSED: Final = Scale("higher", RIGHT.bounds, "share", worth=0.0, binary=True)
_TEXTS: Final = {"prediction", "response", "output", "answer"}
_TARGETS: Final = {"target", "expected", "reference"}


@dataclass(slots=True)
class _Case:
    identity: str
    status: str = "passed"
    message: str = ""
    seconds: float | None = None
    properties: dict[str, str] = field(default_factory=dict)


class Junit:
    """Reads JUnit XML."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return every file."""
        return [Found("junit", file, (file,)) for file in place.ending(".xml") if b"<testsuite" in head(file, _HEAD)]

    def read(self, found: Found, asked: Asked) -> Log:
        """Open a file."""
        file = found.files[0]
        cases, suites = _read(file)
        part = Part("tests", {"pass": _PASSED})
        counts = {
            key: sum(_whole(suite, key) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
        }
        asked_for = counts["tests"] - counts["skipped"]
        if asked_for > 0:
            passed = asked_for - counts["failures"] - counts["errors"]
            part.told.append(Told("pass", passed / asked_for, "passed", mean=True))
        again = [name for name, several in cases.items() if len(several) > 1]
        if again:
            named = ", ".join(again[:5]) + (", …" if len(again) > 5 else "")
            part.findings.append(f"{len(again)} tests stand more than once, as reruns do; the last counts: {named}")
        part.expected = counts["tests"] - sum(len(several) - 1 for several in cases.values()) if suites else None
        for several in cases.values():
            for name in several[-1].properties:
                part.scales.setdefault(name, scale_of(name))
        return Log(
            kind="junit",
            version="",
            model="",
            files=[file],
            parts={"tests": part},
            entries=lambda: (_entry(several[-1], str(file)) for several in cases.values()),
            started=moment(suites[0].get("timestamp")) if suites else None,
        )


def _whole(attributes: Mapping[str, str], key: str) -> int:
    found = attributes.get(key, "")
    return int(found) if found.isdecimal() and len(found) < 10 else 0


def _read(file: Path) -> tuple[dict[str, list[_Case]], list[Mapping[str, str]]]:
    """Return the cases by their ids, reruns in order, and what the suites say of themselves."""
    cases: dict[str, list[_Case]] = {}
    suites: list[Mapping[str, str]] = []
    now: list[_Case] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "testsuite":
            suites.append(attributes)
        elif name == "testcase":
            identity = "::".join(part for part in (attributes.get("classname"), attributes.get("name")) if part)
            now.append(_Case(identity or f"test {len(cases) + 1}", seconds=_float(attributes.get("time", ""))))
        elif now and name in ("failure", "error", "skipped"):
            worse = name == "error" or now[-1].status != "error"
            now[-1].status = name if worse else now[-1].status
            now[-1].message = attributes.get("message", name)[:_LONGEST]
        elif now and name == "property":
            now[-1].properties[attributes.get("name", "")] = attributes.get("value", "")

    def end(name: str) -> None:
        if name == "testcase" and now:
            case = now.pop()
            cases.setdefault(case.identity, []).append(case)

    try:
        with file.open("rb") as opened:
            read_xml(opened, file, start, end, lambda _: None, MOST)
    except OSError as cause:
        raise UsageError(f"{file} cannot be read: {cause.strerror}") from cause
    return cases, suites


def _float(value: str) -> float | None:
    try:
        found = float(value)
    except ValueError:
        return None
    return found if abs(found) < 1e300 else None


def _entry(case: _Case, file: str) -> Entry:
    numbers = {name: found for name, value in case.properties.items() if (found := _float(value)) is not None}
    texts = {name: value for name, value in case.properties.items() if name.lower() in _TEXTS}
    targets = [value for name, value in case.properties.items() if name.lower() in _TARGETS]
    scores = {name: value for name, value in numbers.items() if name not in texts and name.lower() not in _TARGETS}
    passed = None if case.status == "skipped" else float(case.status == "passed")
    return Entry(
        task="tests",
        id=case.identity,
        scores={"pass": passed, **scores},
        references=targets,
        response=next(iter(texts.values()), None),
        error=case.message or "error" if case.status == "error" else None,
        seconds=case.seconds,
        where=f"{file}: {case.identity}",
    )
