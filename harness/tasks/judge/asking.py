"""What a judge is asked, as requests, and what it cannot be asked."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from harness.errors import Issue
from harness.images import pictures
from harness.seeds import derive_seed
from harness.tasks.judge.config import Form, JudgeConfig
from harness.tasks.judge.judged import Judged, Told
from harness.tasks.judge.prompts import compile_judging
from harness.types import Generation, Oracle, Request, Sample

JUDGE: Final = "judge"
"""The role of the adapter that judges."""
REFERENCES: Final = "references"
"""Stands for right answers, where two are compared."""


class Asking:
    """Makes the requests to a judge.

    Args:
        name: of the task.
        config: its keys.
        seed: of the suite.
        form: of the answers that are judged.
    """

    def __init__(self, name: str, config: JudgeConfig, seed: int, form: Form) -> None:
        self._name, self._config, self._seed = name, config, seed
        self._pairs = config.against is not None
        self._fill = compile_judging(config, form)

    def verdict(self, truth: float | None) -> str:
        """Return what a judge that does not err says, as a simulation is told."""
        if self._pairs:
            return "A" if truth else "B"
        if self._config.rubric.scale is None:
            return "yes" if truth else "no"
        return str(self._config.rubric.scale[1 if truth else 0])

    def requests(
        self, cell: str, sample: Sample, answers: Sequence[str], right: str | None, about: Told
    ) -> tuple[Request, ...]:
        """Return the requests to the judge: every vote on one answer, or on two in both orders."""
        rubric, config = self._config.rubric, self._config
        references = about.references if shows(config) else ()
        told = {
            "question": about.question,
            "reference": references[0] if references else "",
            "references": list(references),
            "conversation": [list(one) for one in about.conversation],
            "criteria": list(rubric.criteria),
            "examples": [one.model_dump() for one in rubric.examples],
        }
        images = pictures(sample.images) if rubric.image else ()
        lowest, highest = rubric.scale or (0, 1)
        made: dict[str, tuple[str, str | None]] = {}
        if not self._pairs:
            for answer, tail in zip(answers, ("", "-other"), strict=False):
                prompt = self._fill(**told, answer=answer, lowest=lowest, highest=highest)
                made[f"verdict{tail}"] = prompt, "yes" if right == "tie" else right
        else:
            turned = {"A": "B", "B": "A"}
            orders = {"forth": answers, "back": answers[::-1]}
            for order, (first, second) in orders.items():
                said = right if order == "forth" or right is None else turned.get(right, right)
                made[order] = self._fill(**told, first=first, second=second), said
        return tuple(
            self._request(cell, sample, f"{part}-{vote}", prompt, said, images)
            for part, (prompt, said) in made.items()
            for vote in range(1, config.votes + 1)
        )

    def _request(
        self, cell: str, sample: Sample, part: str, prompt: str, right: str | None, images: tuple[Any, ...]
    ) -> Request:
        config = self._config
        names = (self._name, cell, sample.id, part)
        seed = derive_seed(self._seed, *names)
        drawn = (config.temperature, config.top_p, seed >> 33) if config.temperature else ()
        return Request(
            id="/".join(names),
            prompt=prompt,
            images=images,
            system=config.system,
            generation=Generation(config.max_new_tokens, *drawn),
            oracle=None if right is None else Oracle((right,), 0, seed),
            part=part,
            role=JUDGE if config.judge else "",
        )


def shows(config: JudgeConfig) -> bool:
    """Return whether a judge is shown right answers; never where one of the two answers is one."""
    return config.rubric.reference and config.against != REFERENCES


def impossible(config: JudgeConfig, judged: Judged | None) -> Iterable[Issue]:
    """Yield what cannot be done."""
    rubric, known = config.rubric, config.known
    try:
        compile_judging(config, judged.form if judged else "question")
    except ValueError as cause:
        yield Issue(("prompt",), str(cause))
    if rubric.scale is not None and rubric.scale[0] >= rubric.scale[1]:
        yield Issue(("rubric", "scale"), "the best grade must be above the worst: [1, 5]")
    elif rubric.passes is not None and not _between(rubric.scale, rubric.passes):
        yield Issue(("rubric", "passes"), "it lies outside of the scale")
    if config.against is not None and rubric.scale is not None:
        yield Issue(("rubric", "scale"), "two answers are compared, not graded")
    if config.votes > 1 and not config.temperature:
        yield Issue(("votes",), "all votes are the same where nothing is drawn", "give a `temperature` above 0")
    if known is not None and known.planted and "wrong" not in known.planted:
        yield Issue(("known", "planted"), "right answers alone tell nothing", "add `wrong`")
    if known is not None and (known.labels is None) == bool(known.runs):
        lacking = "labels" if known.runs else "runs"
        yield Issue(("known",), f"labels are of a run's answers: `{lacking}` is missing")
    if config.self_preference and judged is not None and not judged.compares:
        said = f"no metric says of two answers of {config.of!r} that both are right, or both wrong"
        yield Issue(("self_preference",), said, "it takes a task of kind qa")
    if config.judge is None and (known is None or not (known.planted or known.labels)):
        yield Issue(("judge",), "without a judge the run's own model judges known answers, and there are none")


def _between(scale: tuple[int, int] | None, grade: float) -> bool:
    lowest, highest = scale or (0, 1)
    return lowest < grade <= highest
