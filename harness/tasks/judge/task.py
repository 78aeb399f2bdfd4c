"""The task: a model's answers judged by another model, beside answers whose truth is known."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel

from harness.digests import digest
from harness.errors import ConfigError, Issue, SampleError, UsageError
from harness.estimate import ColumnSpec, Number, Statistic
from harness.metrics import SampleMetric
from harness.metrics.extract import clean
from harness.reading.folded import folded
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._pictured import Figures, Illustration
from harness.tasks.judge import opinions
from harness.tasks.judge.asking import JUDGE, REFERENCES, Asking, impossible, shows
from harness.tasks.judge.config import JudgeConfig
from harness.tasks.judge.earlier import answers_of, labelled_answers
from harness.tasks.judge.judged import Judged, find_judged
from harness.tasks.judge.known import FAMILIES, JUDGED, KnownAnswers, Shown, shown_in
from harness.tasks.judge.numbers import (
    NUMBERS,
    SCORE,
    cell_numbers,
    judge_numbers,
    judged_numbers,
    manner,
)
from harness.tasks.judge.pictures import findings, verdict_table
from harness.tasks.judge.prompts import template_of
from harness.tasks.scoring import column_specs
from harness.tasks.slices import Slices
from harness.types import AdapterHandle, Request, Response, Sample, Score, Status

_OWN: Final = "own"
_OTHER: Final = "other"
_NAN: Final = math.nan
_UNDEFINED: Final = Score(_NAN, Status.UNDEFINED)


class _JudgeScore(SampleMetric):
    """What the judge says; the task reads it."""

    name = SCORE
    sums: ClassVar[tuple[str, ...]] = (
        "passed", "came", "verdicts", "unread", "orders", "first", "decided", "agreeing", "preferred", "words",
    )  # fmt: skip

    def score(self, prediction: str, references: Sequence[str], **context: Any) -> Score:
        raise NotImplementedError("the judge judges")


class _OneAnswer(_JudgeScore):
    """The same where one answer is judged at a time: it passes or not."""

    binary_sums = frozenset({"passed"})


class JudgeTask:
    """How many answers are right, or better than others, as another model says, and how far that can be believed.

    The judge is asked as any model is: cached, counted and resumed. It judges answers whose truth is known beside the
    model's own: right answers of the dataset against ones that were made wrong, the same in many words, answers that
    people labelled, and answers of two families of models. What it says of the model's answers stands as it is
    (`judged_share`, `win_rate`) and corrected for how it errs (`…_corrected`).
    """

    Config: ClassVar[type[BaseModel]] = JudgeConfig
    kind = "judge"
    glossary: ClassVar[Mapping[str, Number]] = NUMBERS
    primary = SCORE
    sums_by: ClassVar[frozenset[str]] = frozenset({"mean", "majority"})
    """Reducers of epochs under which its sums stay what they are: verdicts on each answer, or on the most frequent."""

    def __init__(
        self,
        name: str,
        config: JudgeConfig,
        judged: Judged,
        seed: int,
        roles: Mapping[str, AdapterHandle],
        known: KnownAnswers,
        opponents: Mapping[str, str] | None,
        files: Mapping[str, str],
    ) -> None:
        self.name = name
        self.dataset = judged.base.dataset
        self._config, self._of, self._base, self._seed = config, judged, judged.base, seed
        self._roles, self._known, self._opponents, self._files = roles, known, opponents, files
        self._pairs = config.against is not None
        self._judged = config.judge is not None
        self._asking = Asking(name, config, seed, judged.form)
        mine: SampleMetric = _JudgeScore() if self._pairs else _OneAnswer()
        self.metrics: Mapping[str, SampleMetric] = {SCORE: mine, **(judged.metrics if self._judged else {})}
        self.requires = self._base.requires if self._judged else frozenset({"generate"})
        if config.temperature and not self._judged:
            self.requires = self.requires | {"sample"}
        self._slices = Slices(self.dataset, config.slices)

    @classmethod
    def build(cls, name: str, config: JudgeConfig, context: BuildContext) -> Self:
        judged, issues = find_judged(config.of, config.metric, context, name, shows=shows(config))
        issues += impossible(config, judged)
        roles: dict[str, AdapterHandle] = {}
        named = {JUDGE: ("judge",), _OWN: ("self_preference", "own"), _OTHER: ("self_preference", "other")}
        families = config.self_preference
        own, other = (families.own, families.other) if families else (None, None)
        wanted = {JUDGE: config.judge, _OWN: own, _OTHER: other}
        for role, adapter in wanted.items():
            if adapter is not None:
                try:
                    roles[role] = context.adapters(adapter)
                except UsageError as error:
                    issues.append(Issue(named[role], str(error)))
        if issues or judged is None:
            raise ConfigError(*issues)
        opponents, labelled, files = None, {}, {}
        known = config.known
        try:
            if config.against not in (None, REFERENCES) and config.judge is not None:
                key: tuple[str, ...] = ("against",)
                opponents = answers_of(str(config.against), config.of)
                files["against"] = digest(Path(str(config.against)) / "samples.parquet")
            if known is not None and known.labels is not None:
                key = ("known", "labels")
                file = context.folder / known.labels
                pairs = config.against is not None
                labelled = labelled_answers(file, known.runs, config.of, pairs=pairs)
                files["labels"] = digest(file)
        except UsageError as error:
            raise ConfigError(Issue(key, str(error))) from error
        answers = KnownAnswers(judged, config, (context.seed, name), labelled)
        return cls(name, config, judged, context.seed, roles, answers, opponents, files)

    @property
    def roles(self) -> Mapping[str, AdapterHandle]:
        """The judge, and the two families where there are any."""
        return self._roles

    def cells(self) -> Sequence[Cell]:
        known = [
            Cell(sort, {"answers": sort}, stratum=sort if sort in self._known.labelled else "")
            for sort in self._known.sorts
        ]
        return [*([JUDGED] if self._judged else []), *known]

    def count(self, cell: Cell) -> int:
        return len(self.dataset) if cell.id == JUDGED.id else self._known.count(cell.id)

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return self.dataset if cell.id == JUDGED.id else self._known.samples(cell.id)

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        """Ask the model, or the judge about a known answer at once, or both families."""
        if sample.problem is not None:
            raise SampleError(sample.problem)
        if cell.id == JUDGED.id:
            if self._pairs and self._opponent(sample) is None:
                return ()
            return self._of.requests(cell, sample, oracle=oracle, task=self.name)
        shown = shown_in(sample)
        if cell.id == FAMILIES:
            (asked,) = self._base.again(cell, sample, oracle=oracle, task=self.name)
            return tuple(replace(asked, id=f"{asked.id}/{role}", role=role, part=role) for role in (_OWN, _OTHER))
        if shown is None or not shown.answers:
            return ()
        right = self._asking.verdict(1.0 if self._pairs else shown.truth)
        about = self._of.told(sample, ())
        return self._asking.requests(cell.id, sample, shown.answers, right if oracle else None, about)

    def then(self, cell: Cell, sample: Sample, responses: Sequence[Response], *, oracle: bool) -> tuple[Request, ...]:
        """Ask the model on where it talks; ask the judge, once there are answers to judge."""
        if cell.id == FAMILIES and len(responses) == 2:
            texts = [_said(response) for response in responses]
            if not self._even(sample, texts):
                return ()
            return self._asking.requests(cell.id, sample, texts, "tie" if oracle else None, self._of.told(sample, ()))
        rounds = self._of.rounds(sample)
        if cell.id != JUDGED.id or len(responses) > rounds:
            return ()
        if len(responses) < rounds:
            return self._of.then(cell, sample, responses, oracle=oracle, task=self.name)
        texts = [_said(responses[-1])]
        if not texts[0]:
            return ()
        if self._pairs:
            texts.append(str(self._opponent(sample)))
            if _same(*texts):
                return ()
        right = self._asking.verdict(float(bool(self._of.right(sample, responses[-1].text or "")))) if oracle else None
        return self._asking.requests(cell.id, sample, texts, right, self._of.told(sample, responses))

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        shown = shown_in(sample)
        undefined = dict.fromkeys(self.metrics, _UNDEFINED)
        if shown is not None:
            failed = any(response.status is not Status.OK for response in responses)
            return undefined if failed or not responses else {**undefined, SCORE: self._known_score(shown, responses)}
        rounds = self._of.rounds(sample)
        own, verdicts = responses[:rounds], responses[rounds:]
        if not own or any(response.status is not Status.OK for response in verdicts):
            # The judge gave no verdict: that is no fault of the answer, which counts nowhere then.
            return undefined
        failed = len(own) < rounds or any(response.status is not Status.OK for response in own)
        answer = "" if failed else _said(own[-1])
        return {SCORE: self._judged_score(answer, verdicts, failed=failed), **self._of.score(sample, own)}

    def joined(self, sample: Sample, responses: Sequence[Response]) -> str:
        """Return the answer that is judged: the model's, or the known one (of two, the one that is better)."""
        shown = shown_in(sample)
        if shown is None:
            own = responses[: self._of.rounds(sample)]
            return (own[-1].text if own else "") or ""
        if shown.sort == FAMILIES:
            return (responses[0].text if responses else "") or ""
        return shown.answers[0] if shown.answers else ""

    def statistics(self) -> Sequence[Statistic]:
        sorts, calibrating = self._known.sorts, self._known.calibrating
        judged: list[Statistic] = []
        if self._judged:
            graded = self._config.rubric.scale is not None or (self._config.votes > 1 and not self._pairs)
            judged = [*judged_numbers(calibrating, pairs=self._pairs, graded=graded)]
        sliced = [one for one in judged if not one.name.endswith("_corrected")]
        asked = [cell.id for cell in self.cells()]
        how = [*manner(asked)] if self._pairs else []
        return [*judged, *judge_numbers(sorts, calibrating, pairs=self._pairs), *how, *self._slices.of(sliced)]

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        return cell_numbers(cell.id, pairs=self._pairs)

    def columns(self) -> Mapping[str, ColumnSpec]:
        return column_specs(self.metrics)

    def unfit(self, sample: Sample) -> Mapping[str, str]:
        """Say what the metrics of the task that is judged say."""
        found = self._base.unfit(sample) if self._judged else {}
        return {label: why for label, why in found.items() if label in self.metrics}

    def misplaced(self, sample: Sample) -> str:
        """Return how the markers in a question do not fit its images; nothing where they do."""
        return self._base.misplaced(sample)

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show how verdicts fall on known answers, and say what the judge cannot be believed in."""
        said = findings(figures, self._known.calibrating, pairs=self._pairs)
        return Illustration(findings=tuple(said), tables=(verdict_table(results, pairs=self._pairs),))

    def describe(self) -> Mapping[str, Any]:
        left_out = {"of", "metric", "slices", "judge", "self_preference", "prompt", "against"}
        return {
            "kind": self.kind,
            "of": self._base.describe(),
            "metric": self._config.metric or self._base.primary,
            **self._config.model_dump(mode="json", exclude=left_out),
            "prompt": template_of(self._config, self._of.form),
            "pairs": self._pairs,
            "roles": {role: dict(handle.describe()) for role, handle in self._roles.items()},
            "files": dict(self._files),
        }

    def _opponent(self, sample: Sample) -> str | None:
        if self._opponents is not None:
            return clean(self._opponents.get(sample.id, "")) or None
        return self._of.opponent(sample) or None

    def _even(self, sample: Sample, texts: Sequence[str]) -> bool:
        """Return whether two answers are both right or both wrong, and not the same."""
        if not all(texts) or _same(*texts):
            return False
        first, second = (self._of.right(sample, text) for text in texts)
        return first is not None and first == second

    def _opinion(self, texts: Sequence[str]) -> opinions.Opinion:
        if not self._pairs:
            return opinions.of_one(texts, self._config)
        half = len(texts) // 2
        return opinions.of_two(texts[:half], texts[half:])

    def _judged_score(self, answer: str, verdicts: Sequence[Response], *, failed: bool) -> Score:
        status = Status.OK if failed else Status.UNPARSED
        if not answer:  # nothing that the judge could pass; a failed one takes its status on
            return _score(0.0, status, passed=0.0, came=0.0)
        words = float(len(answer.split()))
        if not verdicts:  # it is what it would be held against
            return _score(0.5, passed=0.5, came=1.0, words=words)
        return self._score_of(self._opinion([one.text or "" for one in verdicts]), came=1.0, words=words)

    def _known_score(self, shown: Shown, responses: Sequence[Response]) -> Score:
        texts = [one.text or "" for one in responses]
        if shown.sort != FAMILIES:
            words = float(len(shown.answers[0].split()))
            return self._score_of(self._opinion(texts), words=words)
        verdicts = texts[2:]
        if not verdicts:
            return _UNDEFINED
        if self._pairs:
            found = self._opinion(verdicts)
            return self._score_of(found, preferred=found.passed)
        half = len(verdicts) // 2
        own, other = (self._opinion(part) for part in (verdicts[:half], verdicts[half:]))
        asked, unread = (float(getattr(own, name) + getattr(other, name)) for name in ("asked", "unread"))
        preferred = 0.5 + (own.passed - other.passed) / 2
        return _score(preferred, preferred=preferred, verdicts=asked, unread=unread)

    def _score_of(self, found: opinions.Opinion, **sums: float) -> Score:
        sums |= {"passed": found.passed, "verdicts": float(found.asked), "unread": float(found.unread)}
        if self._pairs:
            sums |= {"orders": float(found.orders), "first": float(found.first), "decided": float(found.decided)}
            if not math.isnan(found.agreeing):
                sums["agreeing"] = found.agreeing
        if not math.isnan(found.grade):
            return Score(found.grade, sums=sums)
        # What nobody can read is counted as such; of two answers neither has won.
        return Score(0.5, sums=sums) if self._pairs else Score(_NAN, Status.UNPARSED, sums=sums)


def _said(response: Response) -> str:
    """Return an answer as a judge is shown it: without thinking and marks of templates."""
    return (clean(response.text or "") or "").strip()


def _same(one: str, other: str) -> bool:
    return folded(one) == folded(other)


def _score(value: float, status: Status = Status.OK, **sums: float) -> Score:
    return Score(value if status is Status.OK else _NAN, status, sums=sums)


__all__ = ["JudgeTask"]
