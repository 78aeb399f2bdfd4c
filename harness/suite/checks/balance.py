"""How answers are spread: letters, yes and no, and the most frequent answer."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from harness.suite.checks.rows import right_letter
from harness.types import Sample

_LETTERS: Final = 40
_FEWEST: Final = 20
_RARE: Final = 0.001
"""How unlikely a spread of letters must be by chance, where all are equally often right."""
_LONG: Final = 80
"""Characters of an answer beyond which it is a text of its own and no class."""


@dataclass(slots=True)
class Balance:
    """Counts answers of one dataset as they come by."""

    letters: Counter[str] = field(default_factory=Counter)
    expected: Counter[str] = field(default_factory=Counter)
    yes: int = 0
    no: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    open: int = 0

    def see(self, sample: Sample) -> None:
        """Count one row."""
        choices = sample.facts.get("choices")
        if isinstance(choices, list | tuple) and choices:
            if right := right_letter(sample):
                self.letters[right] += 1
                for at in range(len(choices)):
                    self.expected[chr(ord("A") + at)] += 1 / len(choices)  # type: ignore[assignment]
            return
        said = {one.strip().rstrip(".").lower() for one in sample.references}
        if said and said <= {"yes", "no"} and len(said) == 1:
            self.yes += "yes" in said
            self.no += "no" in said
        elif sample.references and len(sample.references[0]) <= _LONG:
            self.open += 1
            self.answers[sample.references[0].strip().lower()] += 1

    def findings(self) -> Iterator[tuple[str, str]]:
        """Yield what is not balanced, with what it is worth to somebody who does not look."""
        yield from self._letters()
        asked = self.yes + self.no
        if asked >= _FEWEST and _far(self.yes, asked):
            share = max(self.yes, self.no) / asked
            word = "yes" if self.yes > self.no else "no"
            yield (
                "yes-no",
                f"{word!r} is right in {share:.0%} of {asked:,} questions: who always says so scores {share:.2f}",
            )
        if self.open >= _FEWEST:
            answer, count = self.answers.most_common(1)[0]
            if count / self.open >= 0.5:
                said = f"{answer!r:.60} is right in {count / self.open:.0%} of {self.open:,} questions"
                yield "majority", f"{said}: who always says so scores {count / self.open:.2f}"

    def _letters(self) -> Iterator[tuple[str, str]]:
        from scipy.stats import chi2

        count = self.letters.total()
        if count < _LETTERS or len(self.expected) < 2:
            return
        off = sum((self.letters[name] - due) ** 2 / due for name, due in self.expected.items())
        name, most = max(
            ((name, self.letters[name] - due) for name, due in self.expected.items()), key=lambda one: one[1]
        )
        if chi2.sf(off, len(self.expected) - 1) < _RARE and most / count >= 0.1:
            due = self.expected[name] / count
            yield (
                "letters",
                f"{name} is right in {self.letters[name] / count:.0%} of {count:,} questions, {due:.0%} by chance",
            )


def _far(yes: int, asked: int) -> bool:
    from scipy.stats import binomtest

    return not 0.4 <= yes / asked <= 0.6 and binomtest(yes, asked).pvalue < 0.01
