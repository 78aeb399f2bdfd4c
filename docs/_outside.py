"""Links from the documents to files of the repository, which a site does not hold: they lead to where those are kept.

A hook of mkdocs; see ``mkdocs.yml``.
"""

import re
from typing import Any

_OUTSIDE = re.compile(r"\]\((?:\.\./)+([\w./-]+)((?:#[\w-]+)?)\)")
_HOME = "https://github.com/vlm-harness/vlm-harness/blob/main"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page whose links to files outside ``docs/`` are addresses."""
    depth = page.file.src_uri.count("/")

    def address(found: "re.Match[str]") -> str:
        return f"]({_HOME}/{found[1]}{found[2]})" if found[0].count("../") > depth else found[0]

    return _OUTSIDE.sub(address, markdown)
