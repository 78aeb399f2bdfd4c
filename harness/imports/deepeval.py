"""Logs of deepeval: ``test_run_*.json`` in its folder of results, or ``.latest_run_full.json``.

Layout: confident-ai/deepeval, ``deepeval/test_run/test_run.py`` (4). Scores of judges are random: the same answers may
have others in the next run.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from harness.imports._log import PART, RIGHT, Asked, Entry, Found, Log, Part, Scale, Told, items, number, text, within
from harness.imports._place import Place, head, known_json, read_json

ENTRIES: Final = {"deepeval": "Deepeval"}

_HEAD: Final = 4096
_PASSED: Final = Scale("higher", RIGHT.bounds, "share", worth=0.0, binary=True)


class Deepeval:
    """Reads deepeval."""

    def look(self, place: Place) -> Sequence[Found]:
        """Return every test run."""
        begun = [file for file in place.ending(".json") if b'"testCases"' in head(file, _HEAD)]
        return [
            Found("deepeval", file, (file,)) for file in begun if isinstance(known_json(file).get("testCases"), list)
        ]

    def read(self, found: Found, asked: Asked) -> Log:
        """Open a test run."""
        file = found.files[0]
        told = read_json(file)
        cases = items(told.get("testCases"))
        names = dict.fromkeys(text(one.get("name")) for case in cases for one in items(case.get("metricsData")))
        part = Part("tests", {**dict.fromkeys(names, RIGHT if _zero_one(cases) else PART), "success": _PASSED})
        passed, failed = (number(told.get(f"test{one}")) for one in ("Passed", "Failed"))
        if passed is not None and failed is not None and passed + failed:
            part.told.append(Told("success", passed / (passed + failed), "pass rate", mean=True))
            part.expected = int(passed + failed)
        for one in items(told.get("metricsScores")):
            scores = [score for score in map(number, one.get("scores") or ()) if score is not None]
            if scores:
                name = text(one.get("metric"))
                part.told.append(Told(name, sum(scores) / len(scores), f"scores of {name}", mean=True))
        if talks := len(items(told.get("conversationalTestCases"))):
            part.findings.append(f"{talks} conversational test cases are not read")
        parameters = within(told, "hyperparameters")
        return Log(
            kind="deepeval",
            version="",
            model=text(parameters.get("model")),
            files=[file],
            parts={"tests": part},
            entries=lambda: _entries(cases, str(file)),
            config=dict(parameters),
            seconds=max(0.0, number(told.get("runDuration")) or 0.0),
        )


def _zero_one(cases: Sequence[Mapping[str, Any]]) -> bool:
    return all(one.get("score") in (None, 0, 1) for case in cases for one in items(case.get("metricsData")))


def _entries(cases: Sequence[Mapping[str, Any]], file: str) -> Iterator[Entry]:
    for place, case in enumerate(cases):
        metrics = items(case.get("metricsData"))
        errors = [text(one["error"]) for one in metrics if one.get("error")]
        scores = {text(one.get("name")): number(one.get("score")) for one in metrics if not one.get("error")}
        lost = bool(errors) and not scores
        prompt, expected = text(case.get("input")), text(case.get("expectedOutput"))
        yield Entry(
            task="tests",
            id=text(case.get("name")) or text(case.get("order", place)),
            scores=scores | {"success": number(case.get("success"))},
            prompt=prompt,
            references=(expected,),
            response=text(case.get("actualOutput")),
            error=errors[0] if lost else None,
            seconds=number(case.get("runDuration")),
            where=f"{file}: testCases[{place}]",
        )
