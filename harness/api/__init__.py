"""The front door: what the command line does, as functions that print nothing and return what they found.

Names, paths or objects go in; options are called as on the command line and have its defaults. A mistake is a
:class:`~harness.errors.HarnessError` whose text says what to do. A run that failed is no exception: it comes back
with a record whose status says so, for what it measured is there to be looked at.
"""

from harness.api.causes import why
from harness.api.comparing import compare, equivalent
from harness.api.given import load_run, load_suite
from harness.api.judging import gate
from harness.api.labelled import by_labels
from harness.api.picking import pick
from harness.api.running import run
from harness.api.scoring import score

__all__ = ["by_labels", "compare", "equivalent", "gate", "load_run", "load_suite", "pick", "run", "score", "why"]
