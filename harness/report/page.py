"""What every page shares: templates that escape everything, inlined assets, data, a policy that lets nothing out."""

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from harness.report import numbers
from harness.report.text import plain

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

_MARK: Final = "document.documentElement.className='js'"
"""Runs first, so that nothing jumps when a chart takes the place of its picture."""


def environment() -> "jinja2.Environment":
    """Return the templates' environment: everything escaped, undefined names an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "interval": numbers.interval,
        "coverage": numbers.coverage,
        "cut_off": numbers.cut_off,
        "arrow": numbers.arrow,
        "way": numbers.way,
        "number": numbers.short,
        "plain": plain,
        "whole": numbers.whole,
        "day": numbers.day,
    }
    environment.globals |= {"asset": _style, "script": script, "policy": policy, "begin": lambda: _script(_MARK)}
    return environment


@cache
def asset(name: str) -> str:
    """Return the text of a file in ``assets/``."""
    return files("harness.report").joinpath("assets", name).read_text(encoding="utf-8").strip()


def script(name: str) -> "Markup":
    """Return a script of ours, inlined."""
    return _script(asset(name))


def policy(names: Sequence[str], beside: bool = False, asks: bool = False) -> str:
    """Return a content security policy: no request leaves the page, and no script runs but those named.

    Args:
        names: files in ``assets/`` that the page inlines.
        beside: whether the page loads a data file that lies beside it.
        asks: whether the page talks to the server that it came from, and to no other.
    """
    texts = [_MARK, *map(asset, names)]
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    near = " 'self' file:" if beside else ""
    server = "img-src 'self' data:; connect-src 'self'" if asks else "img-src data:"
    inside = f"default-src 'none'; {server}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'"
    return f"{inside}; script-src {allowed}{near}"


def as_json(value: Any) -> "Markup":
    """Return JSON that may stand inside a script element: nothing in it can end the element or open a comment."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return Markup(safe.encode("utf-8", "replace").decode("utf-8"))  # noqa: S704 - escaped above


def _style(name: str) -> "Markup":
    from markupsafe import Markup

    return Markup(asset(name))  # noqa: S704 - our own file


def _script(text: str) -> "Markup":
    from markupsafe import Markup

    return Markup("<script>{}</script>").format(Markup(text))  # noqa: S704 - our own file
