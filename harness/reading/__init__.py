"""Reading what models write: the one layer between a text and the value that a metric judges.

Each module reads one kind of thing and says what it read, where and why; where two readings compete it says so and
decides nothing. Metrics and extraction steps use these readers and have no patterns of their own.
"""

from harness.reading.found import Found, Reading, agreed, nothing

__all__ = ["Found", "Reading", "agreed", "nothing"]
