"""How large a number may be that a file or the command line gives, where more only ends in an error of the machine."""

from typing import Final

MOST_IN_A_BATCH: Final = 65_536
"""Requests a call."""
MOST_THREADS: Final = 1024
MOST_PIXELS_A_SIDE: Final = 10_000
"""Of an image that is made or resized for a model."""
