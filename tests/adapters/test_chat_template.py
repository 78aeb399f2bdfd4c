"""A model's folder may bring any Jinja: it fills in prompts, and can take neither time nor memory."""

from typing import Any

import pytest
from jinja2.exceptions import SecurityError

from harness.adapters import _chat_template
from harness.adapters._chat_template import ChatEnvironment, trial
from harness.adapters._qwen2_vl.prompts import ChatTemplate
from harness.errors import SampleError
from harness.types import Request

BOMBS = {
    "loops": "{% for a in range(9999) %}" * 3 + "{% endfor %}" * 3,
    "doubling": "{% set n = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    "adding": "{% set n = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
    "times": "{{ 'a' * 10000000000 }}",
    "lists": "{{ [0] * 10000000000 }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "percent": "{{ '%9999999999d' % 1 }}",
    "format": "{{ '{:>9999999999}'.format(1) }}",
    "width": "{{ 'a'.ljust(9999999999) }}",
    "centre": "{{ 'a' | center(9999999999) }}",
    "replace": "{% set a = 'a' * 99999 %}{{ a.replace('', a) }}",
    "join": "{% set a = 'a' * 99999 %}{{ range(9999) | join(a) }}",
    "macro": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(50) }}",
    "recursive": "{% for a in range(999) recursive %}{{ loop(range(999)) if loop.depth < 4 }}{% endfor %}",
    "filters": "{% for a in range(99999) %}{{ a | string | upper }}{% endfor %}",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_would_take_all_time_or_memory_is_refused_in_words(bomb: str) -> None:
    with pytest.raises(SampleError, match=r"template refuses this conversation: (more than|a )"):
        ChatTemplate(BOMBS[bomb], {}).render(Request("a", "?"))


def test_each_render_has_a_budget_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_chat_template, "STEPS", 50)
    template = ChatTemplate("{% for i in range(40) %}{{ i }}{% endfor %}", {})
    assert {template.render(Request("a", "?")) for _ in range(3)} == {"".join(map(str, range(40)))}


def test_usual_jinja_means_what_it_means_elsewhere() -> None:
    text = (
        "{% for m in ['a', 'b'] %}{{ loop.index ~ m ~ loop.last ~ loop.length }} {% endfor %}"
        "{% generation %}{{ ['x', 'y'] | join('-') }}{% endgeneration %}"
        "{{ 'aba'.replace('a', 'c') | replace('c', 'd') }}"
        "{{ '%s %03d' % ('p', 7) }}{{ 'q' * 3 + 'r' }}{{ 2000000 | string }}{{ {'a': 1} | tojson }}"
        "{% for a in [[1], []] recursive %}[{{ loop(a) if a is iterable }}]{% endfor %}"
    )
    shown = "1aFalse2 2bTrue2 x-ydbdp 007qqqr2000000" + '{"a": 1}' + "[[]][]"
    assert ChatEnvironment().from_string(text).render() == shown


def test_a_template_that_somebody_else_fills_in_is_tried_before() -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "?"}]
    with pytest.raises(SecurityError, match="rounds of loops"):
        trial({"default": BOMBS["loops"]}, {})(messages)
    for harmless in ("{{ messages[0].role }}", "{{ nothing.at.all }}", "{% nonsense", "{{ raise_exception('no') }}"):
        trial(harmless, {})(messages)
