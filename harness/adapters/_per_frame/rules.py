"""Declared rules: which questions about a clip they fit, what each frame is asked, how the answers are put together."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from harness.adapters._per_frame.shapes import best_run, best_turn, most_common, window
from harness.errors import ConfigError, Issue
from harness.reading.folded import folded
from harness.spec.answer import TemporalAnswer
from harness.spec.models import Model

Shape = Literal["span", "index", "turn", "vote"]
Fill = Callable[[Mapping[str, str]], str]


class RuleConfig(Model):
    """How one kind of question is put to the frames."""

    when: str
    """A regular expression that is searched for in the prompt; its named groups can be used below."""
    ask: str
    """The question to each frame, a Jinja template of the groups: `Is {{ a }} higher than {{ b }}?`."""
    put_together: Shape = "span"
    """`span`: the run of frames with the most hits over misses. `index`: as `span`, and the answer is the number of its
    first frame, from 0. `turn`: the one change that fits best. `vote`: the answer that most frames give."""
    hit: str = "yes"
    """The answer that counts as a hit, a template; case does not matter."""
    rising: str | None = None
    """What to answer where hits follow a turn, a template."""
    falling: str | None = None
    """What to answer where misses follow it, a template."""


class RulesConfig(Model):
    """A list of rules."""

    rules: tuple[RuleConfig, ...] = Field(min_length=1, strict=False)
    """Tried in order; the first that fits is taken."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that is ready to use."""

    config: RuleConfig
    pattern: "re.Pattern[str]"
    ask: Fill
    hit: Fill
    rising: Fill
    falling: Fill

    def fits(self, prompt: str) -> dict[str, str] | None:
        """Return the groups of the pattern where it is found."""
        match = self.pattern.search(prompt)
        return None if match is None else {name: text or "" for name, text in match.groupdict().items()}

    def answer(self, groups: Mapping[str, str], said: Sequence[str], times: Sequence[float]) -> TemporalAnswer:
        """Put the frames' answers together.

        Args:
            groups: of the pattern.
            said: what each frame was answered, at least one.
            times: when each frame is shown, growing.
        """
        plain = [folded(text) for text in said]
        if self.config.put_together == "vote":
            winner, frames = most_common(plain)
            cited = tuple(times[i] for i in frames)
            shown = said[frames[0]].strip()
            runs = best_run([answer == winner for answer in plain])
            spans = (window(times, runs.first, runs.last),) if runs else ()
            return _answer(shown, spans, cited, len(frames) / len(said))
        wanted = folded(self.hit(groups))
        hits = [answer == wanted for answer in plain]
        found = best_turn(hits) if self.config.put_together == "turn" else best_run(hits)
        if found is None:
            return _answer(None, (), (), sum(not hit for hit in hits) / len(hits))
        cited = tuple(times[found.first : found.last + 1])
        spans = (window(times, found.first, found.last),)
        words = None
        if self.config.put_together == "turn":
            words = (self.rising if found.rising else self.falling)(groups)
        elif self.config.put_together == "index":
            words = str(found.first)
        return _answer(words, spans, cited, found.agreement)


def _answer(
    words: str | None, spans: tuple[tuple[float, ...], ...], cited: tuple[float, ...], sure: float
) -> TemporalAnswer:
    rounded = tuple(tuple(round(end, 3) for end in span) for span in spans)
    return TemporalAnswer(
        answer=words,
        spans=rounded,
        frame_references=tuple(round(time, 3) for time in cited),
        confidence=round(sure, 3),
    )


def compile_rules(configs: Sequence[RuleConfig]) -> tuple[Rule, ...]:
    """Make rules ready.

    Raises:
        ConfigError: with every pattern and template that cannot be used.
    """
    issues: list[Issue] = []
    rules = [_compile(config, ("rules", i), issues) for i, config in enumerate(configs)]
    if issues:
        raise ConfigError(*issues)
    return tuple(rule for rule in rules if rule is not None)


def _compile(config: RuleConfig, path: tuple[str | int, ...], issues: list[Issue]) -> Rule | None:
    try:
        pattern = re.compile(config.when)
    except re.error as cause:
        issues.append(Issue((*path, "when"), f"not a regular expression: {cause}"))
        return None
    if config.put_together == "turn" and (config.rising is None or config.falling is None):
        issues.append(Issue(path, "a turn needs what to answer: `rising` and `falling`"))
    fills = {
        name: _template(getattr(config, name) or "", pattern, (*path, name), issues)
        for name in ("ask", "hit", "rising", "falling")
    }
    return Rule(config, pattern, **fills)


def _template(text: str, pattern: "re.Pattern[str]", path: tuple[str | int, ...], issues: list[Issue]) -> Fill:
    import jinja2
    from jinja2 import meta, sandbox

    environment = sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    try:
        unknown = sorted(meta.find_undeclared_variables(environment.parse(text)) - set(pattern.groupindex))
        compiled: Any = environment.from_string(text)
    except jinja2.TemplateError as cause:
        issues.append(Issue(path, f"no Jinja template: {cause}"))
        return lambda groups: ""
    if unknown:
        known = ", ".join(pattern.groupindex) or "none: name them with (?P<name>…)"
        issues.append(Issue(path, f"`when` has no group {unknown[0]!r}", f"its groups: {known}"))
    return lambda groups: str(compiled.render(**groups))
