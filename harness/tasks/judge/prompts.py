"""What a judge is asked, in words: one template for one answer, one for two."""

from collections.abc import Callable, Sequence
from typing import Final

from harness.tasks._prompt import compile_template
from harness.tasks.judge.config import Form, JudgeConfig

_SHARED: Final = ("question", "reference", "references", "conversation", "criteria", "examples")
_SINGLE_KNOWS: Final = (*_SHARED, "answer", "lowest", "highest")
_PAIR_KNOWS: Final = (*_SHARED, "first", "second")

_CRITERIA: Final = (
    "{% if criteria %}A good answer:\n{% for one in criteria %}- {{ one }}\n{% endfor %}{% endif %}"
)  # fmt: skip
_ABOUT: Final = "Question: {{ question }}\n{% if reference %}Right answer: {{ reference }}\n{% endif %}"
_SINGLE: Final = (
    "Judge an answer to a question.\n" + _CRITERIA +
    "{% for one in examples %}Question: {{ one.question }}\nAnswer: {{ one.answer }}\nVerdict: {{ one.verdict }}\n"
    "{% endfor %}" + _ABOUT + "Answer: {{ answer }}\n"
)  # fmt: skip
_CAPTIONS: Final = (
    "Asked for: {{ question }}\n{% for one in references %}Somebody wrote: {{ one }}\n{% endfor %}"
)  # fmt: skip
_CONVERSATION: Final = (
    "{% for one in conversation %}User: {{ one[0] }}\nAssistant: {{ one[1] }}\n{% endfor %}"
)  # fmt: skip
_PAIR: Final = (
    "Judge two answers to a question.\n" + _CRITERIA +
    "{% for one in examples %}Question: {{ one.question }}\nAnswer A: {{ one.answer }}\nAnswer B: {{ one.other }}\n"
    "Verdict: {{ one.verdict }}\n{% endfor %}" + _ABOUT + "Answer A: {{ first }}\nAnswer B: {{ second }}\n"
)  # fmt: skip
_FITS: Final = "Does it describe the picture, and say nothing that is not there?"
_ASKS: Final = {
    ("passed", "words"): "Is the answer right? Say yes or no.",
    ("passed", "json"): 'Is the answer right? Answer in JSON: {"verdict": "yes"} or {"verdict": "no"}.',
    ("grade", "words"): "Grade it from {{ lowest }} (worst) to {{ highest }} (best). Say the number alone.",
    ("grade", "json"): 'Grade it from {{ lowest }} (worst) to {{ highest }} (best), in JSON: {"score": …}.',
    ("pair", "words"): "Which answer is better? Say A, B or tie.",
    ("pair", "json"): 'Which answer is better? Answer in JSON: {"winner": "A"}, {"winner": "B"} or {"winner": "tie"}.',
}


def template_of(config: JudgeConfig, form: Form = "question") -> str:
    """Return the template that a judge's prompt is made with, for answers of one form."""
    if config.prompt is not None:
        return config.prompt
    pairs = config.against is not None
    kind = "pair" if pairs else "grade" if config.rubric.scale else "passed"
    return _worded(_PAIR if pairs else _SINGLE, form) + _worded(_ASKS[kind, config.verdict], form)


def _worded(text: str, form: Form) -> str:
    """Return words about answers to questions as words about those of another form."""
    if form == "dialogue":
        return text.replace(_ABOUT, _CONVERSATION + _ABOUT).replace(" to a question.", " that ends a conversation.")
    if form == "caption":
        told = {_ABOUT: _CAPTIONS, " to a question.": " that describe a picture.", "Is the answer right?": _FITS}
        if "Judge an answer" in text:
            told[" to a question."] = " that describes a picture."
        for old, new in told.items():
            text = text.replace(old, new)
    return text


def compile_judging(config: JudgeConfig, form: Form = "question") -> Callable[..., str]:
    """Return what fills a judge's prompt in.

    Args:
        config: the keys of the judging task.
        form: of the answers that are judged.

    Raises:
        ValueError: if the template is malformed, names something else, or shows no answer.
    """
    template = template_of(config, form)
    knows: Sequence[str] = _PAIR_KNOWS if config.against is not None else _SINGLE_KNOWS
    fill = compile_template(template, knows)
    for shown in ("first", "second") if config.against is not None else ("answer",):
        if shown not in template:
            raise ValueError(f"the prompt does not show `{shown}`")
    return fill
