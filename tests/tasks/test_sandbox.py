"""A prompt from a stranger can fill in what it is given, and cannot eat time, memory or secrets."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from harness.tasks._prompt import compile_prompt
from harness.types import Sample

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = Sample("1", "Which is largest?", (), tags={"style": "pie", "hint": "A or B"})


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{{ question }} One word.", "Which is largest? One word."),
        ("{% if tags.style == 'pie' %}Pie: {% endif %}{{ question | upper }}", "Pie: WHICH IS LARGEST?"),
        ("{% for key, value in tags.items() %}{{ key }}={{ value }} {% endfor %}", "style=pie hint=A or B "),
        ("{{ tags.get('none', '-') }}{{ question.split() | length }}", "-3"),
        ("{{ tags.values() | join(', ') }}", "pie, A or B"),
        ("{{ question | replace('largest', 'smallest') }} {{ 2 * 3 + 1 }}", "Which is smallest? 7"),
        ("{{ 'b' if tags.style is defined else 'c' }}{{ question[:5] }}\n", "bWhich\n"),
    ],
)
def test_what_prompts_need_works(template: str, filled: str) -> None:
    assert compile_prompt(template)(SAMPLE) == filled


HOSTILE = [
    "{{ 'x' * 10**10 }}",
    "{{ 'x' * 9999999999 }}",
    "{{ [0] * 9999999999 }}",
    "{{ 9**9**9**9 }}",
    "{{ '%9999999999d' % 1 }}",
    "{{ 'x'.center(9999999999) }}",
    "{{ '{:>9999999999}'.format(1) }}",
    "{{ 'x' | center(9999999999) }}",
    "{{ 'x' | indent(9999999999) }}",
    "{{ range(99999) | list }}",
    "{{ lipsum(n=9999) }}",
    "{% for a in question %}{% for b in question %}{% for c in question %}.{% endfor %}{% endfor %}{% endfor %}",
    "{% set x = 'xxxxxxxx' %}{% set x = x ~ x %}{{ x }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{{ question.__class__.__mro__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.environ }}",
    "{{ question | attr('__class__') }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ 'aaaaaaaa' | replace('a', 'bbbbbbbbbb' | replace('b', question)) }}" * 1500,
    "{% for c in question %}" + "{{ question }}" * 1200 + "{% endfor %}",
]


@pytest.mark.parametrize("template", HOSTILE, ids=[text[:40] for text in HOSTILE])
def test_a_hostile_template_is_refused_or_costs_its_sample(template: str) -> None:
    sample = Sample("1", "aaaa bbbb " * 200, ())
    with pytest.raises(Exception, match=r"."):
        assert len(compile_prompt(template)(sample)) < 0


def test_no_hostile_template_takes_much_memory_or_time() -> None:
    script = (
        "from tests.tasks.test_sandbox import HOSTILE\n"
        "from harness.tasks._prompt import compile_prompt\n"
        "from harness.types import Sample\n"
        "for template in HOSTILE:\n"
        "    try:\n"
        "        compile_prompt(template)(Sample('1', 'aaaa bbbb ' * 200, ()))\n"
        "    except Exception:\n"
        "        pass\n"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, preexec_fn=limit, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_is_refused_is_said_at_its_line() -> None:
    with pytest.raises(ValueError, match=r"the prompt may not use 'assign' \(line 2\)"):
        compile_prompt("{{ question }}\n{% set x = 1 %}")
    with pytest.raises(ValueError, match=r"may call nothing but .* \(line 1\)"):
        compile_prompt("{{ question.format(1) }}")
